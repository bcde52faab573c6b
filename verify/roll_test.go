package verify_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/tlogtest"
	"github.com/muster-log/muster/verify"
)

// TestRollPasses: a release that a young roll lists, with what a person is shown.
func TestRollPasses(t *testing.T) {
	s := newSite(t)
	anchor := s.live()
	v := s.judge(s.staple(anchor, 0, 1, 2, 3, 4))
	wantPass(t, v)
	for _, code := range rollCodes {
		wantStatus(t, v, verify.Pass, code, verify.StatusPass)
	}
	roll := v.Judged.Roll
	if roll == nil || roll.Index != 4 || roll.Roll.Size != 4 || !roll.Since.Equal(s.clock) || roll.Age != time.Hour {
		t.Errorf("judged roll %+v", roll)
	}
	if !v.Judged.Witnessed.Equal(s.clock) {
		t.Errorf("witnessed since %s, want %s", v.Judged.Witnessed, s.clock)
	}
	if s.state().Void() != 0 {
		t.Error("the log holds void entries")
	}
}

// rollCodes are the checks of the roll.
var rollCodes = []verify.Code{
	verify.CodeRoll, verify.CodeRollProduct, verify.CodeRollRules, verify.CodeRollAuthority, verify.CodeRollSignatures,
	verify.CodeRollStruck, verify.CodeRollSize, verify.CodeRollLive, verify.CodeRollAnchor, verify.CodeRollAge,
}

// TestRollLeftOut: what a bundle could hold and lacks fails; where no age is asked
// every check of the roll says that it is waived.
func TestRollLeftOut(t *testing.T) {
	s := newSite(t)
	anchor := s.live()
	without := s.staple(anchor, 0, 1, 2, 3)
	wantFail(t, s.judge(without), verify.CodeRoll)
	s.requirements.RollMaxAge = siteDuration(t, "none")
	v := s.judge(without)
	for _, code := range rollCodes {
		wantStatus(t, v, verify.Pass, code, verify.StatusWaived)
	}
	if v.Judged.Roll != nil {
		t.Errorf("judged roll %+v", v.Judged.Roll)
	}
}

// TestRollThatNobodyAskedFor is judged all the same, but for its age: what stands
// in a bundle holds.
func TestRollThatNobodyAskedFor(t *testing.T) {
	s := newSite(t)
	anchor := s.live()
	s.requirements.RollMaxAge = siteDuration(t, "none")
	s.clock = s.clock.Add(30 * day)
	v := s.judge(s.staple(anchor, 0, 1, 2, 3, 4))
	wantPass(t, v)
	wantStatus(t, v, verify.Pass, verify.CodeRollLive, verify.StatusPass)
	wantStatus(t, v, verify.Pass, verify.CodeRollAge, verify.StatusWaived)
	if want := s.clock.Add(day); !v.Deadline.Equal(want) {
		t.Errorf("deadline %s, want that of the checkpoint, %s", v.Deadline, want)
	}

	s = newSite(t).standard()
	_, other := s.system(func(i *release.Image) { i.Name = "other-os" })
	s.withdraw(other)
	wantFail(t, s.judge(s.staple(s.roll(func(r *release.Roll) { r.Live = nil }), 0, 1, 2, 3, 6)), verify.CodeRollLive)
}

// TestRollAge counts from the earlier of the roll's own time and the fresh time of
// its anchor, whatever the checkpoint's age is.
func TestRollAge(t *testing.T) {
	tests := []struct {
		name             string
		issued, anchored time.Duration // after the start
		since            time.Duration
	}{
		{"signed after it was witnessed", time.Hour, 0, 0},
		{"held back", 0, time.Hour, 0},
		{"at once", time.Hour, time.Hour, time.Hour},
		{"a clock that is a month ahead", 30 * day, time.Hour, time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t).standard()
			start := s.clock
			s.requirements.RollMaxAge = siteDuration(t, "1d")
			roll := s.stateRoll()
			roll.Issued = start.Add(tt.issued)
			s.clock = start.Add(tt.anchored)
			anchor := s.checkpoint(4)
			s.logRoll(roll, "roll")
			s.clock = start.Add(20 * time.Hour)
			data := s.staple(anchor, 0, 1, 2, 3, 4)
			deadline := start.Add(tt.since).Add(day)
			v := s.judgeAt(data, deadline.Add(-time.Second))
			wantPass(t, v)
			if !v.Deadline.Equal(deadline) || !v.Judged.Roll.Since.Equal(start.Add(tt.since)) {
				t.Errorf("deadline %s, since %s, want %s", v.Deadline, v.Judged.Roll.Since, deadline)
			}
			wantFail(t, s.judgeAt(data, deadline), verify.CodeRollAge)
		})
	}
}

