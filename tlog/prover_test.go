package tlog

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// proverSizes has the edges of tiles on levels 0 and 1 in it.
var proverSizes = []int{1, 2, 3, 7, 8, 9, 255, 256, 257, 511, 512, 515, 1030, 65537}

func TestProverAgreesWithRFC6962(t *testing.T) {
	ctx := t.Context()
	all := testLeaves(65537)
	tiles := newMemoryTiles(all)
	for _, size := range proverSizes {
		leaves := all[:size]
		root := treeHash(leaves)
		prover := NewProver(uint64(size), tiles)
		if got, err := prover.Root(ctx); err != nil || got != root {
			t.Fatalf("size %d: got root %s, %v, want %s", size, got, err, root)
		}
		for _, at := range []int{0, 1, 254, 255, 256, 511, 65535, size / 2, size - 1} {
			if at < 0 || at >= size {
				continue
			}
			leaf, hashes, err := prover.Leaf(ctx, uint64(at))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(path(at, leaves), hashes); leaf != leaves[at] || diff != "" {
				t.Errorf("inclusion of %d in %d: leaf %s, %s", at, size, leaf, diff)
			}
			from := at + 1
			earlier, hashes, err := prover.RootAt(ctx, uint64(from))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(proofOf(from, leaves), hashes); earlier != treeHash(all[:from]) || diff != "" {
				t.Errorf("consistency of %d with %d: root %s, %s", from, size, earlier, diff)
			}
		}
	}
}

