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
	expected := "witnessed at least " + limit.String() + " ago"
	oldest := j.oldest()
	found := "every entry of the release is struck"
	if oldest != nil {
		j.witnessed = j.knownTime(oldest.index)
		found = fmt.Sprintf("index %d witnessed since %s, now %s", oldest.index, release.FormatTime(j.witnessed), release.FormatTime(j.now))
	}
	switch {
	case limit.None():
		return waived(found)
	case oldest == nil, j.now.Before(j.witnessed.Add(limit.Value())):
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
