package verify

import (
	"fmt"
	"time"

	"github.com/muster-log/muster/release"
)

// minimumAge counts from the known time of the smallest checkpoint in the
// bundle that covers the oldest entry of the release's identity and meets the
// quorum: a renewal keeps its age, and a struck entry counts for none.
func (j *judgement) minimumAge() finding {
	limit := j.trust.requirements.MinimumAge
	if limit.None() {
		return waived("")
	}
	expected := "witnessed at least " + limit.String() + " ago"
	oldest := j.oldest()
	if oldest == nil {
		return fail(expected, "every entry of the release is struck")
	}
	known := j.knownTime(oldest.index)
	found := fmt.Sprintf("index %d witnessed since %s, now %s", oldest.index, release.FormatTime(known), release.FormatTime(j.now))
	if j.now.Before(known.Add(limit.Value())) {
		return fail(expected, found)
	}
	return pass(expected, found)
}

// oldest returns the oldest entry of the release's identity that is not struck.
func (j *judgement) oldest() *entry {
	for _, e := range j.releases {
		if _, struck := j.chain.Struck(e.index, e.prepared); !struck {
			return e
		}
	}
	return nil
}

// knownTime returns since when an entry is known to have been witnessed. The
// bundle's own checkpoint covers every entry and meets the quorum. Among anchors
// of one size the earliest known time counts.
func (j *judgement) knownTime(index uint64) time.Time {
	r := j.trust.requirements
	known, size := j.tally.Known, j.checkpoint.Size
	for _, a := range j.anchors {
		if a.checkpoint.Size <= index || a.checkpoint.Size > size {
			continue
		}
		t, ok := j.trust.policy.KnownTime(a.cosignatures, r.Operators, r.LogOperator, j.now)
		if ok && (a.checkpoint.Size < size || t < known) {
			known, size = t, a.checkpoint.Size
		}
	}
	return time.Unix(int64(known), 0).UTC()
}

// rollAge needs the roll's judgement, which is not part of a verdict yet.
func (j *judgement) rollAge() finding {
	limit := j.trust.requirements.RollMaxAge
	if limit.None() {
		return waived("")
	}
	return undecided("a roll younger than "+limit.String(), "rolls are not judged: set rollMaxAge to none, or wait for a version that judges them")
}

// consistency needs a memory of the log's checkpoints, and is given none.
func (j *judgement) consistency() finding {
	const found = "no memory of this log was given"
	if j.trust.requirements.Consistency == ConsistencyRequired {
		return undecided("", found)
	}
	return finding{status: StatusNotChecked, found: found}
}
