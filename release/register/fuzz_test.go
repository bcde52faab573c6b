package register

import (
	"slices"
	"testing"

	"github.com/muster-log/muster/release"
)

// FuzzApply: whatever stands in the log, the size grows by one, nothing panics,
// and what is void or unknown has no effect.
func FuzzApply(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte(`{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[]}`))
	f.Add(unknownTypeEntry(f))
	entries := exampleEntries(f)
	for _, entry := range entries {
		f.Add(entry)
	}
	prepared := make([]*Prepared, len(entries))
	for i, entry := range entries {
		p, err := Prepare(entry, nil)
		if err != nil {
			f.Fatal(err)
		}
		prepared[i] = p // its signatures are verified once, when it is first applied
	}
	fresh := newLog(f)
	f.Add(fresh.entry(fresh.osImage()))
	f.Fuzz(func(t *testing.T, entry []byte) {
		for _, size := range []int{0, 1, 4, len(entries)} {
			s := New(testOrigin)
			for _, p := range prepared[:size] {
				s.ApplyPrepared(p)
			}
			live, logTime, products := digests(s.Live(testProduct)), s.LogTime(), s.Products()
			authority, _ := s.Authority()
			p, err := Prepare(entry, authority)
			var asked error = err
			if err == nil {
				asked = s.Admit(p, p.Statement.Issued())
			}
			outcome := s.Apply(entry)
			if s.Size() != uint64(size)+1 || outcome.Index != uint64(size) {
				t.Fatalf("size %d after applying index %d", s.Size(), outcome.Index)
			}
			if (asked == nil) != (outcome.Status == StatusAdmitted) {
				t.Fatalf("Admit says %v, Apply %s: %v", asked, outcome.Status, outcome.Refusal)
			}
			if outcome.Status == StatusAdmitted {
				continue
			}
			if outcome.Refusal == nil || outcome.Refusal.Code == "" {
				t.Fatalf("%s without a code", outcome.Status)
			}
			if _, logged := s.Lookup(outcome.Digest); logged && outcome.Refusal.Code != CodeAlreadyLogged && outcome.Refusal.Code != CodeFirstEntry {
				t.Fatalf("%s, and logged", outcome.Refusal.Code)
			}
			now, _ := s.Authority()
			if !slices.Equal(live, digests(s.Live(testProduct))) || !logTime.Equal(s.LogTime()) || !slices.Equal(products, s.Products()) || now != authority {
				t.Fatal("an entry without effect had one")
			}
		}
	})
}

// FuzzPrepare: what cannot be decoded is a *release.Refusal with a code.
func FuzzPrepare(f *testing.F) {
	for _, entry := range exampleEntries(f) {
		f.Add(entry)
	}
	authority := mustAuthority(newLog(f))
	f.Fuzz(func(t *testing.T, entry []byte) {
		p, err := Prepare(entry, authority)
		if err != nil {
			if release.CodeOf(err) == "" {
				t.Fatalf("no code: %v", err)
			}
			return
		}
		if p.Envelope == nil || p.Statement == nil || p.Digest != p.Envelope.PayloadDigest() {
			t.Fatalf("half prepared: %+v", p)
		}
	})
}
