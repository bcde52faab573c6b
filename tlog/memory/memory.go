// Package memory is what a relying party remembers of logs: checkpoints, whole,
// so that a log that shows it another history later is found out, and proven to
// have shown two. It is a pure data structure with a file format
// (docs/formats/memory.md): no clock, no disk, no keys but those it is given.
//
// A memory never goes back: nothing that is added makes it forget the largest
// checkpoint of a log, the largest proven one, or what was proven against a log. Of
// each log it keeps these two and the newest others by fresh time, 64 in all, so
// that it stays small whatever a log does.
//
// The checkpoint of a log that is remembered first counts as proven, unless whoever
// learnt it disclaims that: somebody has to be first. Every other one is proven if proofs lead from it to the largest proven
// one, or from that to it, when it takes that place. One that nothing proves is kept
// to be compared with, and vouches for nothing, not for itself when it is shown again.
//
// What it does not promise: that a checkpoint is genuine. Whoever adds one has
// checked the log's signature and the quorum.
package memory

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/fork"
)

const (
	// MaxLogs is the greatest number of logs in a memory.
	MaxLogs = 16
	// MaxCheckpoints is the greatest number of checkpoints of one log: the
	// largest, the largest proven, and the newest of the others.
	MaxCheckpoints = 64
	// MaxOthers bounds the checkpoints of one log but these two, in bytes of
	// their JSON strings. 62 notes of ten ML-DSA cosignatures fit; of a log that
	// makes its notes longer fewer are kept.
	MaxOthers = 2 << 20
	// MaxEvidence bounds what is remembered against one log and its witnesses,
	// in bytes of JSON. The greatest evidence against the log fits: none that makes
	// its notes long is forgiven for it.
	MaxEvidence = fork.MaxSize + 1<<20
	// maxEvidenceCount is the greatest number of pieces of evidence of one log.
	maxEvidenceCount = 8
	// maxFresh is the greatest fresh time: the greatest integer of canonical JSON.
	maxFresh = 1<<53 - 1
)

// ErrFull reports a log that has no room any more. Forgetting another log for
// it would be going back.
var ErrFull = errors.New("memory is full")

// Kept is a checkpoint that is remembered.
type Kept struct {
	Checkpoint *tlog.SignedCheckpoint
	// Fresh is its fresh time when it was added, in POSIX seconds.
	Fresh uint64
	// ExtendedBy is the size of a larger kept checkpoint whose tree is proven to
	// begin with this one's; 0: of none.
	ExtendedBy uint64
}

// Memory is what is remembered of logs. The zero Memory is empty. It is not safe
// for use by several goroutines while one of them changes it.
type Memory struct {
	logs    map[string]*history
	trusted []tlog.VerifierKey // not part of the file
}

// history is what is remembered of one log.
type history struct {
	kept     []Kept           // by size, which no two share
	proven   uint64           // size of the largest proven one, which nothing kept is proven to extend; 0: none is
	evidence []*fork.Evidence // by accused: the log first, then by witness
}

// Trust says which keys of logs and witnesses are trusted now. Evidence that one of
// them bears out takes the place of evidence that none does, and nothing takes its
// own; without any keys the first evidence against somebody stays. The keys are not
// written to the file: Merge uses those of both memories.
func (m *Memory) Trust(keys ...tlog.VerifierKey) { m.trusted = slices.Clone(keys) }

// Origins returns the logs that are remembered, in the order of their bytes.
func (m *Memory) Origins() []string {
	origins := make([]string, 0, len(m.logs))
	for origin := range m.logs {
		origins = append(origins, origin)
	}
	slices.Sort(origins)
	return origins
}

// Checkpoints returns what is kept of a log, by size, the largest last.
func (m *Memory) Checkpoints(origin string) []Kept {
	if h := m.logs[origin]; h != nil {
		return slices.Clone(h.kept)
	}
	return nil
}

// Largest returns the largest checkpoint ever of a log.
func (m *Memory) Largest(origin string) (Kept, bool) {
	if h := m.logs[origin]; h != nil && len(h.kept) > 0 {
		return h.kept[len(h.kept)-1], true
	}
	return Kept{}, false
}