// TestRollAnchors: each has to meet the quorum by itself; of several the freshest
// counts, and one stale cosignature on it does no harm.
func TestRollAnchors(t *testing.T) {
	s := newSite(t).standard()
	s.requirements.RollMaxAge = siteDuration(t, "12h")
	old := s.checkpoint(4)
	lone := []*tlog.SignedCheckpoint{s.checkpoint(4, 1), s.checkpoint(4, 2)}
	s.clock = s.clock.Add(13 * time.Hour)
	fresh := s.log.Checkpoint(4, s.witnesses[0].At(siteStart), s.witnesses[1].At(s.clock), s.witnesses[2].At(s.clock))
	s.roll()
	judge := func(anchors ...*tlog.SignedCheckpoint) *verify.Verdict {
		slices.SortFunc(anchors, func(a, b *tlog.SignedCheckpoint) int { return bytes.Compare(a.Marshal(), b.Marshal()) })
		b := s.log.Bundle(s.checkpoint(5), anchors, 0, 1, 2, 3, 4)
		return s.judgeAt(marshal(t, b), s.clock)
	}
	wantPass(t, judge(old, fresh))
	wantFail(t, judge(old), verify.CodeRollAge)
	wantFail(t, judge(lone...), verify.CodeRollAnchor)
}

// TestC8FrozenRoll: the log still publishes, and nothing new is said.
func TestC8FrozenRoll(t *testing.T) {
	s := newSite(t)
	anchor := s.live()
	s.clock = s.clock.Add(2 * day)
	data := s.staple(anchor, 0, 1, 2, 3, 4)
	v := s.judgeAt(data, s.clock)
	wantFail(t, v, verify.CodeRollAge)
	wantStatus(t, v, verify.Fail, verify.CodeCheckpointAge, verify.StatusPass)
	if c, _ := v.Check(verify.CodeRollAge); !strings.Contains(c.Found, "age counts from 2026-11-01T09:00:00Z, now 2026-11-03T09:00:00Z") {
		t.Errorf("found %q", c.Found)
	}
	s.requirements.RollMaxAge = siteDuration(t, "49h")
	wantPass(t, s.judgeAt(data, s.clock))
}

// TestC9RollAnchorOfOneOperator: the anchor's quorum is counted as the checkpoint's.
func TestC9RollAnchorOfOneOperator(t *testing.T) {
	s := newSite(t)
	s.live()
	data := s.staple(s.checkpoint(4, 1, 2), 0, 1, 2, 3, 4)
	wantPass(t, s.judge(data))
	for _, operator := range []string{"operator of w1", s.requirements.LogOperator} {
		s.requirements.Operators["w2"] = operator
		wantFail(t, s.judge(data), verify.CodeRollAnchor)
	}
}

// TestC5RollOfAnotherLog: a roll that says what is live in the log that this one
// succeeds is none of this log's, whoever signed it.
func TestC5RollOfAnotherLog(t *testing.T) {
	s := newSite(t).standard().successor()
	s.requirements.RollMaxAge = siteDuration(t, "1d")
	s.standard()
	anchor := s.roll(func(r *release.Roll) { r.Origin = siteOrigin })
	wantFail(t, s.judge(s.staple(anchor, 0, 1, 2, 3, 4, 5)), verify.CodeRollRules)
}

