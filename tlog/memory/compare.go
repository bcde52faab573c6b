package memory

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/fork"
)

// Relation says how a checkpoint stands to what is remembered of its log.
type Relation string

const (
	// FirstSeen: it contradicts nothing kept, and nothing kept of the log is proven.
	FirstSeen Relation = "first-seen"
	// Consistent: it contradicts nothing kept, and its tree and that of the
	// largest proven one are proven to be of one history.
	Consistent Relation = "consistent"
	// NotChecked: it contradicts nothing kept, and a proof is missing.
	NotChecked Relation = "not-checked"
	// Contradiction: no honest log can have signed it and something kept, or the
	// log has been found out before.
	Contradiction Relation = "contradiction"
)

// Comparison is the answer to how a checkpoint stands to what is remembered.
type Comparison struct {
	Relation Relation
	// From and To are, where a proof is missing, the sizes it has to lead from
	// and to: the smaller and the larger of this checkpoint and the largest proven.
	From, To uint64
	// Evidence is what holds against a key that the caller trusts, old and new:
	// against the log's under Contradiction, unless the kept checkpoint was signed
	// by a key that is trusted no more, and against witnesses' whatever the relation.
	Evidence []*fork.Evidence
}

// Compare tells how a checkpoint whose signatures the caller has checked stands to
// what is remembered. The tree of checkpoint is proven to begin with those of
// anchors. Keys are those of the log and of the witnesses that the caller trusts.
//
// A smaller checkpoint than the largest kept is no contradiction by itself: a node
// may have asked the log before another did. A witness that cosigned a smaller tree
// after a larger one is accused; that is no contradiction of the log's.
func (m *Memory) Compare(checkpoint *tlog.SignedCheckpoint, anchors []*tlog.SignedCheckpoint, keys []tlog.VerifierKey) Comparison {
	h := m.logs[checkpoint.Origin]
	if h == nil || len(h.kept) == 0 {
		return Comparison{Relation: FirstSeen}
	}
	result := Comparison{Relation: NotChecked}
	proven, contradicts := false, false
	note := func(evidence *fork.Evidence, err error) {
		if err != nil || evidence.Verify(keys...) != nil {
			return
		}
		contradicts = contradicts || ofLog(evidence)
		if !slices.ContainsFunc(result.Evidence, func(e *fork.Evidence) bool { return accused(e) == accused(evidence) }) {
			result.Evidence = append(result.Evidence, evidence)
		}
	}
	for _, evidence := range h.evidence {
		note(evidence, nil)
	}
	largest := h.proven
	for _, known := range append(slices.Clone(anchors), checkpoint) {
		if at, there := h.find(known.Size); there {
			kept := h.kept[at].Checkpoint
			if kept.Root != known.Root {
				contradicts = true
				note(fork.NewSameSize(kept, known))
				continue
			}
			// The checkpoint extends what stands here. So it is of one history with
			// the largest proven one if this is that, or if the checkpoint is kept
			// itself and linked to it. That it is kept alone proves nothing.
			proven = proven || kept.Size == largest || known.Size == checkpoint.Size && h.top(known.Size) == largest
		}
		for _, evidence := range h.wrongTimes(known, keys) {
			note(evidence, nil)
		}
	}
	switch {
	case contradicts:
		result.Relation = Contradiction
	case largest == 0:
		result.Relation = FirstSeen
	case proven, checkpoint.Size == 0:
		result.Relation = Consistent
	default:
		result.From, result.To = min(checkpoint.Size, largest), max(checkpoint.Size, largest)
	}
	return result
}

// wrongTimes finds witnesses that cosigned a smaller of two trees after the
// larger. Time stamps are compared as they stand first, and cosignatures verified
// only where those run backwards.
func (h *history) wrongTimes(checkpoint *tlog.SignedCheckpoint, keys []tlog.VerifierKey) []*fork.Evidence {
	var found []*fork.Evidence
	for _, witness := range keys {
		earliest, latest := times(checkpoint, witness)
		if latest == 0 || !witness.Type.Cosigns() || witness.Name == checkpoint.Origin {
			continue
		}
		for _, k := range h.kept {
			larger, smaller := k.Checkpoint, checkpoint
			keptEarliest, keptLatest := times(k.Checkpoint, witness)
			backwards := keptLatest > 0 && keptEarliest < latest
			if larger.Size < smaller.Size {
				larger, smaller = smaller, larger
				backwards = keptLatest > 0 && earliest < keptLatest
			}
			if larger.Size == smaller.Size || !backwards {
				continue
			}
			if evidence, err := fork.NewWitnessTime(larger, smaller, witness); err == nil {
				found = append(found, evidence)
			}
			break // a forged line is not worth another 63 verifications
		}
	}
	return found
}

