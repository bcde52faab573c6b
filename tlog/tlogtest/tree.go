package tlogtest

import (
	"crypto/sha256"

	"github.com/muster-log/muster/tlog"
)

// The definitions of RFC 6962, section 2.1, as they stand there.

func leafHash(entry []byte) tlog.Hash {
	return sha256.Sum256(append([]byte{0}, entry...))
}

func nodeHash(left, right tlog.Hash) tlog.Hash {
	return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
}

// split is the largest power of two below n.
func split(n int) int {
	k := 1
	for 2*k < n {
		k *= 2
	}
	return k
}

// root is MTH.
func root(leaves []tlog.Hash) tlog.Hash {
	switch len(leaves) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return leaves[0]
	}
	k := split(len(leaves))
	return nodeHash(root(leaves[:k]), root(leaves[k:]))
}

// inclusion is PATH.
func inclusion(index int, leaves []tlog.Hash) []tlog.Hash {
	if len(leaves) == 1 {
		return nil
	}
	k := split(len(leaves))
	if index < k {
		return append(inclusion(index, leaves[:k]), root(leaves[k:]))
	}
	return append(inclusion(index-k, leaves[k:]), root(leaves[:k]))
}

// consistency is SUBPROOF.
func consistency(from int, leaves []tlog.Hash, whole bool) []tlog.Hash {
	if from == len(leaves) {
		if whole {
			return nil
		}
		return []tlog.Hash{root(leaves)}
	}
	k := split(len(leaves))
	if from <= k {
		return append(consistency(from, leaves[:k], whole), root(leaves[k:]))
	}
	return append(consistency(from-k, leaves[k:], false), root(leaves[:k]))
}
