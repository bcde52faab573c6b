package logtest

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sync"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/tlog"
)

// Storage is the storage of a log in memory: log.Appender, log.Anchors and, as
// its member, log.HighWater. A log that is opened on it again finds what it left.
type Storage struct {
	HighWater *HighWater

	turn sync.Mutex // the tree's lock

	mu      sync.Mutex
	entries [][]byte
	leaves  []tlog.Hash
	anchors []log.Anchor // the first of each size, by size
	last    map[uint64]log.Anchor
	newest  *log.Anchor

	onAppend func(entries int) (keep int, err error)
	onPut    func(log.Anchor) (keep bool, err error)
}

var (
	_ log.Appender  = (*Storage)(nil)
	_ log.Anchors   = (*Storage)(nil)
	_ log.HighWater = (*HighWater)(nil)
)

// NewStorage returns empty storage.
func NewStorage() *Storage { return &Storage{HighWater: new(HighWater)} }

// OnAppend has every append ask how many of its entries are kept, and what error
// it then returns. nil: all, without an error.
func (s *Storage) OnAppend(fault func(entries int) (keep int, err error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onAppend = fault
}

// OnPut has every anchor asked about whether it is kept, and with what error.
func (s *Storage) OnPut(fault func(log.Anchor) (keep bool, err error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onPut = fault
}

// Entries returns what is stored.
func (s *Storage) Entries() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.entries)
}

// Truncate rolls the entries back to a size, and the anchors with them, as if an
// older copy had been restored.
func (s *Storage) Truncate(size uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries, s.leaves = s.entries[:size], s.leaves[:size]
	s.anchors = slices.DeleteFunc(s.anchors, func(a log.Anchor) bool { return a.Checkpoint.Size > size })
	maps.DeleteFunc(s.last, func(at uint64, _ log.Anchor) bool { return at > size })
	s.newest = nil
	if last := len(s.anchors) - 1; last >= 0 {
		s.newest = &s.anchors[last]
	}
}

// Size implements log.Appender.
func (s *Storage) Size(context.Context) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return uint64(len(s.entries)), nil
}

// Append implements log.Appender.
func (s *Storage) Append(ctx context.Context, admit func(size uint64) ([][]byte, error)) (uint64, error) {
	s.turn.Lock()
	defer s.turn.Unlock()
	first, _ := s.Size(ctx)
	entries, err := admit(first)
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	fault := s.onAppend
	s.mu.Unlock()
	keep := len(entries)
	if fault != nil {
		keep, err = fault(len(entries))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, entry := range entries[:keep] {
		s.entries = append(s.entries, bytes.Clone(entry))
		s.leaves = append(s.leaves, tlog.LeafHash(entry))
	}
	return first, err
}

// ReadTile implements log.Appender.
func (s *Storage) ReadTile(_ context.Context, level, index uint64, width int) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if width > tlog.PartialWidth(level, index, uint64(len(s.leaves))) {
		return nil, fmt.Errorf("%s: %w", tlog.TilePath(level, index, width), fs.ErrNotExist)
	}
	var tile []byte
	span := 1 << (level * tlog.TileHeight) // leaves under one hash
	for i := range width {
		from := (int(index)*tlog.TileWidth + i) * span
		hash := perfect(s.leaves[from : from+span])
		tile = append(tile, hash[:]...)
	}
	return tile, nil
}

// perfect is the root of a perfect tree.
func perfect(leaves []tlog.Hash) tlog.Hash {
	if len(leaves) == 1 {
		return leaves[0]
	}
	half := len(leaves) / 2
	return tlog.NodeHash(perfect(leaves[:half]), perfect(leaves[half:]))
}

// ReadEntries implements log.Appender.
func (s *Storage) ReadEntries(_ context.Context, index uint64, width int) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if width > tlog.PartialWidth(0, index, uint64(len(s.entries))) {
		return nil, fmt.Errorf("%s: %w", tlog.EntriesPath(index, width), fs.ErrNotExist)
	}
	var bundle []byte
	for _, entry := range s.entries[index*tlog.TileWidth:][:width] {
		var err error
		if bundle, err = tlog.AppendEntry(bundle, entry); err != nil {
			return nil, err
		}
	}
	return bundle, nil
}

// Published implements log.Appender.
func (s *Storage) Published(uint64) {}

// Put implements log.Anchors.
func (s *Storage) Put(_ context.Context, anchor log.Anchor) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.onPut != nil {
		if keep, err := s.onPut(anchor); !keep {
			return err
		} else if err != nil {
			s.put(anchor)
			return err
		}
	}
	s.put(anchor)
	return nil
}

func (s *Storage) put(anchor log.Anchor) {
	at, found := slices.BinarySearchFunc(s.anchors, anchor.Checkpoint.Size, func(a log.Anchor, size uint64) int { return int(a.Checkpoint.Size) - int(size) })
	if !found {
		s.anchors = slices.Insert(s.anchors, at, anchor)
	}
	if s.last == nil {
		s.last = make(map[uint64]log.Anchor)
	}
	s.last[anchor.Checkpoint.Size] = anchor
	if s.newest == nil || s.newest.Checkpoint.Size <= anchor.Checkpoint.Size {
		s.newest = &anchor
	}
}

// Newest implements log.Anchors.
func (s *Storage) Newest(context.Context) (log.Anchor, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.newest == nil {
		return log.Anchor{}, fs.ErrNotExist
	}
	return *s.newest, nil
}

// Covering implements log.Anchors.
func (s *Storage) Covering(_ context.Context, index uint64) (log.Anchor, error) {
	return s.first(func(a log.Anchor) bool { return a.Checkpoint.Size > index })
}

// At implements log.Anchors.
func (s *Storage) At(_ context.Context, size uint64) (log.Anchor, error) {
	return s.first(func(a log.Anchor) bool { return a.Checkpoint.Size == size })
}

// LastAt implements log.Anchors.
func (s *Storage) LastAt(_ context.Context, size uint64) (log.Anchor, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if anchor, ok := s.last[size]; ok {
		return anchor, nil
	}
	return log.Anchor{}, fs.ErrNotExist
}

func (s *Storage) first(fits func(log.Anchor) bool) (log.Anchor, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at := slices.IndexFunc(s.anchors, fits); at >= 0 {
		return s.anchors[at], nil
	}
	return log.Anchor{}, fs.ErrNotExist
}

// HighWater is log.HighWater in memory.
type HighWater struct {
	mu      sync.Mutex
	note    []byte
	onStore func(note []byte) (keep bool, err error)
}

// OnStore has every note asked about whether it is kept, and with what error.
func (h *HighWater) OnStore(fault func(note []byte) (keep bool, err error)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.onStore = fault
}

// Set replaces the mark.
func (h *HighWater) Set(note []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.note = note
}

// Load implements log.HighWater.
func (h *HighWater) Load() ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return bytes.Clone(h.note), nil
}

// Store implements log.HighWater.
func (h *HighWater) Store(note []byte) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var err error
	keep := true
	if h.onStore != nil {
		keep, err = h.onStore(note)
	}
	if keep {
		h.note = bytes.Clone(note)
	}
	return err
}
