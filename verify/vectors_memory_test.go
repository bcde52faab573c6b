package verify_test

import (
	"testing"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/bundle"
	"github.com/muster-log/muster/verify"
)

// memoryVectors are those with a memory: what is remembered before and afterwards
// stands in their folders, and the evidence that the two come to.
func memoryVectors(t *testing.T, add func(name string, v vector)) {
	// of is a vector of a client's memory, and makes no use of it.
	of := func(name string, c *client, b *bundle.Bundle) {
		memory, err := verify.ParseMemory([]byte(memoryText(t, c.memory)))
		if err != nil {
			t.Fatal(err)
		}
		site := *c.site
		add(name, vector{site: &site, data: marshal(t, b), memory: memory})
	}

	s := newSite(t).standard()
	s.padded(10)
	c := s.client()
	of("memory-first-seen", c, s.at(8))
	c.see(s.at(8))
	of("memory-grown-by-an-anchor", c, s.at(10, 8))
	of("memory-no-proof-at-hand", c, s.at(10))
	of("memory-contradicted", c, s.forkAt(5, 8).at(8))

	required := *s
	requirements := *s.requirements
	requirements.Consistency = verify.ConsistencyRequired
	required.requirements = &requirements
	asking := &client{&required, c.memory}
	of("memory-proof-required", asking, s.at(10))
	asking.see(s.at(10))
	of("memory-unproven-shown-again", asking, s.at(10))
	of("memory-proven-beside-unproven", asking, s.at(8))
	of("memory-proven-at-last", asking, s.at(10, 8))

	s = newSite(t).standard()
	s.padded(10)
	smaller := s.at(9)
	s.clock = s.clock.Add(time.Minute)
	c = s.client()
	c.see(s.at(10))
	of("memory-of-a-larger-checkpoint", c, smaller)
	late := s.at(9)
	b := s.log.Checkpoint(9, s.witnesses[0].At(s.clock.Add(time.Minute)), s.witnesses[1].At(siteStart), s.witnesses[2].At(siteStart))
	late.Checkpoint = string(b.Marshal())
	of("memory-lying-witness", c, late)

	s = newSite(t).standard()
	stale := s.at(4)
	s.clock = s.clock.Add(3 * day)
	of("memory-too-old-to-begin-with", s.client(), stale)
	c = s.client()
	c.see(s.at(4))
	back := *s
	back.clock = siteStart
	of("memory-clock-set-back", &client{&back, c.memory}, stale)

	s = newSite(t).standard()
	before := s.at(4)
	s.rotate(func(a *release.Authority) { a.Limits.ReleaseDays = 80 })
	renewed, _ := s.release(s.imagesOf(3), func(r *release.Release) { r.NotAfter = r.NotAfter.Add(day) })
	c = s.client()
	c.see(s.log.Bundle(s.checkpoint(6), nil, 0, 1, 2, 3, 4, renewed))
	of("memory-lower-authority", c, before)

	s = newSite(t)
	anchor := s.live()
	s.requirements.RollMaxAge = siteDuration(t, "1d")
	old := s.log.Bundle(s.checkpoint(5), []*tlog.SignedCheckpoint{anchor}, 0, 1, 2, 3, 4)
	s.withdraw(s.digestOf(3))
	anchor = s.roll()
	c = s.client()
	c.see(s.log.Bundle(s.checkpoint(7), []*tlog.SignedCheckpoint{anchor}, 0, 1, 2, 3, 6))
	of("memory-newer-roll", c, old)
	reloggedVectors(t, of)
}

// reloggedVectors are those of logs that appended what was void.
func reloggedVectors(t *testing.T, of func(name string, c *client, b *bundle.Bundle)) {
	s := newSite(t)
	anchor := s.live()
	s.clock = s.clock.Add(time.Hour)
	s.withdraw(s.digestOf(3))
	newest := s.roll()
	c := s.client()
	c.see(s.withAnchor(newest, 0, 1, 2, 3, 6))
	of("memory-relogged-roll", c, s.withAnchor(anchor, 0, 1, 2, 3, s.again(4)))

	c.requirements.RollMaxAge = siteDuration(t, "none")
	copied := s.again(3)
	of("memory-relogged-release", c, s.log.Bundle(s.checkpoint(s.log.Size()), nil, 0, 1, 2, copied))

	s, rotated, stolen, anchor := movedRotation(t)
	c = s.client()
	c.see(s.bundleUnder(rotated))
	of("memory-moved-rotation", c, s.withAnchor(anchor, 0, 1, 2, stolen, stolen+1, s.again(rotated)))

	// memory-after.json knows nothing of the version that was given up.
	s = newSite(t).standard()
	first, digest, late := s.authority, s.inForce, s.clock.Add(20*day)
	given := s.abandonedVersion(late)
	s.authority, s.inForce, s.clock = first, digest, late
	of("memory-abandoned-version", s.client(), s.log.Bundle(s.checkpoint(s.log.Size()), nil, 0, 1, 2, 3, given))

	s = newSite(t).standard()
	s.padded(20)
	liar := s.log.Checkpoint(10, s.witnesses[0].At(s.clock.Add(time.Minute)), s.witnesses[1].At(siteStart))
	of("memory-lying-witness-in-an-anchor", s.client(), s.log.Bundle(s.checkpoint(20, 1, 2), []*tlog.SignedCheckpoint{liar}, 0, 1, 2, 3))
}
