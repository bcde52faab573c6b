package tlog

import (
	"context"
	"fmt"
	"math/bits"
	"slices"
)

// Frontier is the state of a growing tree that its root can be computed from:
// the roots of the perfect subtrees that its leaves form, at most 63. A log
// that keeps one signs roots that it computed itself from what it appended,
// and not what it reads back.
//
// It is not safe for concurrent use.
type Frontier struct {
	size     uint64
	subtrees []Hash // the largest first
}

// NewFrontier reads the frontier of the tree of that size from its tiles. The
// tiles are taken at their word: compare Root with a checkpoint.
func NewFrontier(ctx context.Context, size uint64, r TileReader) (*Frontier, error) {
	if size > MaxSize {
		return nil, fmt.Errorf("tree of size %d: want at most 2^63-1", size)
	}
	return NewProver(size, r).newReading(ctx).frontier(size)
}

// Size returns the number of leaves.
func (f *Frontier) Size() uint64 { return f.size }

// Append adds a leaf by its hash.
func (f *Frontier) Append(leaf Hash) {
	for range bits.TrailingZeros64(^f.size) {
		last := len(f.subtrees) - 1
		leaf = NodeHash(f.subtrees[last], leaf)
		f.subtrees = f.subtrees[:last]
	}
	f.subtrees = append(f.subtrees, leaf)
	f.size++
}

// Root returns the root of the tree, EmptyRoot without leaves.
func (f *Frontier) Root() Hash {
	last := len(f.subtrees) - 1
	if last < 0 {
		return EmptyRoot
	}
	root := f.subtrees[last]
	for _, left := range slices.Backward(f.subtrees[:last]) {
		root = NodeHash(left, root)
	}
	return root
}

// Clone returns a copy that grows on its own.
func (f *Frontier) Clone() *Frontier {
	return &Frontier{size: f.size, subtrees: slices.Clone(f.subtrees)}
}
