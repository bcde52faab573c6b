package faultdisk_test

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness/witnesstest"
)

// cosigned is what one pair of cosignatures says.
type cosigned struct {
	size uint64
	root tlog.Hash
	time uint64
}

// history is a log, the forks of it that its operator tries, and everything
// that a witness said of them to anybody, in all its lives.
type history struct {
	origin string
	leaves int
	// branches are the log, and its forks by the size at which they begin.
	branches []branch

	mu   sync.Mutex
	left []cosigned
}

// A branch is one history of a log, with its roots by size.
type branch struct {
	*witnesstest.Log
	roots []tlog.Hash
}

func newBranch(log *witnesstest.Log, leaves int) branch {
	b := branch{Log: log}
	for size := range leaves + 1 {
		b.roots = append(b.roots, log.Root(size))
	}
	return b
}

// holds reports whether every root is that of the branch at that size.
func (b branch) holds(all []cosigned) bool {
	for _, one := range all {
		if one.size >= uint64(len(b.roots)) || b.roots[one.size] != one.root {
			return false
		}
	}
	return true
}

// newHistory is of a log of a number of leaves.
func newHistory(log *witnesstest.Log, leaves int) *history {
	h := &history{origin: log.Origin, leaves: leaves, branches: []branch{newBranch(log, leaves)}}
	for at := range leaves {
		h.branches = append(h.branches, newBranch(log.Fork(at), leaves))
	}
	return h
}

// again is the same log before anything was said of it.
func (h *history) again() *history {
	return &history{origin: h.origin, leaves: h.leaves, branches: h.branches}
}

// honest is the log as it is.
func (h *history) honest() *witnesstest.Log { return h.branches[0].Log }

// fork is the log's other history from a size on.
func (h *history) fork(at int) *witnesstest.Log { return h.branches[1+at].Log }

// add keeps what left the witness: a note with its cosignatures.
func (h *history) add(note []byte, keys []tlog.VerifierKey) (cosigned, error) {
	checkpoint, err := tlog.ParseCheckpoint(note)
	if err != nil {
		return cosigned{}, fmt.Errorf("%s: what left is no checkpoint: %w", h.origin, err)
	}
	cosignatures, err := checkpoint.Cosignatures(keys)
	if err != nil || len(cosignatures) != 2 || cosignatures[0].Time != cosignatures[1].Time {
		return cosigned{}, fmt.Errorf("%s: got cosignatures %v, %v, want two of one time", h.origin, cosignatures, err)
	}
	one := cosigned{checkpoint.Size, checkpoint.Root, cosignatures[0].Time}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.left = append(h.left, one)
	return one, nil
}

// largest is the largest size that was cosigned, and whether one was.
func (h *history) largest() (size int, any bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, one := range h.left {
		size = max(size, int(one.size))
	}
	return size, len(h.left) > 0
}

// contradiction is nil if all that left can be true at once: one history holds
// every root, and who was shown the larger tree was not shown it earlier.
func (h *history) contradiction() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, a := range h.left {
		for _, b := range h.left {
			if a.size < b.size && a.time > b.time {
				return fmt.Errorf("%s: cosigned size %d at %d and the smaller size %d at %d, later", h.origin, b.size, b.time, a.size, a.time)
			}
		}
	}
	for _, branch := range h.branches {
		if branch.holds(h.left) {
			return nil
		}
	}
	return fmt.Errorf("%s: no history of the log holds all that was cosigned", h.origin)
}

// forgotten is nil if a state of this size, root and time remembers all that
// left.
func (h *history) forgotten(latest cosigned) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.covers(latest, h.left)
}

func (h *history) covers(latest cosigned, left []cosigned) error {
	for _, one := range left {
		switch {
		case one.size > latest.size:
			return fmt.Errorf("%s: cosigned up to size %d, remembers %d", h.origin, one.size, latest.size)
		case one.size == latest.size && one.root != latest.root:
			return fmt.Errorf("%s: cosigned another root at size %d than it remembers", h.origin, one.size)
		case one.time > latest.time:
			return fmt.Errorf("%s: cosigned at %d, remembers %d", h.origin, one.time, latest.time)
		}
	}
	if len(left) == 0 {
		return nil
	}
	for _, branch := range h.branches {
		if branch.holds(left) && branch.holds([]cosigned{latest}) {
			return nil
		}
	}
	return fmt.Errorf("%s: remembers a history at size %d that does not hold what it cosigned", h.origin, latest.size)
}

// cosignedNote is the note that a submitter makes of an answer.
func cosignedNote(checkpoint *tlog.SignedCheckpoint, answer []byte) []byte {
	return bytes.Join([][]byte{checkpoint.Marshal(), answer}, nil)
}
