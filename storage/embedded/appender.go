package embedded

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"k8s.io/klog/v2"

	"github.com/muster-log/muster/tlog"
)

const (
	// batchAge is how long Tessera gathers entries before it writes them. The
	// log gathers batches itself while the one before is written, so the least
	// is best.
	batchAge = time.Millisecond
	// batchSize is one entry bundle.
	batchSize = 256
	// checkpointInterval is how often Tessera's own checkpoint file follows; it
	// is only read by Tessera, to know which partial tiles are obsolete.
	checkpointInterval = time.Second
)

// ledTessera leads Tessera's log to slog. klog has one logger a process, and may
// not be given another while Tessera runs.
var ledTessera sync.Once

// appender implements log.Appender.
type appender struct {
	add    tessera.AddFn
	reader tessera.LogReader
	gate   *gate
	turn   chan struct{} // capacity 1: the tree's lock
}

// openAppender opens or creates the Tessera log in a directory.
func openAppender(ctx context.Context, dir string, key *tlog.SigningKey, logger *slog.Logger) (*appender, error) {
	ledTessera.Do(func() { klog.SetSlogLogger(logger.With("part", "tessera")) })
	driver, err := posix.New(ctx, posix.Config{Path: dir, HTTPClient: &http.Client{Timeout: time.Second}})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	a := &appender{turn: make(chan struct{}, 1)}
	a.gate = newGate(ctx, key, a)
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(a.gate).
		WithBatching(batchSize, batchAge).
		WithCheckpointInterval(checkpointInterval).
		WithCheckpointRepublishInterval(0)
	// The shutdown function is not kept: it waits for Tessera's own checkpoint,
	// which nobody reads, while every acknowledged entry is durable already.
	opened, _, reader, err := tessera.NewAppender(ctx, driver, options)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", filepath.Clean(dir), err)
	}
	a.add, a.reader = opened.Add, reader
	return a, nil
}

// Size implements log.Appender.
func (a *appender) Size(ctx context.Context) (uint64, error) { return a.reader.IntegratedSize(ctx) }

// Append implements log.Appender.
func (a *appender) Append(ctx context.Context, admit func(size uint64) ([][]byte, error)) (uint64, error) {
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	size, err := a.reader.IntegratedSize(ctx)
	if err != nil {
		return 0, fmt.Errorf("size: %w", err)
	}
	entries, err := admit(size)
	if err != nil {
		return 0, err
	}
	futures := make([]tessera.IndexFuture, len(entries))
	for i, entry := range entries {
		futures[i] = a.add(ctx, tessera.NewEntry(entry))
	}
	var failed error
	for i, future := range futures {
		index, err := future()
		switch {
		case failed != nil:
		case err != nil:
			failed = fmt.Errorf("entry %d: %w", size+uint64(i), err)
		case index.Index != size+uint64(i):
			failed = fmt.Errorf("entry %d was given index %d: somebody else writes to this directory", size+uint64(i), index.Index)
		}
	}
	return size, failed
}

// ReadTile implements log.Appender.
func (a *appender) ReadTile(ctx context.Context, level, index uint64, width int) ([]byte, error) {
	data, err := a.reader.ReadTile(ctx, level, index, partial(width))
	if err != nil {
		return nil, err
	}
	if len(data) < width*tlog.HashSize {
		return nil, fmt.Errorf("tile %d/%d: %d bytes, want %d hashes: %w", level, index, len(data), width, fs.ErrNotExist)
	}
	return data[:width*tlog.HashSize], nil
}

// ReadEntries implements log.Appender. Where only a wider bundle is stored, it is
// cut to width.
func (a *appender) ReadEntries(ctx context.Context, index uint64, width int) ([]byte, error) {
	data, err := a.reader.ReadEntryBundle(ctx, index, partial(width))
	if err != nil {
		return a.cutWider(ctx, index, width, err)
	}
	return cutBundle(data, width)
}

// cutWider looks for a bundle that holds more than width entries: the partial one
// of the current size. Tessera keeps bundles only for sizes it stopped at.
func (a *appender) cutWider(ctx context.Context, index uint64, width int, cause error) ([]byte, error) {
	size, err := a.reader.IntegratedSize(ctx)
	if err != nil {
		return nil, err
	}
	stored := tlog.PartialWidth(0, index, size)
	if stored <= width {
		return nil, cause
	}
	data, err := a.reader.ReadEntryBundle(ctx, index, partial(stored))
	if err != nil {
		return nil, err
	}
	return cutBundle(data, width)
}

// Published implements log.Appender.
func (a *appender) Published(size uint64) { a.gate.published(size) }

// partial is Tessera's form of a width: 0 for a full tile.
func partial(width int) uint8 { return uint8(width % tlog.TileWidth) }

// cutBundle returns the first width entries of a bundle that may hold more.
func cutBundle(data []byte, width int) ([]byte, error) {
	at := 0
	for range width {
		if at+2 > len(data) {
			return nil, fmt.Errorf("entry bundle ends after %d bytes: %w", len(data), fs.ErrNotExist)
		}
		at += 2 + (int(data[at])<<8 | int(data[at+1]))
	}
	if at > len(data) {
		return nil, fmt.Errorf("entry bundle ends after %d bytes: %w", len(data), fs.ErrNotExist)
	}
	return data[:at], nil
}
