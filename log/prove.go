package log

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/bundle"
)

// Entry returns the bytes of a published entry. Otherwise the error is
// fs.ErrNotExist, or ErrNotPublished where the entry is logged already.
func (l *Log) Entry(ctx context.Context, index uint64) ([]byte, error) {
	if _, err := l.checkPublished(index); err != nil {
		return nil, err
	}
	return l.entry(ctx, index)
}

func (l *Log) entry(ctx context.Context, index uint64) ([]byte, error) {
	number, place := index/tlog.TileWidth, int(index%tlog.TileWidth)
	data, err := l.config.Appender.ReadEntries(ctx, number, place+1)
	if err != nil {
		return nil, fmt.Errorf("entry bundle %d: %w", number, err)
	}
	entries, err := tlog.ParseBundle(data, place+1)
	if err != nil {
		return nil, fmt.Errorf("entry bundle %d: %w", number, err)
	}
	return bytes.Clone(entries[place]), nil // not the whole bundle's memory
}

// checkPublished returns the newest anchor if it covers index.
func (l *Log) checkPublished(index uint64) (Anchor, error) {
	newest, _ := l.published.newest()
	if index < newest.Checkpoint.Size {
		return newest, nil
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if index < l.durable.size {
		return Anchor{}, fmt.Errorf("entry %d: %w", index, ErrNotPublished)
	}
	return Anchor{}, fmt.Errorf("entry %d: %w: the log has %d", index, fs.ErrNotExist, l.durable.size)
}

// Proof returns the c2sp.org/tlog-proof@v1 of a published entry in the smallest
// anchor that covers it, so the same proof is returned for ever.
func (l *Log) Proof(ctx context.Context, index uint64) ([]byte, error) {
	if _, err := l.checkPublished(index); err != nil {
		return nil, err
	}
	anchor, err := l.config.Anchors.Covering(ctx, index)
	if err != nil {
		return nil, fmt.Errorf("anchor of entry %d: %w", index, err)
	}
	inclusion, err := l.prover(anchor).Inclusion(ctx, index)
	if err != nil {
		return nil, err
	}
	proof := tlog.Proof{Index: index, Inclusion: inclusion, Checkpoint: anchor.Note}
	return proof.Marshal(), nil
}

// prover makes proofs in the tree of an anchor and checks them against its root.
func (l *Log) prover(anchor Anchor) *tlog.Prover {
	return tlog.NewProverForRoot(anchor.Checkpoint.Size, anchor.Checkpoint.Root, l.config.Appender)
}

// Bundle returns the proof bundle of a published entry in the newest anchor: the
// whole authority chain and the entry; of a release also its images, the oldest
// entry of its identity, and the anchor that first covered that one, from which a
// relying party counts its age.
func (l *Log) Bundle(ctx context.Context, index uint64) ([]byte, error) {
	newest, err := l.checkPublished(index)
	if err != nil {
		return nil, err
	}
	parts, err := l.parts(ctx, index, newest.Checkpoint.Size)
	if err != nil {
		return nil, err
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
	for _, part := range parts.anchored {
		anchor, err := l.config.Anchors.Covering(ctx, part)
		if err != nil {
			return nil, fmt.Errorf("anchor of entry %d: %w", part, err)
		}
		consistency, err := prover.Consistency(ctx, anchor.Checkpoint.Size)
		if err != nil {
			return nil, err
		}
		b.Anchors = append(b.Anchors, bundle.Anchor{Checkpoint: string(anchor.Note), Consistency: consistency})
	}
	slices.SortFunc(b.Anchors, func(x, y bundle.Anchor) int { return strings.Compare(x.Checkpoint, y.Checkpoint) })
	return b.Marshal()
}

// bundleParts are the indices of what a bundle holds.
type bundleParts struct {
	entries  []uint64 // ascending
	anchored []uint64 // entries whose first anchor goes with them
}

// parts gathers the indices below size that belong to an entry's bundle.
func (l *Log) parts(ctx context.Context, index, size uint64) (bundleParts, error) {
	entry, err := l.entry(ctx, index)
	if err != nil {
		return bundleParts{}, err
	}
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
		images, err := imagesOf(entry)
		if err != nil {
			return bundleParts{}, err
		}
		for _, image := range images {
			if at, ok := l.register.Lookup(image); ok {
				parts.entries = append(parts.entries, at)
			}
		}
		if oldest, ok := l.register.OldestAt(record.Identity, size); ok {
			parts.entries = append(parts.entries, oldest)
			parts.anchored = append(parts.anchored, oldest)
		}
	}
	slices.Sort(parts.entries)
	parts.entries = slices.Compact(parts.entries)
	return parts, nil
}

// imagesOf returns the payload digests of a release entry's images.
func imagesOf(entry []byte) ([]release.Digest, error) {
	envelope, err := release.ParseEnvelope(entry)
	if err != nil {
		return nil, err
	}
	statement, err := release.ParseStatement(envelope.Payload)
	if err != nil {
		return nil, err
	}
	named, ok := statement.Predicate.(*release.Release)
	if !ok {
		return nil, errors.New("not a release")
	}
	return named.Images, nil
}
