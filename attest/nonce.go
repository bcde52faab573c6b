package attest

import (
	"crypto/sha256"
	"fmt"
)

// MaxBatch is how many nonces one evidence answers at most: what a node takes into
// its queue while a quote of a slow TPM (about a second) is under way.
const MaxBatch = 4096

// maxNoncePath is the length of the longest path: log2 of MaxBatch.
const maxNoncePath = 12

// NonceTree is the Merkle tree (RFC 6962, section 2.1) of the nonces that one
// evidence answers. Its leaves are SHA-256 of 0x00 and the nonce, also where there
// is but one.
type NonceTree struct {
	leaves []Digest // hashes of the nonces
}

// NewNonceTree returns the tree of nonces in their order, 1 to MaxBatch.
func NewNonceTree(nonces []Digest) (*NonceTree, error) {
	if len(nonces) == 0 || len(nonces) > MaxBatch {
		return nil, fmt.Errorf("nonce tree: got %d nonces, want 1 to %d", len(nonces), MaxBatch)
	}
	leaves := make([]Digest, len(nonces))
	for i, nonce := range nonces {
		leaves[i] = nonceLeaf(nonce)
	}
	return &NonceTree{leaves}, nil
}

// Root returns what stands for the nonce in the binding.
func (t *NonceTree) Root() Digest { return subtree(t.leaves) }

// Place returns where the nonce of that number stands. It panics if there is none.
func (t *NonceTree) Place(index int) NoncePlace {
	place := NoncePlace{Index: index, Size: len(t.leaves)}
	var walk func(leaves []Digest, at int)
	walk = func(leaves []Digest, at int) {
		if len(leaves) == 1 {
			return
		}
		split := splitOf(len(leaves))
		if at < split {
			walk(leaves[:split], at)
			place.Path = append(place.Path, subtree(leaves[split:]))
		} else {
			walk(leaves[split:], at-split)
			place.Path = append(place.Path, subtree(leaves[:split]))
		}
	}
	_ = t.leaves[index]
	walk(t.leaves, index)
	return place
}

// NoncePlace is where a nonce stands in a tree of nonces: its number from 0, how
// many there are, and its audit path from the leaf up.
type NoncePlace struct {
	Index, Size int
	Path        []Digest
}

// Root returns the root of the tree in which the nonce stands at this place. An
// index outside the tree, a size outside 1 to MaxBatch and a path of another length
// than the place has are refused.
//
// Spec: RFC 9162, section 2.1.3.2.
func (p NoncePlace) Root(nonce Digest) (Digest, error) {
	if p.Size < 1 || p.Size > MaxBatch {
		return Digest{}, fmt.Errorf("batch: got size %d, want 1 to %d", p.Size, MaxBatch)
	}
	if p.Index < 0 || p.Index >= p.Size {
		return Digest{}, fmt.Errorf("batch: got index %d, want below the size %d", p.Index, p.Size)
	}
	hash := nonceLeaf(nonce)
	at, last, used := p.Index, p.Size-1, 0
	for ; last > 0; at, last = at>>1, last>>1 {
		if at&1 == 0 && at == last {
			continue // the last of a row without a sibling goes up as it is
		}
		if used == len(p.Path) {
			return Digest{}, fmt.Errorf("batch: got a path of %d hashes, want more for index %d of %d", len(p.Path), p.Index, p.Size)
		}
		if at&1 == 1 {
			hash = nonceNode(p.Path[used], hash)
		} else {
			hash = nonceNode(hash, p.Path[used])
		}
		used++
	}
	if used != len(p.Path) {
		return Digest{}, fmt.Errorf("batch: got a path of %d hashes, want %d for index %d of %d", len(p.Path), used, p.Index, p.Size)
	}
	return hash, nil
}

func nonceLeaf(nonce Digest) Digest { return sha256.Sum256(append([]byte{0}, nonce[:]...)) }

func nonceNode(left, right Digest) Digest {
	return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
}

// splitOf returns the greatest power of two below n, which is at least 2.
func splitOf(n int) int {
	split := 1
	for split*2 < n {
		split *= 2
	}
	return split
}

func subtree(leaves []Digest) Digest {
	if len(leaves) == 1 {
		return leaves[0]
	}
	split := splitOf(len(leaves))
	return nonceNode(subtree(leaves[:split]), subtree(leaves[split:]))
}
