package register

import (
	"runtime"
	"testing"
	"time"

	"github.com/muster-log/muster/release"
)

const benchSize = 8192

// benchLog returns the entries of a log of a busy year: model images, releases
// of them that expire, rolls, now and then a withdrawal, and four rotations of the
// authority, each after a stolen key: the pass over all entries is in it.
func benchLog(tb testing.TB) [][]byte {
	l := newLog(tb, func(a *release.Authority) { a.Expires = t0.Add(3000 * oneDay) })
	os := l.admit(l.osImage())
	var model, last release.Digest
	for len(l.entries) < benchSize {
		l.now = l.now.Add(10 * time.Minute)
		var predicate release.Predicate
		switch len(l.entries) % 8 {
		default:
			predicate = l.image()
		case 3, 6:
			predicate = l.release([]release.Digest{os, model}, func(r *release.Release) { r.NotAfter = l.now.Add(10 * oneDay) })
		case 7:
			predicate = l.roll()
			switch {
			case len(l.entries)%2048 == 1023:
				predicate = l.authority(func(a *release.Authority) {
					a.Expires = t0.Add(3000 * oneDay)
					strikeKey(a, "rel3", l.Size())
				})
			case len(l.entries)%64 == 63:
				predicate = l.withdrawal(last)
			}
		}
		entry := l.entry(predicate)
		outcome := l.State.Apply(entry)
		if outcome.Status != StatusAdmitted {
			tb.Fatalf("index %d: %v", outcome.Index, outcome.Refusal)
		}
		l.entries = append(l.entries, entry)
		switch predicate.(type) {
		case *release.Image:
			model = outcome.Digest
		case *release.Release:
			last = outcome.Digest
		}
	}
	return l.entries
}

func reportEntries(b *testing.B) {
	b.ReportMetric(float64(b.N)*benchSize/b.Elapsed().Seconds(), "entries/s")
}

// reportSignatures says how many signatures an entry has, which a replay verifies.
func reportSignatures(b *testing.B, entries [][]byte) {
	signatures := 0
	for _, entry := range entries {
		envelope, err := release.ParseEnvelope(entry)
		if err != nil {
			b.Fatal(err)
		}
		signatures += len(envelope.Signatures)
	}
	b.ReportMetric(float64(signatures)/float64(len(entries)), "signatures/entry")
}

// BenchmarkReplay is Apply one by one: decoding, signatures, rules on one core.
func BenchmarkReplay(b *testing.B) {
	entries := benchLog(b)
	for b.Loop() {
		s := New(testOrigin)
		for _, entry := range entries {
			s.Apply(entry)
		}
	}
	reportEntries(b)
}

// BenchmarkReplayAllCores is ApplyAll.
func BenchmarkReplayAllCores(b *testing.B) {
	entries := benchLog(b)
	for b.Loop() {
		New(testOrigin).ApplyAll(entries)
	}
	reportEntries(b)
	reportSignatures(b, entries)
}

// BenchmarkReplayPrepared is the rules alone: what a log does under its lock.
func BenchmarkReplayPrepared(b *testing.B) {
	entries := benchLog(b)
	s := New(testOrigin)
	s.Apply(entries[0])
	prepared := s.prepareAll(entries)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for b.Loop() {
		s = New(testOrigin)
		for _, p := range prepared {
			s.ApplyPrepared(p)
		}
	}
	reportEntries(b)
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/benchSize, "B-kept/entry")
	runtime.KeepAlive(s)
	runtime.KeepAlive(prepared)
}

// BenchmarkStrike is the one pass over the log that an authority costs that
// lists a key as compromised.
func BenchmarkStrike(b *testing.B) {
	entries := benchLog(b)
	s := New(testOrigin)
	s.ApplyAll(entries)
	s.chain.listed[keyID("rel1")] = listing{from: 1 << 40}
	s.chain.struck[s.chain.links[0].spki[keyID("rel1")]] = listing{from: 1 << 40}
	for b.Loop() {
		s.strike(0)
	}
	reportEntries(b)
}
