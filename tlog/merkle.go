package tlog

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/bits"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

// MaxProofHashes is the greatest number of hashes in an inclusion or
// consistency proof of a tree of at most MaxSize leaves.
const MaxProofHashes = 63

// ErrProof reports a Merkle proof that does not hold: it has too many or too
// few hashes, or leads to another root.
var ErrProof = errors.New("proof does not hold")

// hasher is RFC 6962's, with less garbage where proofs are followed.
type hasher struct{ *rfc6962.Hasher }

// HashChildren is the hash of an interior node.
func (h hasher) HashChildren(left, right []byte) []byte {
	if len(left) != sha256.Size || len(right) != sha256.Size {
		return h.Hasher.HashChildren(left, right)
	}
	var node [1 + 2*sha256.Size]byte
	node[0] = rfc6962.RFC6962NodeHashPrefix
	copy(node[1:], left)
	copy(node[1+sha256.Size:], right)
	hash := sha256.Sum256(node[:])
	return hash[:]
}

var treeHasher = hasher{rfc6962.DefaultHasher}

// LeafHash is the hash of an entry as a leaf (RFC 6962, section 2.1).
func LeafHash(entry []byte) Hash { return Hash(rfc6962.DefaultHasher.HashLeaf(entry)) }

// NodeHash is the hash of an interior node.
func NodeHash(left, right Hash) Hash {
	return Hash(treeHasher.HashChildren(left[:], right[:]))
}

// VerifyInclusion checks that leaf stands at index, counted from 0, in the tree
// of that size and root. Hashes run from the leaf's sibling up.
func VerifyInclusion(index, size uint64, leaf Hash, hashes []Hash, root Hash) error {
	if err := checkInclusionForm(index, size, len(hashes)); err != nil {
		return err
	}
	if err := proof.VerifyInclusion(treeHasher, index, size, leaf[:], slicesOf(hashes), root[:]); err != nil {
		return fmt.Errorf("inclusion of index %d in size %d: %w: it leads to another root than %s", index, size, ErrProof, root)
	}
	return nil
}

// checkInclusionForm compares counts before anything is hashed.
func checkInclusionForm(index, size uint64, hashes int) error {
	if size > MaxSize || index >= size {
		return fmt.Errorf("inclusion of index %d in size %d: %w: want an index below the size, and at most 2^63-1", index, size, ErrProof)
	}
	if want := inclusionHashes(index, size); hashes != want {
		return fmt.Errorf("inclusion of index %d in size %d: %w: got %d hashes, want %d", index, size, ErrProof, hashes, want)
	}
	return nil
}

// inclusionHashes is the length of the proof: below the point where the paths
// to the leaf and to the last leaf part there is a sibling on every level,
// above it only where the sibling is on the left.
func inclusionHashes(index, size uint64) int {
	inner := bits.Len64(index ^ (size - 1))
	return inner + bits.OnesCount64(index>>inner)
}

// VerifyConsistency checks that the tree of size2 and root2 begins with the
// leaves of the tree of size1 and root1. From size 0, and between equal sizes,
// the proof is empty; an empty tree has EmptyRoot.
func VerifyConsistency(size1, size2 uint64, root1, root2 Hash, hashes []Hash) error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("consistency of size %d with %d: %w: %s", size1, size2, ErrProof, fmt.Sprintf(format, args...))
	}
	if size1 > size2 || size2 > MaxSize {
		return fail("want sizes that do not fall, and at most 2^63-1")
	}
	if want := consistencyHashes(size1, size2); len(hashes) != want {
		return fail("got %d hashes, want %d", len(hashes), want)
	}
	if size1 == 0 && root1 != EmptyRoot {
		return fail("got root %s of the empty tree, want %s", root1, EmptyRoot)
	}
	if size1 == size2 {
		if root1 != root2 {
			return fail("roots %s and %s differ at the same size", root1, root2)
		}
		return nil
	}
	if size1 == 0 {
		return nil
	}
	if err := proof.VerifyConsistency(treeHasher, size1, size2, slicesOf(hashes), root1[:], root2[:]); err != nil {
		return fail("it does not lead from root %s to %s", root1, root2)
	}
	return nil
}

// consistencyHashes is the length of the proof. It is the inclusion proof of
// the last node of the smaller tree that is whole, plus that node itself
// unless it is the smaller tree's root.
func consistencyHashes(size1, size2 uint64) int {
	if size1 == 0 || size1 == size2 {
		return 0
	}
	level := bits.TrailingZeros64(size1)
	n := inclusionHashes(size1-1, size2) - level
	if size1 != 1<<level {
		n++
	}
	return n
}

func slicesOf(hashes []Hash) [][]byte {
	out := make([][]byte, len(hashes))
	for i := range hashes {
		out[i] = hashes[i][:]
	}
	return out
}
