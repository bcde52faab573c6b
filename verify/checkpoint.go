package verify

import (
	"fmt"
	"strings"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/bundle"
	"github.com/muster-log/muster/tlog/policy"
)

func (j *judgement) bundleForm() finding {
	parsed, err := bundle.Parse(j.data)
	if err != nil {
		return fail("", err.Error())
	}
	checkpoint, err := tlog.ParseCheckpoint([]byte(parsed.Checkpoint))
	if err != nil {
		return fail("", err.Error())
	}
	j.bundle, j.checkpoint = parsed, checkpoint
	return pass("", fmt.Sprintf("%d entries, %d anchors, size %d", len(parsed.Entries), len(parsed.Anchors), checkpoint.Size))
}

// origin passes only with the log signature behind it: until then it is a name.
func (j *judgement) origin() finding {
	if len(j.trust.policy.LogKeys(j.bundle.Origin)) == 0 {
		return fail("", "origin "+j.bundle.Origin+", of which the policy has no log")
	}
	return pass("", j.bundle.Origin)
}

func (j *judgement) logSignature() finding {
	if err := j.checkpoint.VerifySignature(j.trust.policy.LogKeys(j.bundle.Origin)...); err != nil {
		return fail("", err.Error())
	}
	return pass("", "signed by "+j.bundle.Origin)
}

func (j *judgement) quorum() finding {
	p := j.trust.policy
	cosignatures, err := j.checkpoint.Cosignatures(p.WitnessKeys())
	if err != nil {
		return fail("", err.Error())
	}
	j.cosignatures = cosignatures
	// Who is proven to lie is known before any cosignature is counted.
	j.readAnchors()
	j.findLiars()
	j.tally = j.count(cosignatures)
	expected := "quorum " + p.Quorum + ", one vote for each operator, none for " + j.trust.requirements.LogOperator
	found := describeVotes(j.tally)
	if lying := j.lying(); lying != "" {
		found += "; " + lying
	}
	if !j.tally.Met {
		return fail(expected, found)
	}
	return pass(expected, found)
}

// describeVotes lists who cosigned, and why one that did does not count.
func describeVotes(tally policy.Tally) string {
	var votes []string
	for _, vote := range tally.Votes {
		switch vote.Standing {
		case policy.Absent:
		case policy.Counted:
			votes = append(votes, vote.Witness.Name+" of "+vote.Operator)
		default:
			votes = append(votes, vote.Witness.Name+" of "+vote.Operator+" (does not count: "+string(vote.Standing)+")")
		}
	}
	if len(votes) == 0 {
		return "no cosignature of a witness of the policy"
	}
	return "cosigned by " + strings.Join(votes, ", ")
}

func (j *judgement) checkpointAge() finding {
	fresh := stamp(j.tally.Fresh)
	found := "fresh time " + release.FormatTime(fresh)
	limit := j.trust.requirements.CheckpointMaxAge
	if limit.None() {
		return waived(found)
	}
	expected := "younger than " + limit.String()
	f := j.before(fresh.Add(limit.Value()), expected, found)
	if f.status != StatusPass {
		f.found += ", now " + release.FormatTime(j.now)
	}
	return f
}

// checkAnchors judges every anchor alike, whether a check needs it or not: what
// stands in a bundle holds. Whether an anchor's quorum is met is for the checks
// that rest on it.
func (j *judgement) checkAnchors() finding {
	j.readAnchors()
	for i := range j.anchors {
		j.anchors[i].tally = j.count(j.anchors[i].cosignatures)
	}
	if j.anchorFault != nil {
		return *j.anchorFault
	}
	return pass("", fmt.Sprintf("%d anchors", len(j.anchors)))
}

// readAnchors checks proofs and signatures of the anchors, up to the first that is
// refused, and counts nothing yet.
func (j *judgement) readAnchors() {
	if j.anchorsRead {
		return
	}
	j.anchorsRead = true
	for i, a := range j.bundle.Anchors {
		one, err := j.readAnchor(a)
		if err != nil {
			fault := refused("", fmt.Sprintf("anchor %d", i), err)
			j.anchorFault = &fault
			return
		}
		j.anchors = append(j.anchors, one)
	}
}

func (j *judgement) readAnchor(a bundle.Anchor) (anchor, error) {
	checkpoint, err := tlog.ParseCheckpoint([]byte(a.Checkpoint))
	if err != nil {
		return anchor{}, err
	}
	if err := tlog.VerifyConsistency(checkpoint.Size, j.checkpoint.Size, checkpoint.Root, j.checkpoint.Root, a.Consistency); err != nil {
		return anchor{}, err
	}
	cosignatures := j.cosignatures
	// An anchor may be the bundle's own checkpoint.
	if cosignatures == nil || a.Checkpoint != j.bundle.Checkpoint {
		if cosignatures, err = j.trust.policy.Verify(checkpoint); err != nil {
			return anchor{}, err
		}
	}
	return anchor{note: checkpoint, size: checkpoint.Size, root: checkpoint.Root, cosignatures: cosignatures}, nil
}

func (j *judgement) inclusion() finding {
	for _, e := range j.bundle.Entries {
		if err := tlog.VerifyInclusion(e.Index, j.checkpoint.Size, tlog.LeafHash(e.Envelope), e.Inclusion, j.checkpoint.Root); err != nil {
			return refused("", "", err)
		}
	}
	return pass("", fmt.Sprintf("%d entries in size %d", len(j.bundle.Entries), j.checkpoint.Size))
}
