package verify_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/muster-log/muster/tlog/bundle"
	"github.com/muster-log/muster/verify"
)

// FuzzBundle: whatever the bytes are, judging ends with a verdict that can be
// written, no bundle but the honest one passes, and what parses has one encoding.
func FuzzBundle(f *testing.F) {
	s := newSite(f).standard()
	good := marshal(f, s.bundle())
	f.Add(good)
	f.Add(bytes.Replace(good, []byte(`"index":3`), []byte(`"index":4`), 1))
	f.Add([]byte(`{"anchors":[],"checkpoint":"","entries":[],"origin":""}`))
	trust, err := verify.NewTrust(s.policy, s.requirements)
	if err != nil {
		f.Fatal(err)
	}
	now := s.clock.Add(time.Hour)
	f.Fuzz(func(t *testing.T, data []byte) {
		v := verify.Bundle(data, trust, now)
		if _, err := v.Marshal(); err != nil {
			t.Fatal(err)
		}
		if v.Result == verify.Pass {
			// Fewer entries than the honest bundle cannot pass; the same may.
			b, err := bundle.Parse(data)
			if err != nil || len(b.Entries) != 4 {
				t.Errorf("passes with %v, %v", b, err)
			}
		}
		if b, err := bundle.Parse(data); err == nil {
			if again := marshal(t, b); !bytes.Equal(again, data) {
				t.Errorf("written otherwise: %s", again)
			}
		}
	})
}
