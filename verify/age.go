package verify

import (
	"fmt"
	"strconv"
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
	known, size := j.tally.Known, j.checkpoint.Size
	for _, a := range j.anchors {
		if !a.tally.Met || a.size <= index {
			continue
		}
		if a.size < size || a.size == size && a.tally.Known < known {
			known, size = a.tally.Known, a.size
		}
	}
	return stamp(known)
}

// rollAge needs the roll's judgement, which is not part of a verdict yet. A roll
// in the bundle is decoded and has no effect: the finding says so.
func (j *judgement) rollAge() finding {
	found := "rolls are not judged"
	if len(j.rolls) > 0 {
		found = "the roll at index " + strconv.FormatUint(j.rolls[0].index, 10) + " is not judged"
	}
	limit := j.trust.requirements.RollMaxAge
	if limit.None() {
		return waived(found)
	}
	return undecided("a roll younger than "+limit.String(), found+": set rollMaxAge to none, or take a version that judges them")
}

// consistency needs a memory of the log's checkpoints, and is given none.
func (j *judgement) consistency() finding {
	const found = "no memory of this log was given"
	if j.trust.requirements.Consistency == ConsistencyRequired {
		return undecided("", found)
	}
	return finding{status: StatusNotChecked, found: found}
}
