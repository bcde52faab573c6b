package verify_test

import (
	"slices"
	"testing"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/tlogtest"
	"github.com/muster-log/muster/verify"
)

// void returns the indices of the log's entries that break a rule.
func (s *site) void() []uint64 {
	s.Helper()
	var void []uint64
	state := s.state()
	for index := range s.log.Size() {
		if entry, _ := state.Entry(index); entry.Status != register.StatusAdmitted {
			void = append(void, index)
		}
	}
	return void
}

// asking returns a site whose relying party asks for a roll of at most a day, with
// a release of one operating system at index 2.
func asking(t *testing.T) (*site, []release.Digest) {
	s := newSite(t)
	s.requirements.RollMaxAge = siteDuration(t, "1d")
	_, system := s.system()
	images := []release.Digest{system}
	s.release(images)
	return s, images
}

// renew logs a further entry of the identity, an hour later.
func (s *site) renew(images []release.Digest, reinstates ...release.Digest) uint64 {
	s.Helper()
	s.clock = s.clock.Add(time.Hour)
	index, _ := s.release(images, func(r *release.Release) {
		r.NotAfter, r.Reinstates = s.clock.Add(60*day), reinstates
	})
	return index
}

// putVector adds a vector that is judged an hour after the site's clock: the first
// check that fails, none if the code is empty, and the void entries of its log.
type putVector func(name string, want verify.Code, s *site, data []byte, void ...uint64)

// rollVectors makes the vectors about what is live. Every log is one that the
// register finds no fault with, but for the entries named in void.
func rollVectors(t *testing.T, add func(name string, v vector)) {
	put := func(name string, want verify.Code, s *site, data []byte, void ...uint64) {
		t.Helper()
		if v := s.judge(data); want == "" {
			wantPass(t, v)
		} else {
			wantFail(t, v, want)
		}
		if got := s.void(); !slices.Equal(got, void) {
			t.Errorf("%s: void entries %v, want %v", name, got, void)
		}
		frozen := *s
		add(name, vector{site: &frozen, data: data, now: s.clock.Add(time.Hour)})
	}

	s := newSite(t)
	anchor := s.live()
	listed := s.staple(anchor, 0, 1, 2, 3, 4)
	put("roll-passes", "", s, listed)
	hour := *s
	requirements := *s.requirements
	requirements.RollMaxAge = siteDuration(t, "1h")
	hour.requirements = &requirements
	put("roll-too-old", verify.CodeRollAge, &hour, listed)
	add("roll-before-its-deadline", vector{site: &hour, data: listed, now: s.clock.Add(time.Hour - time.Second)})
	put("roll-left-out", verify.CodeRoll, s, s.staple(anchor, 0, 1, 2, 3))
	put("roll-without-its-anchor", verify.CodeRollAnchor, s, marshal(t, s.bundle()))
	s.clock = s.clock.Add(2 * day)
	put("roll-old-under-fresh-checkpoint", verify.CodeRollAge, s, s.staple(anchor, 0, 1, 2, 3, 4))

	s, _ = asking(t)
	late := s.stateRoll()
	s.clock = s.clock.Add(2 * day)
	anchor = s.checkpoint(3)
	s.logRoll(late, "roll")
	put("roll-held-back", verify.CodeRollAge, s, s.staple(anchor, 0, 1, 2, 3))

	s, _ = asking(t)
	anchor = s.roll(func(r *release.Roll) { r.Issued = r.Issued.Add(30 * day) })
	s.clock = s.clock.Add(2 * day)
	put("roll-of-a-fast-clock", verify.CodeRollAge, s, s.staple(anchor, 0, 1, 2, 3))

	s, _ = asking(t)
	anchor = s.roll(func(r *release.Roll) { r.Product, r.Live = "acme/other", nil })
	put("roll-of-another-product", verify.CodeRollProduct, s, s.staple(anchor, 0, 1, 2, 3))

	s, images := asking(t)
	s.renew(images)
	anchor = s.roll()
	put("roll-does-not-list", verify.CodeRollLive, s, s.staple(anchor, 0, 1, 2, 4))

	s, images = asking(t)
	anchor = s.roll()
	s.renew(images)
	put("roll-before-the-release", verify.CodeRollSize, s, s.staple(anchor, 0, 1, 3, 4))

	s, _ = asking(t)
	anchor = s.checkpoint(3)
	s.logRoll(s.stateRoll(), "rel1")
	put("roll-signed-by-other-key", verify.CodeRollSignatures, s, s.staple(anchor, 0, 1, 2, 3), 3)

	s, _ = asking(t)
	before := s.stateRoll()
	anchor = s.checkpoint(3)
	s.rotate(func(a *release.Authority) { a.Limits.ReleaseDays = 89 })
	s.logRoll(before, "roll")
	put("roll-under-older-authority", verify.CodeRollAuthority, s, s.staple(anchor, 0, 1, 2, 3, 4), 4)

	s, _ = asking(t)
	anchor = s.roll()
	s.rotate(func(a *release.Authority) { a.Limits.ReleaseDays = 89 })
	put("roll-before-a-rotation", "", s, s.staple(anchor, 0, 1, 2, 3, 4))

	s, _ = asking(t)
	anchor = s.roll()
	s.rotate(compromise("roll", 3))
	put("roll-key-stolen", verify.CodeRollStruck, s, s.staple(anchor, 0, 1, 2, 3, 4))

	s, _ = asking(t)
	s.rotate(func(a *release.Authority) { a.Limits.ReleaseDays = 89 })
	anchor = s.roll()
	put("rotated", "", s, s.staple(anchor, 0, 1, 2, 3, 4))
	put("rotation-left-out", verify.CodeAuthorityComplete, s, s.staple(anchor, 0, 1, 2, 4))

	withdrawalVectors(t, put)
	originVectors(t, put)
	quorumVectors(t, put)
}

