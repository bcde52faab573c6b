package verify_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/bundle"
	"github.com/muster-log/muster/tlog/fork"
	"github.com/muster-log/muster/tlog/tlogtest"
	"github.com/muster-log/muster/verify"
)

// client judges with a memory, as a program does that stores it between verdicts.
type client struct {
	*site
	memory *verify.Memory
}

func (s *site) client() *client { return &client{s, &verify.Memory{}} }

// see judges a bundle an hour after the site's clock, and remembers.
func (c *client) see(b *bundle.Bundle) *verify.Verdict {
	c.Helper()
	return c.seeAt(b, c.clock.Add(time.Hour))
}

func (c *client) seeAt(b *bundle.Bundle, now time.Time) *verify.Verdict {
	c.Helper()
	trust, err := verify.NewTrust(c.policy, c.requirements)
	if err != nil {
		c.Fatal(err)
	}
	before := memoryText(c, c.memory)
	v := verify.Bundle(marshal(c, b), trust, now, verify.WithMemory(c.memory))
	if memoryText(c, c.memory) != before {
		c.Error("a judgement changed the memory")
	}
	if _, err := c.memory.Merge(v.Learned); err != nil {
		c.Fatal(err)
	}
	read, err := verify.ParseMemory([]byte(memoryText(c, c.memory)))
	if err != nil {
		c.Fatal(err)
	}
	c.memory = read
	return v
}

func memoryText(tb testing.TB, m *verify.Memory) string {
	tb.Helper()
	data, err := m.Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	return string(data)
}

// padded logs entries that nobody asks for, so that the log grows.
func (s *site) padded(to uint64) {
	for s.log.Size() < to {
		s.log.Add(fmt.Append(nil, "entry ", s.log.Size()))
	}
}

// at returns the standard bundle under the checkpoint of a size.
func (s *site) at(size uint64, anchors ...uint64) *bundle.Bundle {
	s.Helper()
	var notes []*tlog.SignedCheckpoint
	for _, anchor := range anchors {
		notes = append(notes, s.checkpoint(anchor))
	}
	return s.log.Bundle(s.checkpoint(size), notes, 0, 1, 2, 3)
}

func TestMemoryConsistency(t *testing.T) {
	s := newSite(t).standard()
	s.padded(40)
	c := s.client()
	first := c.see(s.at(10))
	wantStatus(t, first, verify.Pass, verify.CodeConsistency, verify.StatusPass)
	wantStatus(t, c.see(s.at(10)), verify.Pass, verify.CodeConsistency, verify.StatusPass)
	// Grown, and proven by an anchor that was seen as a checkpoint.
	wantStatus(t, c.see(s.at(20, 10)), verify.Pass, verify.CodeConsistency, verify.StatusPass)
	// Grown, and nothing at hand proves it.
	unproven := s.at(30)
	wantStatus(t, c.see(unproven), verify.Pass, verify.CodeConsistency, verify.StatusNotChecked)
	s.requirements.Consistency = verify.ConsistencyRequired
	wantStatus(t, c.see(s.at(35)), verify.Unknown, verify.CodeConsistency, verify.StatusNotChecked)
	wantStatus(t, s.judge(marshal(t, unproven)), verify.Unknown, verify.CodeConsistency, verify.StatusNotChecked)
	// What it showed is remembered, and proves nothing when it is shown again.
	wantStatus(t, c.see(s.at(35)), verify.Unknown, verify.CodeConsistency, verify.StatusNotChecked)
	wantStatus(t, c.see(s.at(35, 30)), verify.Unknown, verify.CodeConsistency, verify.StatusNotChecked)
	wantStatus(t, c.see(s.at(35, 20)), verify.Pass, verify.CodeConsistency, verify.StatusPass) // 30 is no matter
	wantStatus(t, c.see(s.at(35)), verify.Pass, verify.CodeConsistency, verify.StatusPass)
	wantStatus(t, c.see(s.at(36)), verify.Unknown, verify.CodeConsistency, verify.StatusNotChecked)
	for _, gap := range c.memory.Logs.Gaps(siteOrigin) {
		if _, err := c.memory.Logs.Reconcile(siteOrigin, gap.From, gap.To, s.log.Root(gap.From), s.log.Consistency(gap.From, gap.To)); err != nil {
			t.Fatal(err)
		}
	}
	wantStatus(t, c.see(s.at(20)), verify.Pass, verify.CodeConsistency, verify.StatusPass)
	wantStatus(t, s.client().see(s.at(40)), verify.Pass, verify.CodeConsistency, verify.StatusPass) // first seen
	trust, err := verify.NewTrust(s.policy, s.requirements)
	if err != nil {
		t.Fatal(err)
	}
	none := verify.Bundle(marshal(t, s.at(40)), trust, s.clock, verify.WithMemory(nil))
	wantStatus(t, none, verify.Unknown, verify.CodeConsistency, verify.StatusNotChecked)
	if !none.Learned.Empty() {
		t.Error("learnt without a memory")
	}
}

