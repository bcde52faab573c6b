package verify_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/tlogtest"
	"github.com/muster-log/muster/verify"
)

func TestMemoryOfTheAuthority(t *testing.T) {
	s := newSite(t).standard()
	before := s.at(4)
	forked := s.forkAt(4, 4)
	forked.authority, forked.inForce = s.authority, s.inForce
	rotation := func(days int) func(*release.Authority) {
		return func(a *release.Authority) { a.Limits.ReleaseDays = days }
	}
	s.rotate(rotation(80))
	unused := s.log.Bundle(s.checkpoint(5), nil, 0, 1, 2, 3, 4)
	renew := func(r *release.Release) { r.NotAfter = r.NotAfter.Add(day) }
	renewed, _ := s.release(s.imagesOf(3), renew)
	after := s.log.Bundle(s.checkpoint(6), nil, 0, 1, 2, 3, 4, renewed)
	c := s.client()
	wantPass(t, c.see(before))
	// Nothing is signed under version 2 yet: that it was ever in force is not shown.
	wantPass(t, c.see(unused))
	if got := c.memory.Authorities(); len(got) != 1 || got[0].Version != 1 || got[0].Digest != s.pin {
		t.Errorf("remembered %+v", got)
	}
	wantPass(t, c.see(after))
	want := []verify.Remembered{{Pin: s.pin, Version: 2, Digest: s.inForce, Chains: []verify.RememberedChain{{Origin: siteOrigin, Indices: []uint64{4}}}}}
	if diff := cmp.Diff(want, c.memory.Authorities()); diff != "" {
		t.Errorf("remembered (-want +got):\n%s", diff)
	}
	// A rotation left out, and a checkpoint from before it.
	wantFail(t, c.see(s.at(5)), verify.CodeAuthorityVersion)
	wantFail(t, c.see(before), verify.CodeAuthorityVersion)
	// On any origin: the first part of the chain in another log.
	elsewhere := *s
	elsewhere.log = tlogtest.NewLog(t, "log.example/elsewhere")
	for i := range uint64(4) {
		elsewhere.log.Add(s.log.Entry(i))
	}
	elsewhere.policy = tlogtest.Policy(t, 2, s.witnesses, s.log, elsewhere.log)
	other := client{&elsewhere, c.memory}
	wantFail(t, other.see(elsewhere.at(4)), verify.CodeAuthorityOrigin)
	wantStatus(t, other.see(elsewhere.at(4)), verify.Fail, verify.CodeAuthorityVersion, verify.StatusFail)
	// Another version 2, which the root signed too.
	forked.rotate(rotation(70))
	forked.release(s.imagesOf(3), renew)
	wantStatus(t, c.see(forked.log.Bundle(forked.checkpoint(6), nil, 0, 1, 2, 3, 4, 5)), verify.Fail, verify.CodeAuthorityVersion, verify.StatusFail)
	// And a version 3 after that other one is no way out.
	forked.rotate(rotation(60))
	wantFail(t, c.see(forked.log.Bundle(forked.checkpoint(7), nil, 0, 1, 2, 3, 4, 5, 6)), verify.CodeAuthorityVersion)
	if got := c.memory.Authorities(); got[0].Version != 2 || got[0].Digest != s.inForce {
		t.Errorf("remembered %+v", got)
	}
}

// TestMemoryOfTheRoll: a withdrawal that one node's roll has shown binds all nodes.
func TestMemoryOfTheRoll(t *testing.T) {
	s := newSite(t)
	anchor := s.live() // entries 0 to 4, the roll at 4
	s.requirements.RollMaxAge = siteDuration(t, "1d")
	s.clock = s.clock.Add(time.Hour)
	old := s.log.Bundle(s.checkpoint(5), []*tlog.SignedCheckpoint{anchor}, 0, 1, 2, 3, 4)
	without := s.log.Bundle(s.checkpoint(5), nil, 0, 1, 2, 3)
	// The next roll still lists it: an older bundle does, too.
	anchor = s.roll()
	same := s.log.Bundle(s.checkpoint(6), []*tlog.SignedCheckpoint{anchor}, 0, 1, 2, 3, 5)
	c := s.client()
	wantPass(t, c.see(old))
	wantPass(t, c.see(same))
	wantStatus(t, c.see(old), verify.Pass, verify.CodeNewerRoll, verify.StatusPass)
	// It is withdrawn, and a node shows what is left.
	s.withdraw(s.digestOf(3))
	next := s.roll()
	gone := s.log.Bundle(s.checkpoint(8), []*tlog.SignedCheckpoint{next}, 0, 1, 2, 3, 7)
	wantFail(t, c.see(gone), verify.CodeRollLive)
	rolls := c.memory.Authorities()[0].Rolls
	if len(rolls) != 1 || rolls[0].Index != 7 || len(rolls[0].Live) != 0 || rolls[0].Product != siteProduct {
		t.Fatalf("remembered %+v", rolls)
	}
	wantStatus(t, c.see(old), verify.Unknown, verify.CodeNewerRoll, verify.StatusNotChecked)
	wantStatus(t, c.see(same), verify.Unknown, verify.CodeNewerRoll, verify.StatusNotChecked)
	wantPass(t, s.client().see(old))
	// Without a roll, where none is asked for: the same.
	s.requirements.RollMaxAge = siteDuration(t, "none")
	wantStatus(t, c.see(without), verify.Unknown, verify.CodeNewerRoll, verify.StatusNotChecked)
	// A release that is newer than the roll that is remembered is not in it.
	s.clock = s.clock.Add(time.Second)
	later, _ := s.release(s.imagesOf(3), func(r *release.Release) { r.Version, r.NotAfter = "2026.12", s.clock.Add(70*day) })
	fresh := s.log.Bundle(s.checkpoint(s.log.Size()), nil, 0, 1, 2, later)
	wantStatus(t, c.see(fresh), verify.Pass, verify.CodeNewerRoll, verify.StatusPass)
}