// withdrawalVectors: what is taken back, put in again, renewed and stolen.
func withdrawalVectors(t *testing.T, put putVector) {
	s, images := asking(t)
	s.withdraw(images[0])
	anchor := s.roll()
	put("image-withdrawn", verify.CodeRollLive, s, s.staple(anchor, 0, 1, 2, 4))
	unasked := *s
	requirements := *s.requirements
	requirements.RollMaxAge = siteDuration(t, "none")
	unasked.requirements = &requirements
	put("image-withdrawn-no-age-asked", verify.CodeRollLive, &unasked, s.staple(anchor, 0, 1, 2, 4))

	s, images = asking(t)
	withdrawal := s.withdraw(images[0])
	s.renew(images, withdrawal)
	anchor = s.roll()
	put("reinstated", "", s, s.staple(anchor, 0, 1, 4, 5))

	// A release of a withdrawn image that does not reinstate it is not admitted, so
	// what is withdrawn here is the release.
	s = newSite(t)
	s.requirements.RollMaxAge = siteDuration(t, "1d")
	_, system := s.system()
	images = []release.Digest{system}
	_, approved := s.release(images)
	withdrawal = s.withdraw(approved)
	s.renew(images)
	anchor = s.roll()
	put("withdrawn-identity-renewed", verify.CodeRollLive, s, s.staple(anchor, 0, 1, 4, 5))

	s.renew(images, withdrawal)
	s.renew(images)
	anchor = s.roll()
	put("reinstated-then-renewed", verify.CodeRollLive, s, s.staple(anchor, 0, 1, 7, 8))

	s, images = asking(t)
	thief := s.renew(images)
	s.rotate(compromise("rel1", thief))
	anchor = s.roll()
	put("thiefs-renewal-struck", verify.CodeStruck, s, s.staple(anchor, 0, 1, 2, thief, 4, 5))
	put("thiefs-renewal-left-out", "", s, s.staple(anchor, 0, 1, 2, 4, 5))

	// The system at 1 and the model at 4 are of this release; the model at 3 is not.
	s, images = asking(t)
	s.model()
	_, model := s.model(func(i *release.Image) { i.Version = "2" })
	s.release(append(images, model), func(r *release.Release) { r.Version = "2026.12" })
	anchor = s.roll()
	put("model-of-another-release", verify.CodeImages, s, s.staple(anchor, 0, 1, 3, 5, 6))
}

// originVectors: a log that was retired, and the one that takes over.
func originVectors(t *testing.T, put putVector) {
	s := newSite(t)
	anchor := s.live()
	retired := *s
	s.successor()
	put("retired-log", verify.CodeLogRetired, &retired, retired.staple(anchor, 0, 1, 2, 3, 4, 5))

	_, system := s.system()
	s.release([]release.Digest{system})
	anchor = s.roll()
	put("successor-log", "", s, s.staple(anchor, 0, 1, 2, 3, 4))

	s = newSite(t)
	s.live()
	s.successor()
	_, system = s.system()
	s.release([]release.Digest{system})
	anchor = s.roll(func(r *release.Roll) { r.Origin = siteOrigin })
	put("roll-of-another-log", verify.CodeRollRules, s, s.staple(anchor, 0, 1, 2, 3, 4), 4)
}

// quorumVectors: whose cosignatures count, and since when.
func quorumVectors(t *testing.T, put putVector) {
	s := newSite(t)
	anchor := s.live()
	s.requirements.MinimumAge = siteDuration(t, "2h")
	put("younger-than-minimum-age", verify.CodeMinimumAge, s, s.staple(anchor, 0, 1, 2, 3, 4))

	s = newSite(t)
	anchor = s.live()
	stale := s.clock
	s.clock = s.clock.Add(20 * time.Hour)
	s.requirements.CheckpointMaxAge = siteDuration(t, "2h")
	mixed := s.log.Checkpoint(5, s.witnesses[0].At(stale), s.witnesses[1].At(s.clock), s.witnesses[2].At(s.clock))
	put("stale-cosignature-beside-fresh-quorum", "", s, marshal(t, s.log.Bundle(mixed, []*tlog.SignedCheckpoint{anchor}, 0, 1, 2, 3, 4)))

	s = newSite(t)
	anchor = s.live()
	s.witnesses = append(s.witnesses, tlogtest.NewWitness(t, "w4", "operator of w4", tlog.TypeCosignatureEd25519))
	s.policy = tlogtest.Policy(t, 2, s.witnesses, s.log)
	s.requirements.Operators = tlogtest.Operators(s.witnesses...)
	for _, witness := range []string{"w2", "w3"} {
		s.requirements.Operators[witness] = s.requirements.Operators["w1"]
	}
	many := s.checkpoint(5, 1, 2, 3)
	put("one-operator-many-keys", verify.CodeQuorum, s, marshal(t, s.log.Bundle(many, []*tlog.SignedCheckpoint{anchor}, 0, 1, 2, 3, 4)))
}
