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
	of("memory-proof-required", &client{&required, c.memory}, s.at(10))

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
	c = s.client()
	c.see(s.at(4))
	back := *s
	back.clock = siteStart
	of("memory-clock-set-back", &client{&back, c.memory}, stale)

	s = newSite(t).standard()
	before := s.at(4)
	s.rotate(func(a *release.Authority) { a.Limits.ReleaseDays = 80 })
	c = s.client()
	c.see(s.log.Bundle(s.checkpoint(5), nil, 0, 1, 2, 3, 4))
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
}