// digestOf returns the payload digest of an entry, imagesOf the images of a release.
func (s *site) digestOf(index uint64) release.Digest {
	record, _ := s.state().Entry(index)
	return record.Digest
}

func (s *site) imagesOf(index uint64) []release.Digest {
	s.Helper()
	envelope, err := release.ParseEnvelope(s.log.Entry(index))
	if err != nil {
		s.Fatal(err)
	}
	statement, err := release.ParseStatement(envelope.Payload)
	if err != nil {
		s.Fatal(err)
	}
	return statement.Predicate.(*release.Release).Images
}

// TestMemoryOfAnotherRoll: two rolls at one place are two histories, or worse.
func TestMemoryOfAnotherRoll(t *testing.T) {
	s := newSite(t).standard()
	other := s.forkAt(4, 4)
	anchor := s.roll()
	otherAnchor := other.roll(func(r *release.Roll) { r.Issued = r.Issued.Add(time.Second) })
	c := s.client()
	wantPass(t, c.see(s.log.Bundle(s.checkpoint(5), []*tlog.SignedCheckpoint{anchor}, 0, 1, 2, 3, 4)))
	s.padded(6)
	other.padded(6)
	v := c.see(other.log.Bundle(other.checkpoint(6), []*tlog.SignedCheckpoint{otherAnchor}, 0, 1, 2, 3, 4))
	wantFail(t, v, verify.CodeNewerRoll)
}

// TestMemoryLearnsNoBadRoll: a roll that the checks refuse is not remembered, or
// whoever made it could make every node's bundle unknown.
func TestMemoryLearnsNoBadRoll(t *testing.T) {
	for name, add := range map[string]func(*site) []*tlog.SignedCheckpoint{
		"signed by another role": func(s *site) []*tlog.SignedCheckpoint {
			anchor := s.checkpoint(4)
			s.logRoll(s.stateRoll(), "rel1")
			return []*tlog.SignedCheckpoint{anchor}
		},
		"without its anchor": func(s *site) []*tlog.SignedCheckpoint { s.roll(); return nil },
		"of another product": func(s *site) []*tlog.SignedCheckpoint {
			return []*tlog.SignedCheckpoint{s.roll(func(r *release.Roll) { r.Product = "acme/other" })}
		},
	} {
		s := newSite(t).standard()
		anchors := add(s)
		c := s.client()
		if v := c.see(s.log.Bundle(s.checkpoint(5), anchors, 0, 1, 2, 3, 4)); v.Result != verify.Fail {
			t.Errorf("%s: got %s", name, v.Result)
		}
		if got := c.memory.Authorities(); len(got) != 1 || len(got[0].Rolls) != 0 {
			t.Errorf("%s: remembered %+v", name, got)
		}
	}
}

// TestMemoryAcrossASuccessor: the log that takes over counts its indices anew, and
// what the retired one shows is over.
func TestMemoryAcrossASuccessor(t *testing.T) {
	s := newSite(t)
	s.live()
	s.requirements.RollMaxAge = siteDuration(t, "1d")
	s.roll()
	s.roll()
	anchor := s.roll() // at index 7
	c := s.client()
	old := s.log.Bundle(s.checkpoint(8), []*tlog.SignedCheckpoint{anchor}, 0, 1, 2, 3, 7)
	wantPass(t, c.see(old))
	before := s.policy
	s.successor()
	both := *before
	both.Logs = append(slices.Clone(before.Logs), s.policy.Logs...)
	s.policy = &both
	_, system := s.system()
	_, model := s.model()
	s.release([]release.Digest{system, model}) // at index 4
	anchor = s.roll()                          // at index 5
	next := s.log.Bundle(s.checkpoint(6), []*tlog.SignedCheckpoint{anchor}, 0, 1, 2, 3, 4, 5)
	for range 2 {
		v := c.see(next)
		wantPass(t, v)
		wantStatus(t, v, verify.Pass, verify.CodeNewerRoll, verify.StatusPass)
	}
	roll := c.memory.Authorities()[0].Rolls[0]
	if roll.Version != 2 || roll.Index != 5 || len(c.memory.Logs.Origins()) != 2 {
		t.Errorf("remembered %+v of %v", roll, c.memory.Logs.Origins())
	}
	wantFail(t, c.see(old), verify.CodeAuthorityVersion)
	if again := c.memory.Authorities()[0].Rolls[0]; again.Index != 5 {
		t.Errorf("remembered %+v", again)
	}
}
