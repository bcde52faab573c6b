package verify_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/muster-log/muster/tlog/bundle"
	"github.com/muster-log/muster/verify"
)

// FuzzBundle: whatever the bytes are, judging ends with a verdict that can be
// written, no bundle but an honest one passes, a roll that is asked for is there and
// lists the release, and what parses has one encoding.
func FuzzBundle(f *testing.F) {
	s := newSite(f).standard()
	good := marshal(f, s.bundle())
	f.Add(good)
	f.Add(bytes.Replace(good, []byte(`"index":3`), []byte(`"index":4`), 1))
	f.Add([]byte(`{"anchors":[],"checkpoint":"","entries":[],"origin":""}`))
	waiving := trustOf(f, s)

	s = newSite(f)
	anchor := s.live()
	listed := s.staple(anchor, 0, 1, 2, 3, 4)
	f.Add(listed)
	f.Add(s.staple(anchor, 0, 1, 2, 3))
	f.Add(marshal(f, s.bundle()))
	f.Add(bytes.Replace(listed, []byte(`"anchors":[{`), []byte(`"anchors":[{},{`), 1))
	asking := trustOf(f, s)
	s.rotate(compromise("roll", 4))
	f.Add(s.staple(anchor, 0, 1, 2, 3, 4, 5))

	now := s.clock.Add(time.Hour)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, trust := range []*verify.Trust{waiving, asking} {
			v := verify.Bundle(data, trust, now)
			if _, err := v.Marshal(); err != nil {
				t.Fatal(err)
			}
			if v.Result != verify.Pass {
				continue
			}
			// Fewer entries than an honest bundle cannot pass; the same may.
			b, err := bundle.Parse(data)
			if err != nil || len(b.Entries) < 4 {
				t.Errorf("passes with %v, %v", b, err)
			}
			if trust == asking && (v.Judged.Roll == nil || len(v.Judged.Roll.Roll.Live) != 1 || v.Judged.Roll.Roll.Live[0] != v.Judged.Digest) {
				t.Errorf("passes with the roll %+v", v.Judged.Roll)
			}
		}
		if b, err := bundle.Parse(data); err == nil {
			if again := marshal(t, b); !bytes.Equal(again, data) {
				t.Errorf("written otherwise: %s", again)
			}
		}
	})
}

// trustOf returns what the site's relying party trusts.
func trustOf(tb testing.TB, s *site) *verify.Trust {
	tb.Helper()
	trust, err := verify.NewTrust(s.policy, s.requirements)
	if err != nil {
		tb.Fatal(err)
	}
	return trust
}
