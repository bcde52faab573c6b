package verify_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/bundle"
	"github.com/muster-log/muster/verify"
)

// A log can append the bytes of any older entry again. The register calls the second
// copy void, but a bundle does not show that there is a first.

// again appends an entry's bytes once more, which is void.
func (s *site) again(index uint64) uint64 {
	s.Helper()
	at := s.log.Add(s.log.Entry(index))
	s.wantVoid(at)
	return at
}

func (s *site) wantVoid(index uint64) {
	s.Helper()
	if record, _ := s.state().Entry(index); record.Status != register.StatusVoid {
		s.Fatalf("entry %d is %s, want void", index, record.Status)
	}
}

// withAnchor is a bundle of the whole log with one anchor.
func (s *site) withAnchor(anchor *tlog.SignedCheckpoint, indices ...uint64) *bundle.Bundle {
	s.Helper()
	return s.log.Bundle(s.checkpoint(s.log.Size()), []*tlog.SignedCheckpoint{anchor}, indices...)
}

// TestARollLoggedAgainIsNotNewer: it neither brings back a withdrawn release nor
// makes the newest roll an old one.
func TestARollLoggedAgainIsNotNewer(t *testing.T) {
	s := newSite(t)
	old := s.live() // the roll at 4 lists the release at 3
	s.clock = s.clock.Add(time.Hour)
	s.withdraw(s.digestOf(3))
	_, system := s.system(func(i *release.Image) { i.Version = "2" })
	next, digest := s.release([]release.Digest{system}, func(r *release.Release) { r.Version = "2026.12" })
	newest := s.roll()
	rollAt := s.log.Size() - 1
	copied := s.again(4)
	c := s.client()
	honest := s.withAnchor(newest, 0, next-1, next, rollAt)
	wantPass(t, c.see(honest))
	hostile := s.withAnchor(old, 0, 1, 2, 3, copied)
	wantPass(t, s.client().see(hostile)) // who remembers nothing sees nothing, until the roll is too old
	for range 2 {
		wantStatus(t, c.see(hostile), verify.Unknown, verify.CodeNewerRoll, verify.StatusNotChecked)
		rolls := c.memory.Authorities()[0].Rolls
		if len(rolls) != 1 || rolls[0].Index != rollAt || rolls[0].Size != rollAt || !rolls[0].Issued.Equal(s.clock) || len(rolls[0].Live) != 1 || rolls[0].Live[0] != digest {
			t.Errorf("remembered %+v", rolls)
		}
		wantPass(t, c.see(honest))
	}
	// The newest one's own copy is the same roll, wherever it was seen first.
	copied = s.again(rollAt)
	same := s.withAnchor(newest, 0, next-1, next, copied)
	other := s.client()
	for _, b := range []*bundle.Bundle{same, honest, same} {
		wantStatus(t, other.see(b), verify.Pass, verify.CodeNewerRoll, verify.StatusPass)
	}
	if rolls := other.memory.Authorities()[0].Rolls; rolls[0].Index != rollAt {
		t.Errorf("remembered %+v", rolls)
	}
}

// TestARollOfTheSameSize that was issued later is the newer one.
func TestARollOfTheSameSize(t *testing.T) {
	s := newSite(t).standard()
	anchor, first := s.checkpoint(4), s.stateRoll()
	s.logRoll(first, "roll") // at 4
	second := *first
	second.Issued, second.Live = first.Issued.Add(time.Second), nil
	s.clock = s.clock.Add(time.Minute)
	s.logRoll(&second, "roll") // at 5
	s.log.Add(s.log.Entry(4))  // at 6
	c := s.client()
	wantPass(t, c.see(s.withAnchor(anchor, 0, 1, 2, 3, 4)))
	wantFail(t, c.see(s.withAnchor(anchor, 0, 1, 2, 3, 5)), verify.CodeRollLive)
	for _, index := range []uint64{4, 6} {
		wantStatus(t, c.see(s.withAnchor(anchor, 0, 1, 2, 3, index)), verify.Unknown, verify.CodeNewerRoll, verify.StatusNotChecked)
	}
}

// TestAVersionThatWasGivenUp: the root signed it, the log appended it when it was
// void already. It takes no number from the version that comes.
func TestAVersionThatWasGivenUp(t *testing.T) {
	s := newSite(t).standard()
	c := s.client()
	first, digest := s.authority, s.inForce
	late := s.clock.Add(20 * day)
	given := s.abandonedVersion(late)
	s.authority, s.inForce, s.clock = first, digest, late
	honest := s.log.Bundle(s.checkpoint(s.log.Size()), nil, 0, 1, 2, 3)
	wantPass(t, c.see(honest))
	c.see(s.log.Bundle(s.checkpoint(s.log.Size()), nil, 0, 1, 2, 3, given))
	if got := c.memory.Authorities()[0]; got.Version != 1 || len(got.Chains) != 0 {
		t.Errorf("remembered %+v", got)
	}
	wantPass(t, c.see(honest))
	rotated := s.rotate(func(a *release.Authority) { a.Limits.ReleaseDays = 81 })
	anchor := s.roll()
	wantPass(t, c.see(s.withAnchor(anchor, 0, 1, 2, 3, rotated, rotated+1)))
	if got := c.memory.Authorities()[0]; got.Version != 2 || got.Digest != s.inForce || got.Chains[0].Indices[0] != rotated {
		t.Errorf("remembered %+v", got)
	}
	// Now the one that was given up is another version 2 than the one in force.
	wantStatus(t, c.see(s.log.Bundle(s.checkpoint(s.log.Size()), nil, 0, 1, 2, 3, given)), verify.Fail, verify.CodeAuthorityVersion, verify.StatusFail)
}