// TestRollSignedByTheLogAlone: a stolen log key convinces nobody.
func TestRollSignedByTheLogAlone(t *testing.T) {
	s := newSite(t).standard()
	s.requirements.RollMaxAge = siteDuration(t, "1d")
	anchor, roll := s.checkpoint(4), s.stateRoll()
	s.logRoll(roll, siteOrigin)
	wantFail(t, s.judge(s.staple(anchor, 0, 1, 2, 3, 4)), verify.CodeRollSignatures)
}

// TestRollNearMisses changes one thing of a good roll at a time.
func TestRollNearMisses(t *testing.T) {
	tests := []struct {
		name   string
		code   verify.Code
		change func(*release.Roll)
	}{
		{"another product", verify.CodeRollProduct, func(r *release.Roll) { r.Product = "acme/other" }},
		{"another origin", verify.CodeRollRules, func(r *release.Roll) { r.Origin = "log.example/other" }},
		{"rules that are not built", verify.CodeRollRules, func(r *release.Roll) { r.Rules = 2 }},
		{"a size that the log did not have", verify.CodeRollRules, func(r *release.Roll) { r.Size = 5 }},
		{"the release's index as its size", verify.CodeRollSize, func(r *release.Roll) { r.Size = 3 }},
		{"an empty list", verify.CodeRollLive, func(r *release.Roll) { r.Live = nil }},
		{"the release's image in the list", verify.CodeRollLive, func(r *release.Roll) { r.Live = []release.Digest{digestOf("x")} }},
		{"another root", verify.CodeRollAnchor, func(r *release.Roll) { r.Root[0] ^= 1 }},
		{"issued when its authority has expired", verify.CodeRollAuthority, func(r *release.Roll) { r.Issued = siteStart.Add(365 * day) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t).standard()
			s.requirements.RollMaxAge = siteDuration(t, "1d")
			anchor := s.roll(tt.change)
			wantFail(t, s.judge(s.staple(anchor, 0, 1, 2, 3, 4)), tt.code)
		})
	}
	// An anchor that is smaller by one entry, and one that is larger.
	for _, size := range []uint64{3, 5} {
		s := newSite(t)
		s.live()
		wantFail(t, s.judge(s.staple(s.checkpoint(size), 0, 1, 2, 3, 4)), verify.CodeRollAnchor)
	}
}

// TestRollByARoleOfItsProduct: a roll has no kind and no channel, so only a role
// that is not limited to some covers it.
func TestRollByARoleOfItsProduct(t *testing.T) {
	for _, limit := range []struct {
		name   string
		change func(*release.Role)
		want   verify.Result
	}{
		{"its product", func(r *release.Role) { r.Products = []string{siteProduct} }, verify.Pass},
		{"another product", func(r *release.Role) { r.Products = []string{"acme/other"} }, verify.Fail},
		{"a channel", func(r *release.Role) { r.Channels = []string{"stable"} }, verify.Fail},
		{"a threshold of two", func(r *release.Role) { *r = siteRole(release.RoleRoll, 2, "roll", "rel3") }, verify.Fail},
	} {
		s := newSite(t, func(a *release.Authority) {
			limit.change(&a.Roles[slices.IndexFunc(a.Roles, func(r release.Role) bool { return r.Name == release.RoleRoll })])
		})
		anchor := s.live()
		v := s.judge(s.staple(anchor, 0, 1, 2, 3, 4))
		if limit.want == verify.Pass {
			wantPass(t, v)
			continue
		}
		wantFail(t, v, verify.CodeRollSignatures)
	}
}

// successor starts the log that takes over from this one: it begins with the
// authority chain byte for byte, the new version included.
func (s *site) successor() *site {
	s.Helper()
	const next = "log.example/next"
	s.rotate(func(a *release.Authority) { a.Origin = next })
	chain := s.state().AuthorityChain()
	before := s.log
	s.log = tlogtest.NewLog(s, next)
	for _, index := range chain {
		s.log.Add(before.Entry(index))
	}
	s.policy = tlogtest.Policy(s, 2, s.witnesses, s.log)
	return s
}
