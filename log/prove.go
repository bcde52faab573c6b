package log

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"

	"github.com/muster-log/muster/tlog"
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