// Proven returns the largest checkpoint of a log that is proven to be of one history
// with the first that was remembered. All that is proven is of one history with it.
// False: nothing is.
func (m *Memory) Proven(origin string) (Kept, bool) {
	if h := m.logs[origin]; h != nil && h.proven > 0 {
		at, _ := h.find(h.proven)
		return h.kept[at], true
	}
	return Kept{}, false
}

// Disclaim takes back that anything in this memory counts as proven: for what is
// learnt and to be merged into a memory that knows the logs already, and holds proven
// then what the links lead to; and for what is no good beginning.
func (m *Memory) Disclaim() {
	for _, h := range m.logs {
		h.proven = 0
	}
}

// Newest returns the newest fresh time of all logs, in POSIX seconds; 0: none.
func (m *Memory) Newest() uint64 {
	newest := uint64(0)
	for _, h := range m.logs {
		for _, k := range h.kept {
			newest = max(newest, k.Fresh)
		}
	}
	return newest
}

// Evidence returns what is remembered against a log or a witness of it.
func (m *Memory) Evidence(origin string) []*fork.Evidence {
	if h := m.logs[origin]; h != nil {
		return slices.Clone(h.evidence)
	}
	return nil
}

// of returns the history of a log, and makes one.
func (m *Memory) of(origin string) (*history, error) {
	if h := m.logs[origin]; h != nil {
		return h, nil
	}
	if len(m.logs) >= MaxLogs {
		return nil, fmt.Errorf("log %s: %w: it holds %d logs; keep another file for this one", quote(origin), ErrFull, MaxLogs)
	}
	if m.logs == nil {
		m.logs = make(map[string]*history)
	}
	h := &history{}
	m.logs[origin] = h
	return h, nil
}

// Add remembers a checkpoint with its fresh time, and checkpoints (anchors) that
// its tree is proven to begin with. Where something of the log is proven, it is
// proven if one of them is the largest proven one. The caller has checked signatures, quorums and
// proofs. What contradicts something kept is not kept; the contradiction is, and
// is returned. The error is ErrFull, or about the caller's mistake.
func (m *Memory) Add(newest Kept, proven ...Kept) ([]*fork.Evidence, error) {
	if newest.Checkpoint.Size == 0 {
		return nil, nil // every log began empty
	}
	origin := newest.Checkpoint.Origin
	learned := &history{}
	if h := m.logs[origin]; h == nil || h.proven == 0 {
		learned.proven = newest.Checkpoint.Size
	}
	for _, k := range append(slices.Clone(proven), newest) {
		switch {
		case k.Checkpoint.Origin != origin:
			return nil, fmt.Errorf("memory: got a checkpoint of %s among those of %s", quote(k.Checkpoint.Origin), quote(origin))
		case k.Fresh > maxFresh:
			return nil, fmt.Errorf("memory: fresh time %d: want at most 2^53-1", k.Fresh)
		case k.Checkpoint.Size > newest.Checkpoint.Size:
			return nil, fmt.Errorf("memory: got an anchor of size %d of a checkpoint of size %d", k.Checkpoint.Size, newest.Checkpoint.Size)
		}
		k.ExtendedBy = 0
		if k.Checkpoint.Size < newest.Checkpoint.Size {
			k.ExtendedBy = newest.Checkpoint.Size
		}
		if k.Checkpoint.Size > 0 {
			learned.kept = append(learned.kept, k)
		}
	}
	return m.merge(origin, learned, m.trusted)
}

// Merge adds all that another memory holds, and returns what is newly proven
// against a log: two who remember together may know what neither does alone. Of two
// largest proven checkpoints the larger is that of both: the other is proven as far as
// the links of both lead to it.
func (m *Memory) Merge(other *Memory) ([]*fork.Evidence, error) {
	var found []*fork.Evidence
	trusted := slices.Concat(m.trusted, other.trusted)
	for _, origin := range other.Origins() {
		evidence, err := m.merge(origin, other.logs[origin], trusted)
		found = append(found, evidence...)
		if err != nil {
			return found, err
		}
	}
	return found, nil
}