// TestC7TwoHonestNodes: bundles of 1000 and 990, in either order, and again.
func TestC7TwoHonestNodes(t *testing.T) {
	s := newSite(t).standard()
	s.padded(1000)
	smaller := s.at(990)
	s.clock = s.clock.Add(time.Minute)
	larger := s.at(1000)
	for _, order := range [][]*bundle.Bundle{{larger, smaller, larger}, {smaller, larger, smaller}} {
		c := s.client()
		for _, b := range order {
			v := c.see(b)
			wantPass(t, v)
			if len(v.Evidence) != 0 {
				t.Errorf("evidence %v", v.Evidence)
			}
		}
		if k, _ := c.memory.Logs.Largest(siteOrigin); k.Checkpoint.Size != 1000 {
			t.Errorf("largest %d", k.Checkpoint.Size)
		}
	}
}

// TestC7ProofRequired: who cannot be proven stops nobody but himself.
func TestC7ProofRequired(t *testing.T) {
	s := newSite(t).standard()
	s.padded(1000)
	s.requirements.Consistency = verify.ConsistencyRequired
	smaller := s.at(990)
	s.clock = s.clock.Add(time.Minute)
	larger := s.at(1000)
	for _, order := range [][]*bundle.Bundle{{larger, smaller}, {smaller, larger}} {
		c := s.client()
		for range 3 {
			wantPass(t, c.see(order[0]))
			wantStatus(t, c.see(order[1]), verify.Unknown, verify.CodeConsistency, verify.StatusNotChecked)
		}
		for _, gap := range c.memory.Logs.Gaps(siteOrigin) {
			if _, err := c.memory.Logs.Reconcile(siteOrigin, gap.From, gap.To, s.log.Root(gap.From), s.log.Consistency(gap.From, gap.To)); err != nil {
				t.Fatal(err)
			}
		}
		for _, b := range order {
			wantPass(t, c.see(b))
		}
	}
}

// TestAStaleCheckpointStopsNobody: a node without any key staples a checkpoint of
// long ago, which the log really published.
func TestAStaleCheckpointStopsNobody(t *testing.T) {
	s := newSite(t).standard()
	s.padded(40)
	s.requirements.Consistency = verify.ConsistencyRequired
	old := s.at(10)
	s.clock = s.clock.Add(30 * day)
	c := s.client()
	honest := s.at(40)
	wantPass(t, c.see(honest))
	for range 2 {
		wantFail(t, c.see(old), verify.CodeCheckpointAge)
		wantPass(t, c.see(honest))
	}
	// Nor is it where a memory begins, whoever comes first.
	late := s.client()
	for range 2 {
		wantFail(t, late.see(old), verify.CodeCheckpointAge)
	}
	wantFail(t, late.see(s.forkAt(8, 10).at(10)), verify.CodeConsistency)
	late = s.client()
	wantFail(t, late.see(old), verify.CodeCheckpointAge)
	s.padded(60)
	for _, c := range []*client{c, late} {
		wantPass(t, c.see(honest))
		wantPass(t, c.see(s.at(60, 40)))
		wantPass(t, c.see(s.at(60)))
		wantPass(t, c.see(honest))
		wantFail(t, c.see(old), verify.CodeCheckpointAge)
	}
}

// forkAt has the log tell another history from a size on.
func (s *site) forkAt(size, to uint64) *site {
	other := *s
	other.log = s.log.Fork(size)
	for other.log.Size() < to {
		other.log.Add(fmt.Append(nil, "another ", other.log.Size()))
	}
	return &other
}

func TestMemoryFindsTheFork(t *testing.T) {
	s := newSite(t).standard()
	s.padded(20)
	other := s.forkAt(8, 30)
	for name, shown := range map[string]*bundle.Bundle{"the checkpoint": other.at(20), "an anchor": other.at(30, 20)} {
		c := s.client()
		wantPass(t, c.see(s.at(20)))
		v := c.see(shown)
		wantFail(t, v, verify.CodeConsistency)
		if len(v.Evidence) != 1 || v.Evidence[0].Kind != fork.SameSize || v.Evidence[0].Verify(s.log.Key.Verifier()) != nil {
			t.Fatalf("%s: evidence %v", name, v.Evidence)
		}
		// Found out once, found out for good, whatever history it goes on with.
		s.padded(31)
		wantFail(t, c.see(s.at(31)), verify.CodeConsistency)
		wantFail(t, c.see(other.at(25)), verify.CodeConsistency)
	}
	// Two sizes without a proof prove nothing.
	c := s.client()
	wantPass(t, c.see(s.at(20)))
	v := c.see(other.at(25))
	wantStatus(t, v, verify.Pass, verify.CodeConsistency, verify.StatusNotChecked)
	if len(v.Evidence) != 0 {
		t.Errorf("evidence %v", v.Evidence)
	}
}

