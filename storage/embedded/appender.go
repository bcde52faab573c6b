package embedded

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"k8s.io/klog/v2"

	"github.com/muster-log/muster/tlog"
)

const (
	// maxWhole is up to how many entries Append stores whole or not at all: one
	// entry bundle, and what the log admits at once.
	maxWhole = tlog.TileWidth

	// never is a wait that does not end.
	never time.Duration = math.MaxInt64

	// checkpointInterval is how often Tessera's own checkpoint file follows; it
	// is only read by Tessera, to know which partial tiles are obsolete.
	checkpointInterval = time.Second
)

// ledTessera leads Tessera's log to slog. klog has one logger a process, and may
// not be given another while Tessera runs.
var ledTessera sync.Once

// lifecycle is the interface of Tessera's drivers that tessera.NewAppender looks
// for. It is called directly: what NewAppender adds, its metrics read the tree's
// state twenty times a second.
type lifecycle interface {
	Appender(context.Context, *tessera.AppendOptions) (*tessera.Appender, tessera.LogReader, error)
}

// appender implements log.Appender.
//
// Tessera stores entries in batches: when a batch is full, or old. A batch that
// is cut in two by its age could lose its first half and keep its second, and
// what is kept would stand at indices that it was not judged for. So there is a
// Tessera appender for each number of entries, whose batches are of exactly that
// number and never old: what is added to it is stored at once, all or nothing.
type appender struct {
	ctx    context.Context
	driver lifecycle
	reader tessera.LogReader
	gate   *gate

	turn chan struct{} // capacity 1: the tree's lock
	// whole are the appenders by the size of their batches; the turn guards it.
	whole map[int]tessera.AddFn

	// size is how many entries are known to be durable. It does not fall.
	size atomic.Uint64
}

// openAppender opens or creates the Tessera log in a directory. Tessera runs
// until the context ends.
func openAppender(ctx context.Context, dir string, key *tlog.SigningKey, logger *slog.Logger) (*appender, error) {
	ledTessera.Do(func() { klog.SetSlogLogger(logger.With("part", "tessera")) })
	opened, err := posix.New(ctx, posix.Config{Path: dir, HTTPClient: &http.Client{Timeout: time.Second}})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	driver, ok := opened.(lifecycle)
	if !ok {
		return nil, fmt.Errorf("open %s: Tessera's driver %T does not append", dir, opened)
	}
	a := &appender{ctx: ctx, driver: driver, turn: make(chan struct{}, 1), whole: make(map[int]tessera.AddFn)}
	a.gate = newGate(ctx, key, a)
	// This one adds nothing: it writes the checkpoint file and removes what that
	// makes obsolete.
	_, reader, err := driver.Appender(ctx, tessera.NewAppendOptions().
		WithCheckpointSigner(a.gate).
		WithCheckpointInterval(checkpointInterval).
		WithCheckpointRepublishInterval(0))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", filepath.Clean(dir), err)
	}
	a.reader = reader
	if _, err := a.Size(ctx); err != nil {
		return nil, fmt.Errorf("open %s: %w", filepath.Clean(dir), err)
	}
	return a, nil
}

// Size implements log.Appender.
func (a *appender) Size(ctx context.Context) (uint64, error) {
	size, err := a.reader.IntegratedSize(ctx)
	if err == nil {
		a.grow(size)
	}
	return size, err
}

// grow records that so many entries are durable.
func (a *appender) grow(size uint64) {
	for known := a.size.Load(); known < size && !a.size.CompareAndSwap(known, size); known = a.size.Load() {
	}
}

// Append implements log.Appender. Up to maxWhole entries are stored whole or not
// at all; of more, a first part may be. Once the entries are handed to Tessera
// it waits for them, whatever becomes of the context.
func (a *appender) Append(ctx context.Context, admit func(size uint64) ([][]byte, error)) (uint64, error) {
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	size, err := a.Size(ctx)
	if err != nil {
		return 0, fmt.Errorf("size: %w", err)
	}
	entries, err := admit(size)
	if err != nil {
		return 0, err
	}
	for i, entry := range entries {
		if len(entry) < 1 || len(entry) > tlog.MaxEntry {
			return 0, fmt.Errorf("entry %d: got %d bytes, want 1 to %d", size+uint64(i), len(entry), tlog.MaxEntry)
		}
	}
	next := size
	for len(entries) > 0 {
		part := entries[:min(len(entries), maxWhole)]
		entries = entries[len(part):]
		if err := a.store(part, next); err != nil {
			return size, err
		}
		next += uint64(len(part))
		a.grow(next)
	}
	return size, nil
}