// Accuse remembers evidence for good. It is the caller who has verified it.
func (m *Memory) Accuse(evidence *fork.Evidence) error {
	h := m.logs[evidence.Origin]
	if h == nil {
		return fmt.Errorf("memory: evidence about log %s, of which nothing is remembered", quote(evidence.Origin))
	}
	h.accuse(evidence, m.trusted)
	return nil
}

// ofLog reports evidence that accuses the log, not a witness.
func ofLog(e *fork.Evidence) bool { return e.Kind != fork.WitnessTime }

// accused orders evidence: the log first, then witnesses by their keys.
func accused(e *fork.Evidence) string {
	if ofLog(e) {
		return ""
	}
	return e.Witness
}

// accuse keeps evidence against one that is not accused yet, or is by evidence that
// no trusted key bears out, as far as there is room, and tells whether it did. The
// log's own comes before all witnesses'.
func (h *history) accuse(evidence *fork.Evidence, trusted []tlog.VerifierKey) bool {
	at, there := slices.BinarySearchFunc(h.evidence, evidence, func(a, b *fork.Evidence) int {
		return bytes.Compare([]byte(accused(a)), []byte(accused(b)))
	})
	size := evidenceSize(evidence)
	if size == 0 || size > MaxEvidence {
		return false
	}
	all := slices.Clone(h.evidence)
	switch {
	case !there:
		all = slices.Insert(all, at, evidence)
	case len(trusted) > 0 && evidence.Verify(trusted...) == nil && all[at].Verify(trusted...) != nil:
		all[at] = evidence
	default:
		return false
	}
	for total(all) > MaxEvidence || len(all) > maxEvidenceCount {
		last := expendable(all, trusted)
		if all[last] == evidence {
			return false
		}
		all = slices.Delete(all, last, last+1)
	}
	h.evidence = all
	return true
}

// expendable returns which piece goes where there is no room: of those against
// witnesses the last that no trusted key bears out, and else the last of all.
func expendable(all []*fork.Evidence, trusted []tlog.VerifierKey) int {
	for i, evidence := range slices.Backward(all) {
		if len(trusted) > 0 && !ofLog(evidence) && evidence.Verify(trusted...) != nil {
			return i
		}
	}
	return len(all) - 1
}

func total(all []*fork.Evidence) int {
	sum := 0
	for _, e := range all {
		sum += evidenceSize(e)
	}
	return sum
}

// evidenceSize is the length of its JSON; 0 if it has none.
func evidenceSize(e *fork.Evidence) int {
	data, err := e.Marshal()
	if err != nil {
		return 0
	}
	return len(data)
}

// Gap is a proof that is missing between two kept checkpoints.
type Gap struct{ From, To uint64 }

// Gaps lists the proofs that would show every kept checkpoint of a log to be of one
// history with the largest: what Reconcile takes.
func (m *Memory) Gaps(origin string) []Gap {
	h := m.logs[origin]
	if h == nil || len(h.kept) == 0 {
		return nil
	}
	var gaps []Gap
	largest := h.kept[len(h.kept)-1].Checkpoint.Size
	for _, k := range h.kept {
		if k.ExtendedBy == 0 && k.Checkpoint.Size != largest {
			gaps = append(gaps, Gap{k.Checkpoint.Size, largest})
		}
	}
	return gaps
}

// Reconcile takes the log's own word about two kept checkpoints: the root that it
// says it had at size from, and a consistency proof from there to the kept
// checkpoint of size to. If root is the kept one, the two are linked for good. If
// it is another, the log has contradicted itself: that is remembered and returned.
// An error means that the proof proves nothing either way.
func (m *Memory) Reconcile(origin string, from, to uint64, root tlog.Hash, consistency []tlog.Hash) (*fork.Evidence, error) {
	h := m.logs[origin]
	if h == nil {
		return nil, fmt.Errorf("memory: nothing is remembered of log %s", quote(origin))
	}
	at, there := h.find(from)
	toAt, toThere := h.find(to)
	if !there || !toThere || from >= to {
		return nil, fmt.Errorf("memory: sizes %d and %d of %s: want two kept ones, the smaller first", from, to, quote(origin))
	}
	smaller, larger := h.kept[at].Checkpoint, h.kept[toAt].Checkpoint
	if err := tlog.VerifyConsistency(from, to, root, larger.Root, consistency); err != nil {
		return nil, err
	}
	if root == smaller.Root {
		h.link(from, to)
		return nil, nil
	}
	evidence, err := fork.NewPrefix(smaller, larger, root, consistency)
	if err != nil {
		return nil, err
	}
	h.accuse(evidence, m.trusted)
	return evidence, nil
}

// quote renders input for an error message, bounded.
func quote(text string) string {
	const limit = 64
	if len(text) > limit {
		return strconv.QuoteToASCII(text[:limit]) + "..."
	}
	return strconv.QuoteToASCII(text)
}
