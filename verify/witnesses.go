package verify

import (
	"cmp"
	"slices"
	"strings"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/fork"
)

// A witness that cosigned a smaller tree after a larger one broke its promise, and
// its cosignatures count for nothing, nowhere in the bundle that shows it. One
// lying witness neither convinces nor stops anybody whom the others suffice.

// trustedKeys are those of the bundle's log and of all witnesses.
func (j *judgement) trustedKeys() []tlog.VerifierKey {
	return slices.Concat(j.trust.policy.LogKeys(j.bundle.Origin), j.trust.policy.WitnessKeys())
}

// findLiars compares the checkpoint and the anchors, whose lines are verified, with
// what is remembered and with each other.
func (j *judgement) findLiars() {
	var notes []*tlog.SignedCheckpoint
	for _, a := range j.anchors {
		notes = append(notes, a.note)
	}
	if j.memory != nil {
		j.comparison = j.memory.Logs.Compare(j.checkpoint, notes, j.trustedKeys())
	}
	j.liars = make(map[string]bool)
	for _, evidence := range slices.Concat(j.comparison.Evidence, j.wrongTimes()) {
		if evidence.Kind == fork.WitnessTime && !j.liars[evidence.Witness] {
			j.liars[evidence.Witness] = true
			j.evidence = append(j.evidence, evidence)
		}
	}
}

// wrongTimes finds witnesses whom the bundle alone proves to lie: one piece of
// evidence against each.
func (j *judgement) wrongTimes() []*fork.Evidence {
	shown := append([]anchor{{note: j.checkpoint, size: j.checkpoint.Size, cosignatures: j.cosignatures}}, j.anchors...)
	slices.SortStableFunc(shown, func(a, b anchor) int { return cmp.Compare(b.size, a.size) })
	var found []*fork.Evidence
	for _, witness := range j.trust.policy.WitnessKeys() {
		if evidence := wrongTime(shown, witness); evidence != nil {
			found = append(found, evidence)
		}
	}
	return found
}

// wrongTime compares the cosignatures of a witness under checkpoints, the largest
// first.
func wrongTime(shown []anchor, witness tlog.VerifierKey) *fork.Evidence {
	for i, larger := range shown {
		earliest, _ := timesOf(larger.cosignatures, witness)
		if earliest == 0 {
			continue
		}
		for _, smaller := range shown[i+1:] {
			if _, latest := timesOf(smaller.cosignatures, witness); smaller.size == larger.size || latest <= earliest {
				continue
			}
			if evidence, err := fork.NewWitnessTime(larger.note, smaller.note, witness); err == nil {
				return evidence
			}
		}
	}
	return nil
}

// timesOf returns the earliest and the latest time of a witness; 0: it has none.
func timesOf(cosignatures []tlog.Cosignature, witness tlog.VerifierKey) (earliest, latest uint64) {
	for _, c := range cosignatures {
		if !c.Key.Equal(witness) {
			continue
		}
		if earliest == 0 || c.Time < earliest {
			earliest = c.Time
		}
		latest = max(latest, c.Time)
	}
	return earliest, latest
}

// honest leaves out the cosignatures of those who are proven to lie.
func (j *judgement) honest(cosignatures []tlog.Cosignature) []tlog.Cosignature {
	return slices.DeleteFunc(slices.Clone(cosignatures), func(c tlog.Cosignature) bool { return j.liars[c.Key.String()] })
}

// lying names the witnesses whose cosignatures do not count.
func (j *judgement) lying() string {
	var names []string
	for _, w := range j.trust.policy.Witnesses {
		if j.liars[w.Key.String()] {
			names = append(names, w.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "not counted, for it cosigned a smaller tree after a larger one: " + strings.Join(names, ", ")
}
