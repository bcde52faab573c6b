package verify_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog/fork"
)

// framed is a log that has an honest signer's roll accused: the withdraw key was
// rotated away (4), the log takes a withdrawal by the old one (5) and a copy of the
// old authority, after which the old key looks as if it were in charge.
func framed(t *testing.T) accusation {
	t.Helper()
	s := newSite(t).standard()
	old := s.inForce
	s.clock = s.clock.Add(time.Hour)
	rotation := s.rotate(func(a *release.Authority) {
		for i := range a.Roles {
			if a.Roles[i].Name == release.RoleWithdraw {
				a.Roles[i] = siteRole(release.RoleWithdraw, 1, "wd2")
			}
		}
		a.Keys = siteKeys("root1", "root2", "root3", "ci", "rel1", "rel2", "rel3", "wd2", "roll")
	})
	present := s.inForce
	s.inForce = old
	s.withdraw(s.digestOf(3)) // 5
	s.inForce = present
	copied := s.log.Add(s.log.Entry(rotation)) // 6
	size := s.log.Size()
	s.roll() // 7
	return accusation{s, []uint64{0, 3, 5, copied, 7}, size}
}

// TestFalseRollConfirmed: all entries of the log bear out what the evidence shows, and
// it stays so as the log grows.
func TestFalseRollConfirmed(t *testing.T) {
	for name, target := range map[string]func(*site) release.Digest{
		"of the release": theRelease,
		"of its model":   func(s *site) release.Digest { return s.digestOf(2) },
	} {
		a := falseRoll(t, target)
		if name != "of the release" {
			a.indices = []uint64{0, 2, 3, 4, 5}
		}
		e := wantEvidence(t, a)
		if err := e.Confirm(a.state()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		a.rotate(func(a *release.Authority) { a.Limits.ReleaseDays = 80 })
		a.padded(20)
		if err := e.Confirm(a.state()); err != nil {
			t.Errorf("%s, grown: %v", name, err)
		}
	}
}

// TestFalseRollConfirmedBesideAStranger: an entry that nobody of the authority signed
// does not keep a replay from telling, whatever it holds.
func TestFalseRollConfirmedBesideAStranger(t *testing.T) {
	s := newSite(t).standard()
	s.clock = s.clock.Add(time.Hour)
	s.withdraw(theRelease(s)) // 4
	s.model()
	s.withProfile("nobody")                                                    // 5
	s.roll(func(r *release.Roll) { r.Live = []release.Digest{s.digestOf(3)} }) // 6
	a := accusation{site: s, indices: []uint64{0, 3, 4, 6}, size: 6}
	if err := wantEvidence(t, a).Confirm(a.state()); err != nil {
		t.Error(err)
	}
}

// TestHonestRollFramed: evidence alone does not show which entries are void; all
// entries of the log do.
func TestHonestRollFramed(t *testing.T) {
	a := framed(t)
	if honest, _ := a.state().Entry(7); honest.Status != register.StatusAdmitted {
		t.Fatalf("the roll is %s: %v", honest.Status, honest.Refusal)
	}
	e := wantEvidence(t, a) // offline it holds: a limit that docs/formats/fork.md states
	err := e.Confirm(a.state())
	if !errors.Is(err, fork.ErrNoContradiction) || !strings.Contains(err.Error(), "index 5 to be void") {
		t.Errorf("got %v", err)
	}

	// Held back by an entry that the evidence does not hold.
	s := newSite(t).standard()
	then := s.clock
	s.clock = s.clock.Add(8 * day)
	s.model(func(i *release.Image) { i.Name = "other" }) // 4
	now := s.clock
	s.clock = then
	s.withdraw(s.digestOf(3)) // 5
	s.clock = now
	s.roll() // 6
	late := wantEvidence(t, accusation{s, []uint64{0, 3, 5, 6}, 6})
	if err := late.Confirm(s.state()); !errors.Is(err, fork.ErrNoContradiction) || !strings.Contains(err.Error(), string(register.CodeIssuedBehindLogTime)) {
		t.Errorf("held back: got %v", err)
	}

	// A replay that has not come to the evidence's checkpoint tells nothing.
	short := newSite(t).standard()
	if err := e.Confirm(short.state()); err == nil || errors.Is(err, fork.ErrNoContradiction) {
		t.Errorf("a short replay: got %v", err)
	}
}

// TestWithdrawalAheadOfTheRoll: a withdrawal issued further ahead of the roll than log
// time can be is void, and one a second less may not be.
func TestWithdrawalAheadOfTheRoll(t *testing.T) {
	const furthest = 99 * day
	for _, test := range []struct {
		ahead    time.Duration
		evidence bool
	}{{furthest + time.Second, false}, {furthest, true}, {200 * day, false}} {
		s := newSite(t).standard()
		now := s.clock.Add(time.Hour)
		s.clock = now.Add(test.ahead)
		s.withdraw(s.digestOf(3)) // 4
		s.clock = now
		s.roll(func(r *release.Roll) { r.Live = []release.Digest{s.digestOf(3)} })
		_, err := accusation{s, []uint64{0, 3, 4, 5}, 5}.accuse()
		if test.evidence && err != nil {
			t.Errorf("%s ahead: %v", test.ahead, err)
		}
		if !test.evidence && (!errors.Is(err, fork.ErrNoContradiction) || !strings.Contains(err.Error(), "more than 99 days after the roll")) {
			t.Errorf("%s ahead: got %v", test.ahead, err)
		}
	}
}