func TestProverOfAllSmallTrees(t *testing.T) {
	ctx := t.Context()
	all := testLeaves(40)
	tiles := newMemoryTiles(all)
	for size := 1; size <= len(all); size++ {
		prover := NewProverForRoot(uint64(size), treeHash(all[:size]), tiles)
		for i := range size {
			hashes, err := prover.Inclusion(ctx, uint64(i))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(path(i, all[:size]), hashes); diff != "" {
				t.Errorf("inclusion of %d in %d: %s", i, size, diff)
			}
			if hashes, err = prover.Consistency(ctx, uint64(i+1)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(proofOf(i+1, all[:size]), hashes); diff != "" {
				t.Errorf("consistency of %d with %d: %s", i+1, size, diff)
			}
		}
	}
}

func TestProverEdges(t *testing.T) {
	ctx := t.Context()
	empty := NewProver(0, newMemoryTiles(nil))
	if root, err := empty.Root(ctx); err != nil || root != EmptyRoot {
		t.Errorf("got %s, %v, want the empty root", root, err)
	}
	if _, err := empty.Inclusion(ctx, 0); err == nil {
		t.Error("proved an entry of an empty tree")
	}
	if hashes, err := empty.Consistency(ctx, 0); err != nil || hashes != nil {
		t.Errorf("got %v, %v", hashes, err)
	}
	tiles := newMemoryTiles(testLeaves(5))
	five := NewProver(5, tiles)
	for _, index := range []uint64{5, 6, 1 << 62, 1<<64 - 1} {
		if _, err := five.Inclusion(ctx, index); err == nil {
			t.Errorf("proved index %d of 5", index)
		}
	}
	for _, from := range []uint64{6, 1 << 62, 1<<64 - 1} {
		if _, err := five.Consistency(ctx, from); err == nil {
			t.Errorf("proved consistency from size %d with 5", from)
		}
	}
	if hashes, err := five.Consistency(ctx, 0); err != nil || hashes != nil {
		t.Errorf("from 0: got %v, %v", hashes, err)
	}
	if root, err := five.Root(ctx); err != nil || root != treeHash(testLeaves(5)) {
		t.Errorf("got %s, %v", root, err)
	}
	if _, err := NewProver(6, tiles).Root(ctx); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing tile: got %v, want fs.ErrNotExist", err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := five.Inclusion(cancelled, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// Every single hash that a proof needs, changed, is noticed.
func TestT1ProverNoticesAnyWrongHash(t *testing.T) {
	ctx := t.Context()
	all := testLeaves(600)
	root := treeHash(all)
	for level, hashes := range newMemoryTiles(all).levels {
		for i := 0; i < len(hashes); i += 7 {
			tiles := newMemoryTiles(all)
			tiles.levels[level] = slices.Clone(hashes)
			tiles.levels[level][i][0] ^= 1
			for _, prover := range []*Prover{NewProver(600, tiles), NewProverForRoot(600, root, tiles)} {
				for _, index := range []uint64{0, 255, 300, 599} {
					leaf, got, err := prover.Leaf(ctx, index)
					if err == nil && prover.root != nil && *prover.root == root &&
						(leaf != all[index] || !slices.Equal(got, path(int(index), all))) {
						t.Fatalf("level %d, hash %d: a wrong proof of index %d", level, i, index)
					}
					if err != nil && !errors.Is(err, ErrTile) {
						t.Fatalf("got %v, want ErrTile", err)
					}
				}
				earlier, got, err := prover.RootAt(ctx, 300)
				if err == nil && *prover.root == root && (earlier != treeHash(all[:300]) || !slices.Equal(got, proofOf(300, all))) {
					t.Fatalf("level %d, hash %d: a wrong consistency proof", level, i)
				}
			}
		}
	}
}

func TestProverForAnotherRoot(t *testing.T) {
	tiles := newMemoryTiles(testLeaves(300))
	prover := NewProverForRoot(300, testLeaf(0), tiles)
	if _, err := prover.Inclusion(t.Context(), 7); !errors.Is(err, ErrTile) {
		t.Errorf("inclusion: got %v, want ErrTile", err)
	}
	if _, err := prover.Consistency(t.Context(), 7); !errors.Is(err, ErrTile) {
		t.Errorf("consistency: got %v, want ErrTile", err)
	}
	if _, err := prover.Root(t.Context()); !errors.Is(err, ErrTile) {
		t.Errorf("root: got %v, want ErrTile", err)
	}
}

// lyingTiles answers with tiles of another width than asked for.
type lyingTiles struct{ bytes int }

func (l lyingTiles) ReadTile(context.Context, uint64, uint64, int) ([]byte, error) {
	return make([]byte, l.bytes), nil
}

func TestT1ProverRefusesOtherWidths(t *testing.T) {
	for _, n := range []int{0, 31, 33, 6 * 32, 8 * 32, 256 * 32} {
		if _, err := NewProver(7, lyingTiles{n}).Root(t.Context()); err == nil {
			t.Errorf("accepted a tile of %d bytes for 7 hashes", n)
		}
	}
}

func TestT3HugeTreeIsBounded(t *testing.T) {
	ctx := t.Context()
	for _, size := range []uint64{1 << 62, 1<<62 + 1, 1<<62 - 1, MaxSize} {
		tiles := &uniformTiles{}
		prover := NewProver(size, tiles)
		for _, index := range []uint64{0, 12345, size / 3, size - 1} {
			if _, err := prover.Inclusion(ctx, index); err != nil {
				t.Fatal(err)
			}
			if _, err := prover.Consistency(ctx, index+1); err != nil {
				t.Fatal(err)
			}
		}
		// At most two tiles a level for each of nine walks, and eight levels.
		if tiles.reads > 9*2*2*8 {
			t.Errorf("size %d: %d tile reads", size, tiles.reads)
		}
		// The tiles are not there: one read, then an error.
		missing := newMemoryTiles(testLeaves(3))
		if _, err := NewProver(size, missing).Root(ctx); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v, want fs.ErrNotExist", err)
		}
		if missing.reads > 8 {
			t.Errorf("size %d: %d reads of missing tiles", size, missing.reads)
		}
	}
	for _, size := range []uint64{1 << 63, 1<<64 - 1} {
		if _, err := NewProver(size, &uniformTiles{}).Root(ctx); err == nil {
			t.Errorf("computed a root of size %d", size)
		}
		if _, err := NewFrontier(ctx, size, &uniformTiles{}); err == nil {
			t.Errorf("made a frontier of size %d", size)
		}
	}
}

func TestFrontier(t *testing.T) {
	ctx := t.Context()
	all := testLeaves(1030)
	tiles := newMemoryTiles(all)
	grown, err := NewFrontier(ctx, 0, tiles)
	if err != nil {
		t.Fatal(err)
	}
	for size := 0; ; size++ {
		if grown.Size() != uint64(size) || grown.Root() != treeHash(all[:size]) {
			t.Fatalf("size %d: got size %d, root %s", size, grown.Size(), grown.Root())
		}
		if size == len(all) {
			break
		}
		if size%101 == 0 {
			read, err := NewFrontier(ctx, uint64(size), tiles)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(grown, read, cmp.AllowUnexported(Frontier{})); size > 0 && diff != "" {
				t.Errorf("size %d: %s", size, diff)
			}
		}
		before := grown.Clone()
		grown.Append(all[size])
		if before.Root() != treeHash(all[:size]) {
			t.Fatal("a clone changed with the original")
		}
		before.Append(Hash{})
	}
}
