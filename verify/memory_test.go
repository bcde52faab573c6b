package verify_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/bundle"
	"github.com/muster-log/muster/tlog/fork"
	"github.com/muster-log/muster/tlog/memory"
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
	if _, err := c.memory.Logs.Reconcile(siteOrigin, 20, 35, s.log.Root(20), s.log.Consistency(20, 35)); err != nil {
		t.Fatal(err)
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

// TestMemoryOfAWitnessThatLiesInAnAnchor: its cosignature of the checkpoint counts
// for nothing either.
func TestMemoryOfAWitnessThatLiesInAnAnchor(t *testing.T) {
	s := newSite(t).standard()
	s.padded(20)
	s.clock = s.clock.Add(time.Hour)
	c := s.client()
	wantPass(t, c.see(s.at(20)))
	s.clock = s.clock.Add(time.Minute)
	shown := func(numbers ...int) *bundle.Bundle {
		anchor := s.log.Checkpoint(10, s.witnesses[0].At(s.clock), s.witnesses[1].At(siteStart)) // w1 cosigned 20 before
		return s.log.Bundle(s.checkpoint(20, numbers...), []*tlog.SignedCheckpoint{anchor}, 0, 1, 2, 3)
	}
	before := memoryText(t, c.memory)
	v := c.see(shown(1, 2))
	wantFail(t, v, verify.CodeConsistency)
	if len(v.Evidence) != 1 || v.Evidence[0].Verify(s.witnesses[0].Key.Verifier()) != nil {
		t.Fatalf("evidence %v", v.Evidence)
	}
	wantFail(t, c.see(shown(1, 2)), verify.CodeQuorum)
	fresh, err := verify.ParseMemory([]byte(before))
	if err != nil {
		t.Fatal(err)
	}
	v = (&client{s, fresh}).see(shown(1, 2, 3))
	wantPass(t, v)
	if len(v.Evidence) != 1 {
		t.Errorf("evidence %v", v.Evidence)
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

func TestMemoryOfTheAuthority(t *testing.T) {
	s := newSite(t).standard()
	before := s.at(4)
	forked := s.forkAt(4, 4)
	forked.authority, forked.inForce = s.authority, s.inForce
	rotation := func(days int) func(*release.Authority) {
		return func(a *release.Authority) { a.Limits.ReleaseDays = days }
	}
	s.rotate(rotation(80))
	after := s.log.Bundle(s.checkpoint(5), nil, 0, 1, 2, 3, 4)
	c := s.client()
	wantPass(t, c.see(before))
	wantPass(t, c.see(after))
	if got := c.memory.Authorities(); len(got) != 1 || got[0].Version != 2 || got[0].Digest != s.inForce || got[0].Pin != s.pin {
		t.Errorf("remembered %+v", got)
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
	wantStatus(t, c.see(forked.log.Bundle(forked.checkpoint(5), nil, 0, 1, 2, 3, 4)), verify.Fail, verify.CodeAuthorityVersion, verify.StatusFail)
	// And a version 3 after that other one is no way out.
	forked.rotate(rotation(60))
	wantFail(t, c.see(forked.log.Bundle(forked.checkpoint(6), nil, 0, 1, 2, 3, 4, 5)), verify.CodeAuthorityVersion)
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

// TestMemoryMerge: two processes that remember at once lose nothing and take
// nothing back, in either order.
func TestMemoryMerge(t *testing.T) {
	s := newSite(t)
	anchor := s.live()
	one, two := s.client(), s.client()
	wantPass(t, one.see(s.log.Bundle(s.checkpoint(5), []*tlog.SignedCheckpoint{anchor}, 0, 1, 2, 3, 4)))
	s.rotate(func(a *release.Authority) { a.Limits.ReleaseDays = 80 })
	anchor = s.roll()
	wantPass(t, two.see(s.log.Bundle(s.checkpoint(7), []*tlog.SignedCheckpoint{anchor}, 0, 1, 2, 3, 5, 6)))
	for _, pair := range [][2]*verify.Memory{{one.memory, two.memory}, {two.memory, one.memory}} {
		m := verify.Memory{}
		for _, part := range pair {
			if evidence, err := m.Merge(part); err != nil || len(evidence) != 0 {
				t.Fatalf("got %v, %v", evidence, err)
			}
		}
		got := m.Authorities()[0]
		if got.Version != 2 || got.Rolls[0].Index != 6 || got.Rolls[0].Version != 2 || !slices.Equal(got.Rolls[0].Live, []release.Digest{s.digestOf(3)}) {
			t.Errorf("got %+v", got)
		}
		if again := memoryText(t, &m); m.Empty() || again != memoryText(t, two.memoryWith(one)) {
			t.Errorf("the order matters: %s", again)
		}
	}
	// Each has seen one of two histories: together they know.
	fork := s.forkAt(5, 7)
	third := fork.client()
	wantFail(t, third.see(fork.at(7)), verify.CodeRoll)
	if evidence, err := two.memory.Merge(third.memory); err != nil || len(evidence) != 1 {
		t.Errorf("got %v, %v", evidence, err)
	}
	wantFail(t, two.see(s.log.Bundle(s.checkpoint(7), []*tlog.SignedCheckpoint{anchor}, 0, 1, 2, 3, 5, 6)), verify.CodeConsistency)
}

func (c *client) memoryWith(other *client) *verify.Memory {
	c.Helper()
	var m verify.Memory
	for _, part := range []*verify.Memory{c.memory, other.memory} {
		if _, err := m.Merge(part); err != nil {
			c.Fatal(err)
		}
	}
	return &m
}

// TestMemoryIsBounded: what has no room is refused, and nothing is forgotten for it.
func TestMemoryIsBounded(t *testing.T) {
	var m verify.Memory
	fill := func(pins, products int) error {
		text := `{"authorities":[`
		for p := range pins {
			if p > 0 {
				text += ","
			}
			text += fmt.Sprintf(`{"authority":{"sha256":"%064x"},"digest":{"sha256":"%064x"},"rolls":[`, p, p)
			for r := range products {
				if r > 0 {
					text += ","
				}
				text += fmt.Sprintf(`{"digest":{"sha256":"%064x"},"index":9,"live":[],"product":"acme/%03d","size":8,"version":1}`, r, r)
			}
			text += `],"version":1}`
		}
		other, err := verify.ParseMemory([]byte(text + `],"logs":[]}`))
		if err != nil {
			return err
		}
		_, err = m.Merge(other)
		return err
	}
	if err := fill(16, 64); err != nil {
		t.Fatal(err)
	}
	if err := fill(17, 1); !errors.Is(err, memory.ErrFull) {
		t.Errorf("got %v", err)
	}
	if err := fill(1, 65); !errors.Is(err, memory.ErrFull) {
		t.Errorf("got %v", err)
	}
	if len(m.Authorities()) != 16 || len(m.Authorities()[0].Rolls) != 64 {
		t.Error("something was forgotten")
	}
}

// sampleMemory remembers an authority, a roll, and a log that forked.
func sampleMemory(tb testing.TB) *verify.Memory {
	tb.Helper()
	s := newSite(tb)
	anchor := s.live()
	c := s.client()
	wantPass(tb, c.see(s.log.Bundle(s.checkpoint(5), []*tlog.SignedCheckpoint{anchor}, 0, 1, 2, 3, 4)))
	other := s.forkAt(4, 5)
	wantFail(tb, c.see(other.log.Bundle(other.checkpoint(5), []*tlog.SignedCheckpoint{anchor}, 0, 1, 2, 3)), verify.CodeRoll)
	return c.memory
}

func TestMemoryFileIsStrict(t *testing.T) {
	good := memoryText(t, sampleMemory(t))
	for name, change := range map[string][2]string{
		"white space":         {`{"authorities":`, `{ "authorities":`},
		"an unknown member":   {`,"logs":`, `,"hint":1,"logs":`},
		"no logs":             {`,"logs":[`, `,"log":[`},
		"no version":          {`"version":1}],"version":1`, `"version":1}],"version":0`},
		"a version too high":  {`"version":1}],"version":1`, `"version":1}],"version":33`},
		"a roll of its index": {`"size":4`, `"size":5`},
		"no product":          {`"product":"acme/ai"`, `"product":""`},
		"a digest too short":  {`"sha256":"`, `"sha256":"0`},
		"rolls as a number":   {`"rolls":[`, `"rolls":1,"x":[`},
	} {
		changed := strings.Replace(good, change[0], change[1], 1)
		if changed == good {
			t.Fatalf("%s: nothing changed in %s", name, good)
		}
		if _, err := verify.ParseMemory([]byte(changed)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for _, data := range []string{"", "{}", "[]", good + "\n", good[:len(good)-1]} {
		if _, err := verify.ParseMemory([]byte(data)); err == nil {
			t.Errorf("accepted %.20q of %d bytes", data, len(data))
		}
	}
}

// FuzzParseMemory: what parses has one encoding, and can be judged with.
func FuzzParseMemory(f *testing.F) {
	f.Add([]byte(memoryText(f, &verify.Memory{})))
	f.Add([]byte(memoryText(f, sampleMemory(f))))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := verify.ParseMemory(data)
		if err != nil {
			return
		}
		if again := memoryText(t, m); again != string(data) {
			t.Errorf("reads %q, writes %q", data, again)
		}
		if _, err := (&verify.Memory{}).Merge(m); err != nil {
			t.Errorf("does not fit into an empty one: %v", err)
		}
	})
}

// TestDocumentedMemory: the example of the documentation is what this code writes.
func TestDocumentedMemory(t *testing.T) {
	s := newSite(t)
	anchor := s.live()
	c := s.client()
	wantPass(t, c.see(s.log.Bundle(s.checkpoint(5), []*tlog.SignedCheckpoint{anchor}, 0, 1, 2, 3, 4)))
	text, err := os.ReadFile("../docs/formats/memory.md")
	if err != nil {
		t.Fatal(err)
	}
	if example := "\n    " + memoryText(t, c.memory) + "\n"; !strings.Contains(string(text), example) {
		t.Errorf("docs/formats/memory.md does not show, as a line of its own:%s", example)
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
