package tlog

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

// testKey makes a key that depends on its name and type only.
func testKey(t testing.TB, name string, keyType KeyType) *SigningKey {
	t.Helper()
	key, err := newSigningKey(name, keyType, sha256.Sum256(fmt.Appendf(nil, "%s %d", name, keyType)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// signCheckpoint signs with a log key and cosigns at the times, one a witness.
func signCheckpoint(t testing.TB, c Checkpoint, logKey *SigningKey, at uint64, witnesses ...*SigningKey) *SignedCheckpoint {
	t.Helper()
	line, err := logKey.SignNote(c.Text())
	if err != nil {
		t.Fatal(err)
	}
	lines := []NoteSignature{line}
	for _, w := range witnesses {
		line, err := w.Cosign(c, at)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	signed, err := NewSignedCheckpoint(c, lines...)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// wantError fails unless the error's text holds want.
func wantError(t testing.TB, err error, want string) {
	t.Helper()
	if err == nil {
		t.Fatalf("accepted, want an error with %q", want)
	}
	if !strings.Contains(err.Error(), want) {
		t.Fatalf("got error %q, want it to hold %q", err, want)
	}
}

// testLeaf is the leaf hash of the i-th entry of test trees.
func testLeaf(i int) Hash { return LeafHash(fmt.Appendf(nil, "entry %d", i)) }

func testLeaves(n int) []Hash {
	leaves := make([]Hash, n)
	for i := range leaves {
		leaves[i] = testLeaf(i)
	}
	return leaves
}

// treeHash, path and proofOf are the definitions of RFC 6962, section 2.1,
// written down as they stand there, to compare with.
func treeHash(leaves []Hash) Hash {
	switch n := len(leaves); n {
	case 0:
		return EmptyRoot
	case 1:
		return leaves[0]
	default:
		k := split(n)
		return NodeHash(treeHash(leaves[:k]), treeHash(leaves[k:]))
	}
}

func split(n int) int {
	k := 1
	for k*2 < n {
		k *= 2
	}
	return k
}

func path(m int, leaves []Hash) []Hash {
	if len(leaves) == 1 {
		return nil
	}
	k := split(len(leaves))
	if m < k {
		return append(path(m, leaves[:k]), treeHash(leaves[k:]))
	}
	return append(path(m-k, leaves[k:]), treeHash(leaves[:k]))
}

func proofOf(m int, leaves []Hash) []Hash { return subproof(m, leaves, true) }

func subproof(m int, leaves []Hash, whole bool) []Hash {
	if m == len(leaves) {
		if whole {
			return nil
		}
		return []Hash{treeHash(leaves)}
	}
	k := split(len(leaves))
	if m <= k {
		return append(subproof(m, leaves[:k], whole), treeHash(leaves[k:]))
	}
	return append(subproof(m-k, leaves[k:], false), treeHash(leaves[:k]))
}

// memoryTiles serves the tiles of a tree held in memory. It counts reads.
type memoryTiles struct {
	levels [][]Hash
	reads  int
}

func newMemoryTiles(leaves []Hash) *memoryTiles {
	m := &memoryTiles{}
	for level := leaves; len(level) > 0; {
		m.levels = append(m.levels, level)
		var next []Hash
		for ; len(level) >= TileWidth; level = level[TileWidth:] {
			next = append(next, treeHash(level[:TileWidth]))
		}
		level = next
	}
	return m
}

func (m *memoryTiles) ReadTile(_ context.Context, level, index uint64, width int) ([]byte, error) {
	m.reads++
	if level >= uint64(len(m.levels)) {
		return nil, fs.ErrNotExist
	}
	hashes := m.levels[level]
	if (index*TileWidth)+uint64(width) > uint64(len(hashes)) {
		return nil, fs.ErrNotExist
	}
	var data []byte
	for _, h := range hashes[index*TileWidth:][:width] {
		data = append(data, h[:]...)
	}
	return data, nil
}

// uniformTiles serves a tree of any size whose leaves are all the same.
type uniformTiles struct{ reads int }

func (u *uniformTiles) ReadTile(_ context.Context, level, _ uint64, width int) ([]byte, error) {
	u.reads++
	node := testLeaf(0)
	for range level * TileHeight {
		node = NodeHash(node, node)
	}
	return []byte(strings.Repeat(string(node[:]), width)), nil
}
