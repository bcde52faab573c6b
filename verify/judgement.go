package verify

import (
	"slices"
	"time"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/bundle"
	"github.com/muster-log/muster/tlog/fork"
	"github.com/muster-log/muster/tlog/memory"
	"github.com/muster-log/muster/tlog/policy"
)

// Bundle judges a proof bundle: about the release in it, and no machine. now is
// the caller's clock; WithMemory has it compared with what is remembered. The same
// arguments make the same verdict. Its cost is bounded by the bounds of a bundle
// and of a memory, whatever stands in them.
func Bundle(data []byte, trust *Trust, now time.Time, options ...Option) *Verdict {
	j := newJudgement(data, trust, now, options)
	j.run(releaseChecks)
	j.run(uncheckedChecks)
	return j.verdict(AboutRelease)
}

func newJudgement(data []byte, trust *Trust, now time.Time, options []Option) *judgement {
	j := &judgement{trust: trust, data: data, wall: now, clock: now, now: now, assurance: AssuranceNone}
	for _, option := range options {
		option(j)
	}
	return j
}

// verdict sums up the checks that were made.
func (j *judgement) verdict(about About) *Verdict {
	return &Verdict{
		About:     about,
		Assurance: j.assurance,
		Checks:    j.made,
		Result:    result(j.made),
		Deadline:  j.deadline,
		Judged:    j.about(),
		Machine:   j.machine,
		Evidence:  j.evidence,
		Learned:   j.learn(),
	}
}

// judgement is a verdict in the making: what the checks so far have read.
type judgement struct {
	trust *Trust
	data  []byte
	wall  time.Time // the caller's now
	clock time.Time // the later of that and what is remembered
	now   time.Time // the later of that and every fresh time verified so far
	made  []Check

	bundle       *bundle.Bundle
	checkpoint   *tlog.SignedCheckpoint
	cosignatures []tlog.Cosignature // of the checkpoint, once log-signature has passed
	tally        policy.Tally       // of the checkpoint
	anchors      []anchor           // by size, as far as they were read
	anchorsRead  bool
	anchorFault  *finding // about the first anchor that was refused; nil: none

	authorities, releases, images, rolls []*entry // by index
	chain                                *register.Chain
	judged                               *entry // the release of highest index

	witnessed time.Time // known time of the oldest entry of the identity; zero: not known
	rollSince time.Time // what the roll's age counts from; zero: not known
	deadline  time.Time

	// tolerance is how long past its deadline something old is reported only; zero:
	// not at all, but in a boot.
	tolerance time.Duration
	assurance string
	machine   attest.Machine

	memory     *Memory           // nil: none
	comparison memory.Comparison // with the memory, once log-signature has passed
	liars      map[string]bool   // witnesses, by verifier key
	evidence   []*fork.Evidence  // against witnesses, and against the log once consistency was made
}

// anchor is an anchor of the bundle and what its checked cosignatures amount to.
type anchor struct {
	note         *tlog.SignedCheckpoint
	size         uint64
	root         tlog.Hash
	cosignatures []tlog.Cosignature
	tally        policy.Tally
}

// entry is an entry of the bundle, decoded.
type entry struct {
	index    uint64
	prepared *register.Prepared
	unread   error // about measurements of an image that this program has no rules for; nil: none
}

func (e *entry) release() *release.Release { return e.prepared.Statement.Predicate.(*release.Release) }
func (e *entry) image() *release.Image     { return e.prepared.Statement.Predicate.(*release.Image) }

// run makes the checks of a table in order. A check is not made unless all that
// it needs have passed.
func (j *judgement) run(table []check) {
	for _, c := range table {
		made := Check{Code: c.code, Status: StatusNotChecked, Expected: c.expected, Found: "not made"}
		if failed, ok := j.missing(c.needs); ok {
			// Some check before this one decides the result: this one is not
			// required on top of it.
			made.Found = "not made: " + string(failed) + " did not pass"
		} else {
			f := c.make(j)
			made.Status, made.Found, made.required = f.status, plain(f.found), f.required
			if f.expected != "" {
				made.Expected = plain(f.expected)
			}
		}
		j.made = append(j.made, made)
	}
}

// missing returns the first check needed that did not pass.
func (j *judgement) missing(needs []Code) (Code, bool) {
	for _, need := range needs {
		if !slices.ContainsFunc(j.made, func(c Check) bool {
			return c.Code == need && (c.Status == StatusPass || c.Status == StatusWaived)
		}) {
			return need, true
		}
	}
	return "", false
}

// result sums the checks up: one that failed decides, then one that was
// required and not made.
func result(checks []Check) Result {
	result := Pass
	for _, c := range checks {
		switch {
		case c.Status == StatusFail:
			return Fail
		case c.Status == StatusNotChecked && c.required:
			result = Unknown
		}
	}
	return result
}

// count tallies checked cosignatures, and moves now up to their fresh time: a
// clock that is behind the witnesses' is behind.
func (j *judgement) count(cosignatures []tlog.Cosignature) policy.Tally {
	tally := j.trust.policy.Tally(j.honest(cosignatures), j.trust.requirements.Operators, j.trust.requirements.LogOperator, j.clock)
	if fresh := stamp(tally.Fresh); tally.Met && j.now.Before(fresh) {
		j.now = fresh
	}
	return tally
}

// stamp returns the time of a cosignature that counts.
func stamp(seconds uint64) time.Time { return time.Unix(int64(seconds), 0).UTC() }

// expires notes a deadline and tells whether now is before it.
func (j *judgement) expires(deadline time.Time) bool {
	if j.deadline.IsZero() || deadline.Before(j.deadline) {
		j.deadline = deadline
	}
	return j.now.Before(deadline)
}

// before judges something that holds until a deadline. In a boot, what is past it
// by less than the tolerance is reported and no more.
func (j *judgement) before(deadline time.Time, expected, found string) finding {
	switch past := j.now.Sub(deadline); {
	case j.expires(deadline):
		return pass(expected, found)
	case past < j.tolerance:
		return finding{status: StatusWaived, expected: expected, found: found + ": " + past.Truncate(time.Second).String() + " too old, which a boot reports only"}
	case j.tolerance > 0:
		return fail(expected, found+": more than "+j.tolerance.String()+" too old, even for a boot")
	}
	return fail(expected, found)
}

// about collects what the bundle is about, as far as it was read.
func (j *judgement) about() Judged {
	var about Judged
	if j.bundle != nil {
		about.Origin = j.bundle.Origin
	}
	if j.checkpoint != nil {
		about.Size = j.checkpoint.Size
	}
	if j.chain != nil {
		about.Authority = j.chain.Newest().Authority
	}
	if j.judged != nil {
		about.Release, about.Digest, about.Index = j.judged.release(), j.judged.prepared.Digest, j.judged.index
	}
	about.Witnessed = j.witnessed
	if len(j.rolls) == 1 {
		roll := j.rolls[0]
		about.Roll = &JudgedRoll{Roll: roll.roll(), Digest: roll.prepared.Digest, Index: roll.index}
		if !j.rollSince.IsZero() {
			about.Roll.Since, about.Roll.Age = j.rollSince, j.now.Sub(j.rollSince)
		}
	}
	for _, e := range j.images {
		about.Images = append(about.Images, JudgedImage{Image: e.image(), Digest: e.prepared.Digest, Index: e.index})
	}
	return about
}