// store appends up to maxWhole entries at an index.
func (a *appender) store(entries [][]byte, first uint64) error {
	add, err := a.adder(len(entries))
	if err != nil {
		return err
	}
	futures := make([]tessera.IndexFuture, len(entries))
	for i, entry := range entries {
		futures[i] = add(a.ctx, tessera.NewEntry(entry))
	}
	stored := make(chan error, 1)
	go func() { stored <- await(futures, first) }()
	select {
	case err := <-stored:
		return err
	case <-a.ctx.Done():
		// Tessera's worker stops without resolving what it has not begun.
		return fmt.Errorf("entries from %d: the storage was closed while they were written", first)
	}
}

// await waits until all entries are stored at the indices they were judged for.
func await(futures []tessera.IndexFuture, first uint64) error {
	for i, future := range futures {
		index, err := future()
		if err != nil {
			return fmt.Errorf("entries from %d: %w", first, err)
		}
		if index.Index != first+uint64(i) {
			return fmt.Errorf("entry %d was given index %d: somebody else writes to this directory", first+uint64(i), index.Index)
		}
	}
	return nil
}

// adder returns the appender for that many entries.
func (a *appender) adder(entries int) (tessera.AddFn, error) {
	if err := a.ctx.Err(); err != nil {
		return nil, fmt.Errorf("the storage is closed: %w", err)
	}
	if add := a.whole[entries]; add != nil {
		return add, nil
	}
	opened, _, err := a.driver.Appender(a.ctx, tessera.NewAppendOptions().
		WithBatching(uint(entries), never).
		WithCheckpointSigner(a.gate).
		WithCheckpointInterval(never).
		WithCheckpointRepublishInterval(0).
		WithGarbageCollectionInterval(0))
	if err != nil {
		return nil, err
	}
	a.whole[entries] = opened.Add
	return opened.Add, nil
}

// ReadTile implements log.Appender. It reads the tile as wide as it is stored
// now and cuts it: a narrower file may be left over from a batch whose writing
// was cut off by a crash, before others took its place.
func (a *appender) ReadTile(ctx context.Context, level, index uint64, width int) ([]byte, error) {
	stored := tlog.PartialWidth(level, index, a.size.Load())
	if width < 1 || width > stored {
		return nil, fmt.Errorf("%s: %w: stored are %d hashes", tlog.TilePath(level, index, width), fs.ErrNotExist, stored)
	}
	data, err := a.reader.ReadTile(ctx, level, index, partial(stored))
	if err != nil {
		return nil, err
	}
	if len(data) < width*tlog.HashSize {
		return nil, fmt.Errorf("%s: stored are only %d bytes", tlog.TilePath(level, index, stored), len(data))
	}
	return data[:width*tlog.HashSize], nil
}

// ReadEntries implements log.Appender. It reads and cuts as ReadTile does.
func (a *appender) ReadEntries(ctx context.Context, index uint64, width int) ([]byte, error) {
	stored := tlog.PartialWidth(0, index, a.size.Load())
	if width < 1 || width > stored {
		return nil, fmt.Errorf("%s: %w: stored are %d entries", tlog.EntriesPath(index, width), fs.ErrNotExist, stored)
	}
	data, err := a.reader.ReadEntryBundle(ctx, index, partial(stored))
	if err != nil {
		return nil, err
	}
	cut, err := cutBundle(data, width)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", tlog.EntriesPath(index, stored), err)
	}
	return cut, nil
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
			return nil, fmt.Errorf("entry bundle ends after %d bytes", len(data))
		}
		at += 2 + (int(data[at])<<8 | int(data[at+1]))
	}
	if at > len(data) {
		return nil, fmt.Errorf("entry bundle ends after %d bytes", len(data))
	}
	return data[:at], nil
}
