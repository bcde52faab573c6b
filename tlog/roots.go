package tlog

import (
	"errors"
	"fmt"
	"math/bits"
)

// ErrNoOldRoot reports a consistency proof that does not say from which root it
// leads: it starts at the old root itself and leaves that to the verifier.
var ErrNoOldRoot = errors.New("the consistency proof does not contain the old root")

// ConsistencyRoots computes the two roots that a consistency proof leads from,
// at size1, and to, at size2. VerifyConsistency accepts the proof with these
// two roots and with no others, so that a proof which leads to a known new
// root from another old root than the known one shows that the two trees
// contradict each other.
//
// The proof alone determines both only where size1 is not a power of two, and
// 0 < size1 < size2: elsewhere the error is ErrNoOldRoot. A proof of another
// number of hashes than the sizes demand is ErrProof.
//
// See RFC 6962, section 2.1.2.
func ConsistencyRoots(size1, size2 uint64, hashes []Hash) (root1, root2 Hash, err error) {
	fail := func(cause error, format string, args ...any) (Hash, Hash, error) {
		return Hash{}, Hash{}, fmt.Errorf("consistency of size %d with %d: %w: %s", size1, size2, cause, fmt.Sprintf(format, args...))
	}
	if size1 > size2 || size2 > MaxSize {
		return fail(ErrProof, "want sizes that do not fall, and at most 2^63-1")
	}
	if want := consistencyHashes(size1, size2); len(hashes) != want {
		return fail(ErrProof, "got %d hashes, want %d", len(hashes), want)
	}
	if size1 == size2 || size1&(size1-1) == 0 {
		return fail(ErrNoOldRoot, "want sizes that differ, and a first that is no power of two")
	}
	// The first hash is the last subtree of the smaller tree that is whole, at
	// the level of its lowest bit. The rest leads from there to the top: a
	// sibling on every level up to where the edges of the two trees part, above
	// it the left siblings that both share.
	level := bits.TrailingZeros64(size1)
	index, last := (size1-1)>>level, (size2-1)>>level
	inner := bits.Len64(index ^ last)
	root1, root2 = hashes[0], hashes[0]
	for i, sibling := range hashes[1:] {
		if i >= inner || index>>i&1 == 1 {
			root1, root2 = NodeHash(sibling, root1), NodeHash(sibling, root2)
		} else {
			// To the right of the smaller tree's edge: of the larger alone.
			root2 = NodeHash(root2, sibling)
		}
	}
	return root1, root2, nil
}