// merge adds what another history of the log holds.
func (m *Memory) merge(origin string, other *history, trusted []tlog.VerifierKey) ([]*fork.Evidence, error) {
	h, err := m.of(origin)
	if err != nil {
		return nil, err
	}
	var found []*fork.Evidence
	refused := make(map[uint64]bool) // sizes at which the other's root is not the kept one
	for _, k := range other.kept {
		at, there := h.find(k.Checkpoint.Size)
		switch {
		case !there:
			h.kept = slices.Insert(h.kept, at, Kept{Checkpoint: k.Checkpoint, Fresh: k.Fresh})
		case h.kept[at].Checkpoint.Root != k.Checkpoint.Root:
			refused[k.Checkpoint.Size] = true
			if evidence, err := fork.NewSameSize(h.kept[at].Checkpoint, k.Checkpoint); err == nil && h.accuse(evidence, trusted) {
				found = append(found, evidence)
			}
		default:
			k.ExtendedBy = 0 // linked below, unless what extends it is refused
			h.kept[at] = join(h.kept[at], k)
		}
	}
	if !refused[other.proven] {
		h.proven = max(h.proven, other.proven)
	}
	if h.proven > 0 {
		// What extends it by a link that was kept before is proven with it.
		h.proven = h.top(h.proven)
	}
	// From the largest down: where a link leads is known before it is chosen.
	for _, k := range slices.Backward(other.kept) {
		if k.ExtendedBy > 0 && !refused[k.Checkpoint.Size] && !refused[k.ExtendedBy] {
			h.link(k.Checkpoint.Size, k.ExtendedBy)
		}
	}
	for _, evidence := range other.evidence {
		if h.accuse(evidence, trusted) {
			found = append(found, evidence)
		}
	}
	h.prune()
	return found, nil
}

// find returns where a size stands, or would.
func (h *history) find(size uint64) (int, bool) {
	return slices.BinarySearchFunc(h.kept, size, func(k Kept, size uint64) int { return cmp.Compare(k.Checkpoint.Size, size) })
}

// link notes that the larger of two kept checkpoints extends the smaller. One
// that two larger ones extend keeps the link that leads to what is proven, or else
// the link to the largest.
func (h *history) link(size, extendedBy uint64) {
	at, there := h.find(size)
	if _, larger := h.find(extendedBy); !there || !larger {
		return
	}
	before := h.kept[at].ExtendedBy
	leads, led := h.top(extendedBy) == h.proven, before > 0 && h.top(before) == h.proven
	if leads && !led || leads == led && before < extendedBy {
		h.kept[at].ExtendedBy = extendedBy
	}
	if h.proven > 0 {
		h.proven = h.top(h.proven)
	}
}

// top follows the links up from a kept size.
func (h *history) top(size uint64) uint64 {
	for {
		at, there := h.find(size)
		if !there || h.kept[at].ExtendedBy == 0 {
			return size
		}
		size = h.kept[at].ExtendedBy
	}
}

// prune forgets all but the largest checkpoint, the largest proven one and the newest
// of the others. A link over one that is forgotten leads on to what extends that.
func (h *history) prune() {
	if len(h.kept) == 0 {
		return
	}
	others := slices.DeleteFunc(slices.Clone(h.kept[:len(h.kept)-1]), func(k Kept) bool { return k.Checkpoint.Size == h.proven })
	number := MaxCheckpoints - (len(h.kept) - len(others))
	slices.SortFunc(others, func(a, b Kept) int {
		return cmp.Or(cmp.Compare(b.Fresh, a.Fresh), cmp.Compare(b.Checkpoint.Size, a.Checkpoint.Size))
	})
	room := MaxOthers
	for i, k := range others {
		room -= encodedSize(k.Checkpoint)
		if i < number && room >= 0 {
			continue
		}
		for _, forgotten := range others[i:] {
			h.forget(forgotten.Checkpoint.Size)
		}
		return
	}
}

func (h *history) forget(size uint64) {
	at, _ := h.find(size)
	onward := h.kept[at].ExtendedBy
	h.kept = slices.Delete(h.kept, at, at+1)
	for i := range h.kept {
		if h.kept[i].ExtendedBy == size {
			h.kept[i].ExtendedBy = onward
		}
	}
}