// abandonedVersion logs a version 2 that is void, for log time went on to late.
func (s *site) abandonedVersion(late time.Time) uint64 {
	s.Helper()
	issued := s.clock
	s.clock = late
	s.model(func(i *release.Image) { i.Name = "other" })
	s.clock = issued
	at := s.rotate(func(a *release.Authority) { a.Limits.ReleaseDays = 80 })
	s.wantVoid(at)
	return at
}

// TestARotationMovedToALaterPlace: between the first place and the second, keys
// that the rotation took away would count.
func TestARotationMovedToALaterPlace(t *testing.T) {
	s, rotated, stolen, anchor := movedRotation(t)
	moved := s.again(rotated)
	hostile := s.withAnchor(anchor, 0, 1, 2, stolen, stolen+1, moved)
	wantPass(t, s.client().see(hostile)) // as who remembers nothing sees it
	c := s.client()
	wantPass(t, c.see(s.bundleUnder(rotated)))
	wantFail(t, c.see(hostile), verify.CodeAuthorityVersion)
	if got := c.memory.Authorities()[0].Chains; len(got) != 1 || got[0].Indices[0] != rotated {
		t.Errorf("remembered %+v", got)
	}
	// Who saw the later place first learns the earlier one, and no node can have the
	// honest place refused.
	c = s.client()
	late := s.bundleUnder(moved)
	wantPass(t, c.see(late))
	wantPass(t, c.see(s.bundleUnder(rotated)))
	wantFail(t, c.see(late), verify.CodeAuthorityVersion)
	// A key that the rotation lists as compromised, too, counts in neither place.
	s, rotated, stolen, anchor = movedRotation(t, compromise("rel1", 5))
	struck := s.withAnchor(anchor, 0, 1, 2, stolen, stolen+1, s.again(rotated))
	wantFail(t, s.client().see(struck), verify.CodeStruck)
}

// movedRotation is a log whose version 2 at the index rotated takes away the keys of
// version 1, and what a thief of those appended after it: a release with its roll,
// and the anchor of that.
func movedRotation(t testing.TB, changes ...func(*release.Authority)) (s *site, rotated, stolen uint64, anchor *tlog.SignedCheckpoint) {
	s = newSite(t).standard()
	first := s.inForce
	s.clock = s.clock.Add(time.Hour)
	rotated = s.rotate(func(a *release.Authority) {
		for i := range a.Roles {
			switch a.Roles[i].Name {
			case release.RoleRelease:
				a.Roles[i] = siteRole(release.RoleRelease, 1, "new")
			case release.RoleRoll:
				a.Roles[i] = siteRole(release.RoleRoll, 1, "newroll")
			}
		}
		a.Keys = siteKeys("root1", "root2", "root3", "ci", "wd", "new", "newroll")
		for _, change := range changes {
			change(a)
		}
	})
	second := s.inForce
	s.inForce = first
	stolen, digest := s.releaseBy([]string{"rel1", "rel2"}, s.imagesOf(3), func(r *release.Release) { r.Version = "2026.12" })
	anchor = s.checkpoint(s.log.Size())
	roll := s.stateRoll()
	roll.Live = []release.Digest{digest}
	s.logRoll(roll, "roll")
	s.inForce = second
	s.wantVoid(stolen)
	return s, rotated, stolen, anchor
}

// bundleUnder logs new images with their release under version 2, and shows them
// under a chain with version 2 at an index.
func (s *site) bundleUnder(rotated uint64) *bundle.Bundle {
	s.Helper()
	name := func(i *release.Image) { i.Version = fmt.Sprint("at-", s.log.Size()) }
	system, digest := s.system(name)
	at, _ := s.releaseBy([]string{"new"}, []release.Digest{digest}, func(r *release.Release) { r.Version = fmt.Sprint("at-", s.log.Size()) })
	return s.log.Bundle(s.checkpoint(s.log.Size()), nil, 0, rotated, system, at)
}

// TestAReleaseLoggedAgainWithoutARoll: after all that the roll is of, and yet no
// newer than it.
func TestAReleaseLoggedAgainWithoutARoll(t *testing.T) {
	s := newSite(t)
	s.live()
	s.clock = s.clock.Add(time.Hour)
	c := s.client()
	s.withdraw(s.digestOf(3))
	anchor := s.roll()
	wantFail(t, c.see(s.withAnchor(anchor, 0, 1, 2, 3, s.log.Size()-1)), verify.CodeRollLive)
	s.requirements.RollMaxAge = siteDuration(t, "none")
	copied := s.again(3)
	v := c.see(s.log.Bundle(s.checkpoint(s.log.Size()), nil, 0, 1, 2, copied))
	wantStatus(t, v, verify.Unknown, verify.CodeNewerRoll, verify.StatusNotChecked)
	// Under a later authority a release is newer, whatever the clocks say.
	_, system := s.system(func(i *release.Image) { i.Version = "2" })
	rotated := s.rotate(func(a *release.Authority) { a.Limits.ReleaseDays = 80 })
	at, _ := s.release([]release.Digest{system}, func(r *release.Release) { r.Version, r.Issued = "2026.12", s.clock.Add(-time.Minute) })
	v = c.see(s.log.Bundle(s.checkpoint(s.log.Size()), nil, 0, rotated-1, rotated, at))
	wantStatus(t, v, verify.Pass, verify.CodeNewerRoll, verify.StatusPass)
}
