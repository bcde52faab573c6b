package log

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog"
)

// indexRetry is the pause after the index failed. Nothing waits for the index
// but those who search in it.
const indexRetry = 2 * time.Second

const (
	// indexBundles is how many entry bundles are added to the index at once.
	indexBundles = 16

	// indexLoad is from how many new entries at once the log is under load, and
	// indexGather how long it then gathers what it adds next. The digests of
	// entries lie all over the index: the more are added at once, the fewer pages
	// are written for each.
	indexLoad   = tlog.TileWidth
	indexGather = 500 * time.Millisecond
)

// View calls read with the register, which stands still meanwhile: keep it short
// and keep nothing of it. The register may be ahead of the newest anchor.
func (l *Log) View(read func(state *register.State)) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	read(l.register)
}

// FollowIndex keeps an index up to date with what is published, until the
// context ends. An index that is not of this log is made anew. What goes wrong
// with the index is logged and tried again; the log does not depend on it.
func (l *Log) FollowIndex(ctx context.Context, index Index) {
	for ctx.Err() == nil {
		err := l.followIndex(ctx, index)
		if ctx.Err() != nil {
			return
		}
		l.config.Logger.Error("search index", "error", err, "again in", indexRetry)
		pause(ctx, indexRetry)
	}
}

func (l *Log) followIndex(ctx context.Context, index Index) error {
	next, err := index.Size(ctx)
	if err != nil {
		return err
	}
	if fits, err := l.indexFits(ctx, index, next); err != nil {
		return err
	} else if !fits {
		l.config.Logger.Warn("the search index is not of this log's entries; it is made anew", "size", next)
		if err := index.Reset(ctx); err != nil {
			return err
		}
		next = 0
	}
	for {
		anchor, err := l.WaitPublished(ctx, next)
		if err != nil {
			return err
		}
		// A few bundles at a time, so that a rebuild is a row of short transactions.
		last := min(anchor.Checkpoint.Size, (next/tlog.TileWidth+indexBundles)*tlog.TileWidth)
		records, err := l.indexRecords(ctx, next, last)
		if err != nil {
			return err
		}
		if err := index.Add(ctx, records); err != nil {
			return fmt.Errorf("add entries %d to %d: %w", next, last-1, err)
		}
		if last-next >= indexLoad && last == anchor.Checkpoint.Size {
			pause(ctx, indexGather)
		}
		next = last
	}
}

// indexFits tells whether the last record of an index is that of the entry which
// the log has there, and says the same of it as the register.
func (l *Log) indexFits(ctx context.Context, index Index, size uint64) (bool, error) {
	if size == 0 {
		return true, nil
	}
	if anchor, _ := l.Checkpoint(); size > anchor.Checkpoint.Size {
		return false, nil
	}
	records, err := index.Records(ctx, []uint64{size - 1})
	if err != nil || len(records) != 1 {
		return false, err
	}
	entry, err := l.entry(ctx, size-1)
	if err != nil {
		return false, err
	}
	var kept register.Record
	l.View(func(state *register.State) { kept, _ = state.Entry(size - 1) })
	return records[0].Entry == sha256.Sum256(entry) && records[0].Status == kept.Status, nil
}

// indexRecords makes the records of the entries from one index up to another.
func (l *Log) indexRecords(ctx context.Context, from, to uint64) ([]Record, error) {
	kept := make([]register.Record, 0, to-from)
	l.View(func(state *register.State) {
		for index := from; index < to; index++ {
			record, _ := state.Entry(index)
			kept = append(kept, record)
		}
	})
	records := make([]Record, 0, to-from)
	for index := from; index < to; {
		if p := l.recent.take(index); p != nil {
			records = append(records, makeRecord(p.Entry, kept[index-from], p.Envelope, p.Statement))
			index++
			continue
		}
		// The bundle's rest is read whole: what is not recent seldom is alone.
		bundleEnd := min(to, (index/tlog.TileWidth+1)*tlog.TileWidth)
		err := l.eachEntry(ctx, index, bundleEnd, func(index uint64, entry []byte) error {
			records = append(records, NewRecord(entry, kept[index-from]))
			return nil
		})
		if err != nil {
			return nil, err
		}
		index = bundleEnd
	}
	return records, nil
}
