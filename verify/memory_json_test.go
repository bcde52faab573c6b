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
	"github.com/muster-log/muster/tlog/memory"
	"github.com/muster-log/muster/verify"
)

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
			text += fmt.Sprintf(`{"authority":{"sha256":"%064x"},"chains":[],"digest":{"sha256":"%064x"},"rolls":[`, p, p)
			for r := range products {
				if r > 0 {
					text += ","
				}
				text += fmt.Sprintf(`{"digest":{"sha256":"%064x"},"index":9,"issued":"2026-11-01T09:00:00Z","live":[],"product":"acme/%03d","size":8,"version":1}`, r, r)
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
		"white space":                {`{"authorities":`, `{ "authorities":`},
		"an unknown member":          {`,"logs":`, `,"hint":1,"logs":`},
		"no logs":                    {`,"logs":[`, `,"log":[`},
		"no version":                 {`"version":1}],"version":1`, `"version":1}],"version":0`},
		"a version too high":         {`"version":1}],"version":1`, `"version":1}],"version":33`},
		"a roll of its index":        {`"size":4`, `"size":5`},
		"no product":                 {`"product":"acme/ai"`, `"product":""`},
		"a roll of no version":       {`"version":1}],"version":1`, `"version":0}],"version":1`},
		"a roll above the authority": {`"version":1}],"version":1`, `"version":2}],"version":1`},
		"an issued in another form":  {`"issued":"2026-11-01T09:00:00Z"`, `"issued":"2026-11-01T10:00:00+01:00"`},
		"a place of no version":      {`"chains":[]`, `"chains":[{"indices":[4],"origin":"log.example/acme"}]`},
		"a chain without places":     {`"chains":[]`, `"chains":[{"indices":[],"origin":"log.example/acme"}]`},
		"a digest too short":         {`"sha256":"`, `"sha256":"0`},
		"rolls as a number":          {`"rolls":[`, `"rolls":1,"x":[`},
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
	s, rotated, _, _ := movedRotation(f)
	c := s.client()
	c.see(s.bundleUnder(rotated))
	f.Add([]byte(memoryText(f, c.memory)))
	judge := judges(f)
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
		judge(t, m)
	})
}

// judges returns what judges bundles with and without a roll and a rotation with a
// memory: whatever that holds, there is a verdict, and what is learnt fits.
func judges(tb testing.TB) func(t *testing.T, m *verify.Memory) {
	s := newSite(tb)
	anchor := s.live()
	now := s.clock.Add(time.Hour)
	bundles := [][]byte{s.staple(anchor, 0, 1, 2, 3), s.staple(anchor, 0, 1, 2, 3, 4)}
	rotated := s.rotate(func(a *release.Authority) { a.Limits.ReleaseDays = 80 })
	at, _ := s.release(s.imagesOf(3), func(r *release.Release) { r.NotAfter = r.NotAfter.Add(day) })
	bundles = append(bundles, s.staple(anchor, 0, 1, 2, rotated, at))
	s.requirements.RollMaxAge = siteDuration(tb, "none")
	trust := trustOf(tb, s)
	return func(t *testing.T, m *verify.Memory) {
		t.Helper()
		for _, data := range bundles {
			v := verify.Bundle(data, trust, now, verify.WithMemory(m))
			if _, err := v.Marshal(); err != nil {
				t.Fatal(err)
			}
			joined, err := verify.ParseMemory([]byte(memoryText(t, m)))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := joined.Merge(v.Learned); err != nil && !errors.Is(err, memory.ErrFull) {
				t.Fatal(err)
			}
			if memoryText(t, joined) == "" {
				t.Error("nothing is left")
			}
		}
	}
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
