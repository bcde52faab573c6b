package log

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog/bundle"
)

// Bundle returns the proof bundle of a published entry in the newest anchor: the
// whole authority chain and the entry. Of a release it is all that a node staples:
// also its images; the oldest entry of its identity, with the anchor that first
// covered it, from which a relying party counts its age; and the newest roll of
// its product, with the freshest anchor of exactly the roll's size. A roll that is
// older than the release, and so cannot know it, is left out: with it the release
// were refused by those who ask for no roll, too.
func (l *Log) Bundle(ctx context.Context, index uint64) ([]byte, error) {
	newest, err := l.checkPublished(index)
	if err != nil {
		return nil, err
	}
	entry, err := l.entry(ctx, index)
	if err != nil {
		return nil, err
	}
	parts, err := l.parts(index, newest.Checkpoint.Size, entry)
	if err != nil {
		return nil, err
	}
	rollSize := uint64(0)
	if parts.hasRoll {
		if rollSize, err = l.rollSize(ctx, parts.roll); err != nil {
			return nil, err
		}
		if rollSize <= index {
			parts.leaveOutRoll()
		}
	}
	prover := l.prover(newest)
	b := bundle.Bundle{Checkpoint: string(newest.Note), Origin: l.config.Origin}
	for _, part := range parts.entries {
		envelope, err := l.entry(ctx, part)
		if err != nil {
			return nil, err
		}
		inclusion, err := prover.Inclusion(ctx, part)
		if err != nil {
			return nil, err
		}
		b.Entries = append(b.Entries, bundle.Entry{Envelope: envelope, Inclusion: inclusion, Index: part})
	}
	anchors, err := l.anchors(ctx, parts, rollSize)
	if err != nil {
		return nil, err
	}
	for _, anchor := range anchors {
		consistency, err := prover.Consistency(ctx, anchor.Checkpoint.Size)
		if err != nil {
			return nil, err
		}
		b.Anchors = append(b.Anchors, bundle.Anchor{Checkpoint: string(anchor.Note), Consistency: consistency})
	}
	return b.Marshal()
}

// bundleParts are the indices of what a bundle holds.
type bundleParts struct {
	entries []uint64 // ascending, with those that follow
	oldest  uint64   // of the release's identity, if hasOldest
	roll    uint64   // the newest of the release's product, if hasRoll

	hasOldest, hasRoll bool
}

func (p *bundleParts) leaveOutRoll() {
	p.entries = slices.DeleteFunc(p.entries, func(index uint64) bool { return index == p.roll })
	p.hasRoll = false
}

// rollSize reads which size of the log a roll is of.
func (l *Log) rollSize(ctx context.Context, index uint64) (uint64, error) {
	entry, err := l.entry(ctx, index)
	if err != nil {
		return 0, err
	}
	roll, err := predicateOf[*release.Roll](entry)
	if err != nil {
		return 0, fmt.Errorf("entry %d: %w", index, err)
	}
	return roll.Size, nil
}

// parts gathers the indices below size that belong to an entry's bundle.
func (l *Log) parts(index, size uint64, entry []byte) (bundleParts, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	parts := bundleParts{entries: []uint64{index}}
	for _, authority := range l.register.AuthorityChain() {
		if authority < size {
			parts.entries = append(parts.entries, authority)
		}
	}
	record, _ := l.register.Entry(index)
	if record.Type == release.TypeRelease && record.Status == register.StatusAdmitted {
		approved, err := predicateOf[*release.Release](entry)
		if err != nil {
			return bundleParts{}, err
		}
		for _, image := range approved.Images {
			if at, ok := l.register.Lookup(image); ok {
				parts.entries = append(parts.entries, at)
			}
		}
		if parts.oldest, parts.hasOldest = l.register.OldestAt(record.Identity, size); parts.hasOldest {
			parts.entries = append(parts.entries, parts.oldest)
		}
		if parts.roll, parts.hasRoll = l.register.NewestRoll(record.Product, size); parts.hasRoll {
			parts.entries = append(parts.entries, parts.roll)
		}
	}
	slices.Sort(parts.entries)
	parts.entries = slices.Compact(parts.entries)
	return parts, nil
}

// anchors returns those of a bundle, in its order, each once.
func (l *Log) anchors(ctx context.Context, parts bundleParts, rollSize uint64) ([]Anchor, error) {
	var anchors []Anchor
	if parts.hasOldest {
		anchor, err := l.config.Anchors.Covering(ctx, parts.oldest)
		if err != nil {
			return nil, fmt.Errorf("anchor of entry %d: %w", parts.oldest, err)
		}
		anchors = append(anchors, anchor)
	}
	if parts.hasRoll {
		anchor, err := l.config.Anchors.LastAt(ctx, rollSize)
		switch {
		case err == nil:
			anchors = append(anchors, anchor)
		case errors.Is(err, fs.ErrNotExist):
			// An older version admitted rolls of any size. The bundle shows the roll,
			// and a relying party misses its anchor.
		default:
			return nil, fmt.Errorf("anchor of the roll at entry %d: %w", parts.roll, err)
		}
	}
	slices.SortFunc(anchors, func(x, y Anchor) int {
		return cmp.Or(cmp.Compare(x.Checkpoint.Size, y.Checkpoint.Size), strings.Compare(string(x.Note), string(y.Note)))
	})
	return slices.CompactFunc(anchors, func(x, y Anchor) bool { return string(x.Note) == string(y.Note) }), nil
}

// predicateOf decodes what an entry states.
func predicateOf[P release.Predicate](entry []byte) (stated P, err error) {
	envelope, err := release.ParseEnvelope(entry)
	if err != nil {
		return stated, err
	}
	statement, err := release.ParseStatement(envelope.Payload)
	if err != nil {
		return stated, err
	}
	stated, ok := statement.Predicate.(P)
	if !ok {
		return stated, fmt.Errorf("got a statement of type %s, want a %T", statement.Type, stated)
	}
	return stated, nil
}
