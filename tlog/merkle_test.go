package tlog

import (
	"slices"
	"testing"
)

func TestInclusionAgreesWithRFC6962(t *testing.T) {
	for size := 1; size <= 67; size++ {
		leaves := testLeaves(size)
		root := treeHash(leaves)
		for index := range size {
			if err := VerifyInclusion(uint64(index), uint64(size), leaves[index], path(index, leaves), root); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestConsistencyAgreesWithRFC6962(t *testing.T) {
	for size := 1; size <= 67; size++ {
		leaves := testLeaves(size)
		root := treeHash(leaves)
		for from := 1; from <= size; from++ {
			if err := VerifyConsistency(uint64(from), uint64(size), treeHash(leaves[:from]), root, proofOf(from, leaves)); err != nil {
				t.Error(err)
			}
		}
		if err := VerifyConsistency(0, uint64(size), EmptyRoot, root, nil); err != nil {
			t.Error(err)
		}
	}
	if err := VerifyConsistency(0, 0, EmptyRoot, EmptyRoot, nil); err != nil {
		t.Error(err)
	}
}

func TestC2InclusionRefused(t *testing.T) {
	leaves := testLeaves(11)
	root, good := treeHash(leaves), path(4, leaves)
	swapped := slices.Clone(good)
	swapped[0], swapped[1] = swapped[1], swapped[0]
	reversed := slices.Clone(good)
	slices.Reverse(reversed)
	for name, c := range map[string]struct {
		index, size uint64
		leaf        Hash
		hashes      []Hash
		root        Hash
	}{
		"size 0":          {0, 0, leaves[4], nil, EmptyRoot},
		"index = size":    {11, 11, leaves[4], good, root},
		"index > size":    {12, 11, leaves[4], good, root},
		"size 2^63":       {4, 1 << 63, leaves[4], make([]Hash, 63), root},
		"size 2^64-1":     {4, 1<<64 - 1, leaves[4], make([]Hash, 64), root},
		"index 2^64-1":    {1<<64 - 1, 11, leaves[4], good, root},
		"missing hash":    {4, 11, leaves[4], good[:len(good)-1], root},
		"no hashes":       {4, 11, leaves[4], nil, root},
		"surplus hash":    {4, 11, leaves[4], append(slices.Clone(good), Hash{}), root},
		"wrong order":     {4, 11, leaves[4], swapped, root},
		"reversed":        {4, 11, leaves[4], reversed, root},
		"other leaf":      {4, 11, leaves[5], good, root},
		"other index":     {5, 11, leaves[4], good, root},
		"other root":      {4, 11, leaves[4], good, leaves[0]},
		"leaf as root":    {0, 1, leaves[4], nil, root},
		"one of them bad": {4, 11, leaves[4], append(slices.Clone(good[:len(good)-1]), Hash{}), root},
	} {
		t.Run(name, func(t *testing.T) {
			wantError(t, VerifyInclusion(c.index, c.size, c.leaf, c.hashes, c.root), "proof does not hold")
		})
	}
	if err := VerifyInclusion(4, 11, leaves[4], good, root); err != nil {
		t.Error(err)
	}
}

// A tree of 2^63 equal leaves has a proof that would hold.
func TestC2InclusionInSize2To63(t *testing.T) {
	node := testLeaf(0)
	var hashes []Hash
	for level := range 63 {
		if level == 62 {
			if err := VerifyInclusion(0, 1<<62, testLeaf(0), hashes, node); err != nil {
				t.Errorf("size 2^62: %v", err)
			}
		}
		hashes = append(hashes, node)
		node = NodeHash(node, node)
	}
	wantError(t, VerifyInclusion(0, 1<<63, testLeaf(0), hashes, node), "at most 2^63-1")
}

func TestC2ConsistencyRefused(t *testing.T) {
	leaves := testLeaves(11)
	root, older, good := treeHash(leaves), treeHash(leaves[:6]), proofOf(6, leaves)
	swapped := slices.Clone(good)
	swapped[0], swapped[1] = swapped[1], swapped[0]
	for name, c := range map[string]struct {
		size1, size2 uint64
		root1, root2 Hash
		hashes       []Hash
	}{
		"falling sizes":          {11, 6, root, older, good},
		"size 2^63":              {6, 1 << 63, older, root, make([]Hash, 63)},
		"both 2^64-1":            {1<<64 - 1, 1<<64 - 1, root, root, nil},
		"missing hash":           {6, 11, older, root, good[1:]},
		"no hashes":              {6, 11, older, root, nil},
		"surplus hash":           {6, 11, older, root, append(slices.Clone(good), Hash{})},
		"wrong order":            {6, 11, older, root, swapped},
		"roots exchanged":        {6, 11, root, older, good},
		"other old root":         {6, 11, leaves[0], root, good},
		"other new root":         {6, 11, older, leaves[0], good},
		"same size, other roots": {6, 6, older, root, nil},
		"same size, hashes":      {6, 6, older, older, good},
		"from 0 with hashes":     {0, 11, EmptyRoot, root, good},
		"from 0, other root":     {0, 11, older, root, nil},
		"0 to 0, other root":     {0, 0, older, older, nil},
		"0 to 0, roots differ":   {0, 0, EmptyRoot, older, nil},
	} {
		t.Run(name, func(t *testing.T) {
			wantError(t, VerifyConsistency(c.size1, c.size2, c.root1, c.root2, c.hashes), "proof does not hold")
		})
	}
}

func TestC3LeafIsNoInteriorNode(t *testing.T) {
	leaves := testLeaves(4)
	root := treeHash(leaves)
	left := NodeHash(leaves[0], leaves[1])

	// An entry that is the two child hashes does not hash to their parent.
	forged := append(append([]byte(nil), leaves[0][:]...), leaves[1][:]...)
	if LeafHash(forged) == left {
		t.Fatal("an entry hashes like an interior node")
	}
	right := NodeHash(leaves[2], leaves[3])
	if err := VerifyInclusion(0, 2, LeafHash(forged), []Hash{right}, root); err == nil {
		t.Error("an interior node's children passed for an entry")
	}
	// An interior node offered as a leaf of the tree needs a proof that is too
	// short for the size.
	if err := VerifyInclusion(0, 4, left, []Hash{right}, root); err == nil {
		t.Error("an interior node passed for a leaf")
	}
	// A leaf offered where an interior node belongs.
	if err := VerifyInclusion(0, 4, leaves[0], []Hash{leaves[1], leaves[2]}, root); err == nil {
		t.Error("a leaf passed for an interior node")
	}
	if NodeHash(leaves[0], leaves[1]) == LeafHash(leaves[0][:]) {
		t.Error("leaves and nodes share hashes")
	}
}