// TestMemoryOfALyingWitness: its cosignatures count for nothing any more; the
// others' do.
func TestMemoryOfALyingWitness(t *testing.T) {
	s := newSite(t).standard()
	s.padded(20)
	c := s.client()
	s.clock = s.clock.Add(time.Hour)
	wantPass(t, c.see(s.at(20)))
	note := func(numbers ...int) *bundle.Bundle {
		b := s.at(10)
		early, late := s.clock.Add(-time.Minute), s.clock.Add(time.Minute)
		at := []tlogtest.At{s.witnesses[0].At(late)} // after it cosigned 20
		for _, n := range numbers {
			at = append(at, s.witnesses[n-1].At(early))
		}
		b.Checkpoint = string(s.log.Checkpoint(10, at...).Marshal())
		return b
	}
	for range 2 {
		v := c.see(note(2, 3))
		wantPass(t, v)
		if len(v.Evidence) != 1 || v.Evidence[0].Verify(s.witnesses[0].Key.Verifier()) != nil {
			t.Fatalf("evidence %v", v.Evidence)
		}
	}
	v := c.see(note(2))
	wantFail(t, v, verify.CodeQuorum)
	// Remembered for good, and not of another log.
	s.padded(21)
	s.clock = s.clock.Add(time.Hour)
	lone := s.at(21)
	lone.Checkpoint = string(s.checkpoint(21, 1, 2).Marshal())
	wantFail(t, c.see(lone), verify.CodeQuorum)
	wantPass(t, s.client().see(lone))
}

// TestAWitnessThatLiesInAnAnchor: its cosignature of the checkpoint counts for
// nothing either, at once and not from the next verdict on, with and without
// anything remembered.
func TestAWitnessThatLiesInAnAnchor(t *testing.T) {
	s := newSite(t).standard()
	s.padded(20)
	s.clock = s.clock.Add(time.Hour)
	seen := s.at(20)
	shown := func(numbers ...int) *bundle.Bundle {
		anchor := s.log.Checkpoint(10, s.witnesses[0].At(s.clock.Add(time.Minute)), s.witnesses[1].At(siteStart)) // w1 cosigned 20 before
		return s.log.Bundle(s.checkpoint(20, numbers...), []*tlog.SignedCheckpoint{anchor}, 0, 1, 2, 3)
	}
	lies := func(v *verify.Verdict) {
		t.Helper()
		if len(v.Evidence) != 1 || v.Evidence[0].Verify(s.witnesses[0].Key.Verifier()) != nil {
			t.Errorf("evidence %v", v.Evidence)
		}
	}
	knowing, fresh := s.client(), s.client()
	wantPass(t, knowing.see(seen))
	for range 2 {
		for _, v := range []*verify.Verdict{knowing.see(shown(1, 2)), fresh.see(shown(1, 2)), s.judge(marshal(t, shown(1, 2)))} {
			wantFail(t, v, verify.CodeQuorum)
			lies(v)
		}
	}
	// What nobody knew before is remembered where the log is, quorum or none.
	if got := len(knowing.memory.Logs.Evidence(siteOrigin)); got != 1 || !fresh.memory.Empty() {
		t.Errorf("remembered %d pieces of evidence, and %s", got, memoryText(t, fresh.memory))
	}
	s.padded(21)
	lone := s.at(21)
	lone.Checkpoint = string(s.checkpoint(21, 1, 2).Marshal())
	wantFail(t, knowing.see(lone), verify.CodeQuorum)
	// Two others suffice, and remember whom they heard.
	for _, c := range []*client{s.client(), fresh} {
		for range 2 {
			v := c.see(shown(1, 2, 3))
			wantPass(t, v)
			lies(v)
		}
		if got := len(c.memory.Logs.Evidence(siteOrigin)); got != 1 {
			t.Errorf("remembered %d pieces of evidence", got)
		}
	}
	v := s.judge(marshal(t, shown(1, 2, 3)))
	wantPass(t, v)
	lies(v)
}

