package tlog

import (
	"encoding/binary"
	"errors"
	"testing"
)

// TestConsistencyRootsAreThoseOfRFC6962: the roots computed from a proof are
// the ones that the definitions give for the leaves.
func TestConsistencyRootsAreThoseOfRFC6962(t *testing.T) {
	for size2 := 1; size2 <= 67; size2++ {
		leaves := testLeaves(size2)
		for size1 := 0; size1 <= size2; size1++ {
			var hashes []Hash
			if size1 > 0 {
				hashes = proofOf(size1, leaves)
			}
			root1, root2, err := ConsistencyRoots(uint64(size1), uint64(size2), hashes)
			if size1 == size2 || size1&(size1-1) == 0 {
				if !errors.Is(err, ErrNoOldRoot) || root1 != (Hash{}) || root2 != (Hash{}) {
					t.Errorf("from %d to %d: got %v, want %v", size1, size2, err, ErrNoOldRoot)
				}
				continue
			}
			if err != nil || root1 != treeHash(leaves[:size1]) || root2 != treeHash(leaves) {
				t.Errorf("from %d to %d: got %s and %s, %v; want %s and %s", size1, size2, root1, root2, err, treeHash(leaves[:size1]), treeHash(leaves))
			}
		}
	}
}

func TestConsistencyRootsRefused(t *testing.T) {
	good := proofOf(6, testLeaves(11))
	for name, c := range map[string]struct {
		size1, size2 uint64
		hashes       []Hash
		want         error
	}{
		"falling sizes":        {11, 6, good, ErrProof},
		"size 2^63":            {6, 1 << 63, make([]Hash, 63), ErrProof},
		"size 2^64-1":          {6, 1<<64 - 1, make([]Hash, 63), ErrProof},
		"no hashes":            {6, 11, nil, ErrProof},
		"missing hash":         {6, 11, good[1:], ErrProof},
		"surplus hash":         {6, 11, append(good[:len(good):len(good)], Hash{}), ErrProof},
		"from 0 with hashes":   {0, 11, good, ErrProof},
		"one size with hashes": {6, 6, good, ErrProof},
		"from 0":               {0, 11, nil, ErrNoOldRoot},
		"0 to 0":               {0, 0, nil, ErrNoOldRoot},
		"one size":             {6, 6, nil, ErrNoOldRoot},
		"a power of two":       {8, 11, proofOf(8, testLeaves(11)), ErrNoOldRoot},
		"from 1":               {1, 11, proofOf(1, testLeaves(11)), ErrNoOldRoot},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := ConsistencyRoots(c.size1, c.size2, c.hashes); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// FuzzConsistencyRoots: whatever a proof holds, the verifier agrees with the
// roots computed from it, and with no other ones.
func FuzzConsistencyRoots(f *testing.F) {
	for _, sizes := range [][2]uint64{{6, 11}, {3, 4}, {7, 64}, {8, 11}, {5, 5}, {1<<62 + 1, MaxSize}, {MaxSize - 1, MaxSize}, {11, 6}} {
		f.Add(sizes[0], sizes[1], []byte("any bytes do for hashes"))
	}
	f.Fuzz(func(t *testing.T, size1, size2 uint64, filling []byte) {
		var hashes []Hash
		if size1 <= size2 && size2 <= MaxSize {
			hashes = make([]Hash, consistencyHashes(size1, size2))
		}
		for i := range hashes {
			hashes[i] = LeafHash(binary.BigEndian.AppendUint16(filling, uint16(i)))
		}
		root1, root2, err := ConsistencyRoots(size1, size2, hashes)
		if err != nil {
			known := size1 <= size2 && size2 <= MaxSize && size1 != size2 && size1&(size1-1) != 0
			if known || !errors.Is(err, ErrNoOldRoot) && !errors.Is(err, ErrProof) {
				t.Fatalf("from %d to %d: %v", size1, size2, err)
			}
			return
		}
		if err := VerifyConsistency(size1, size2, root1, root2, hashes); err != nil {
			t.Errorf("the verifier does not take the roots of the proof: %v", err)
		}
		other := LeafHash([]byte("another root"))
		for _, roots := range [][2]Hash{{other, root2}, {root1, other}, {root2, root1}} {
			if err := VerifyConsistency(size1, size2, roots[0], roots[1], hashes); err == nil && roots != [2]Hash{root1, root2} {
				t.Errorf("the verifier takes roots %s and %s besides %s and %s", roots[0], roots[1], root1, root2)
			}
		}
	})
}