// TestALiarDoesNotAnchorARoll: the quorum of an anchor is counted without it, too.
func TestALiarDoesNotAnchorARoll(t *testing.T) {
	s := newSite(t).standard()
	s.padded(30)
	s.clock = s.clock.Add(time.Hour)
	c := s.client()
	wantPass(t, c.see(s.at(30)))
	s.requirements.RollMaxAge = siteDuration(t, "1d")
	roll := s.stateRoll()
	roll.Size, roll.Root, roll.Live = 10, release.Digest(s.log.Root(10)), []release.Digest{s.digestOf(3)}
	s.clock = s.clock.Add(time.Minute)
	anchor := s.log.Checkpoint(10, s.witnesses[0].At(s.clock), s.witnesses[1].At(siteStart)) // w1 cosigned 30 before
	at := s.logRoll(roll, "roll")
	b := s.log.Bundle(s.checkpoint(31, 2, 3), []*tlog.SignedCheckpoint{anchor}, 0, 1, 2, 3, at)
	for range 2 {
		v := c.see(b)
		wantFail(t, v, verify.CodeRollAnchor)
		if len(v.Evidence) != 1 {
			t.Errorf("evidence %v", v.Evidence)
		}
	}
	if rolls := c.memory.Authorities()[0].Rolls; len(rolls) != 0 {
		t.Errorf("remembered %+v", rolls)
	}
}

// TestMemoryLearnsNothingUnproven: what a node made up leaves no trace.
func TestMemoryLearnsNothingUnproven(t *testing.T) {
	s := newSite(t).standard()
	c := s.client()
	unsigned := s.at(4)
	unsigned.Checkpoint = string(s.checkpoint(4, 1).Marshal())
	wantFail(t, c.see(unsigned), verify.CodeQuorum)
	if !c.memory.Empty() {
		t.Errorf("learned %s", memoryText(t, c.memory))
	}
	// A stranger's line is not kept: anyone can add it.
	stranger := tlogtest.NewWitness(t, "stranger", "nobody", tlog.TypeCosignatureEd25519)
	b := s.at(4)
	checkpoint := s.checkpoint(4)
	signed, err := checkpoint.With(stranger.At(s.clock).Cosign(t, checkpoint.Checkpoint))
	if err != nil {
		t.Fatal(err)
	}
	b.Checkpoint = string(signed.Marshal())
	wantPass(t, c.see(b))
	if k, _ := c.memory.Logs.Largest(siteOrigin); len(k.Checkpoint.Note.Signatures) != 4 {
		t.Errorf("kept %q", k.Checkpoint.Marshal())
	}
	// Under another pin nothing is known of the authority; the checkpoint is.
	c = s.client()
	s.requirements.Authority = release.Digest{1}
	wantFail(t, c.see(s.at(4)), verify.CodeAuthorityPin)
	if len(c.memory.Authorities()) != 0 || len(c.memory.Logs.Origins()) != 1 {
		t.Errorf("learned %s", memoryText(t, c.memory))
	}
	// A release that fails is no reason to forget what the log showed.
	c = s.client()
	s.requirements.Authority = s.pin
	s.requirements.Channels = []string{"lab"}
	wantFail(t, c.see(s.at(4)), verify.CodeChannel)
	if len(c.memory.Authorities()) != 1 || len(c.memory.Logs.Origins()) != 1 {
		t.Errorf("learned %s", memoryText(t, c.memory))
	}
}

// TestMemoryOfNow: the clock may be set back; what was verified was before now.
func TestMemoryOfNow(t *testing.T) {
	s := newSite(t).standard()
	s.padded(9)
	stale := s.at(4)
	c := s.client()
	s.clock = s.clock.Add(3 * day)
	wantPass(t, c.seeAt(s.at(9), s.clock))
	back := s.clock.Add(-3 * day)
	wantPass(t, s.judgeBundleAt(stale, back))
	wantFail(t, c.seeAt(stale, back), verify.CodeCheckpointAge)
	if v := c.seeAt(s.at(9), back); v.Result != verify.Pass {
		t.Errorf("the newest: got %s", v.Result)
	}
	// Those who cosign ahead of time do not push now further with each verdict: the
	// caller's own clock bounds what is remembered.
	c = s.client()
	clock := s.clock
	for range 5 {
		s.clock = s.clock.Add(4 * time.Minute)
		c.seeAt(s.at(9), clock)
	}
	if newest := c.memory.Newest(); newest.After(clock.Add(5 * time.Minute)) {
		t.Errorf("remembered %s at %s", newest, clock)
	}
	if newest := (&verify.Memory{}).Newest(); !newest.IsZero() {
		t.Errorf("an empty memory is from %s", newest)
	}
}

func (s *site) judgeBundleAt(b *bundle.Bundle, now time.Time) *verify.Verdict {
	s.Helper()
	return s.judgeAt(marshal(s, b), now)
}
