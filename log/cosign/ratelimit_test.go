package cosign

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-log/muster/tlog"
)

func TestParseRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"":                               0,
		"0":                              0,
		"1":                              time.Second,
		"007":                            7 * time.Second,
		"299":                            299 * time.Second,
		"301":                            MaxRetryAfter,
		"99999999999999999999999":        MaxRetryAfter,
		"-1":                             0,
		"+5":                             0,
		"1.5":                            0,
		"5 s":                            0,
		"soon":                           0,
		"Mon, 02 Nov 2026 10:00:20 GMT":  20 * time.Second,
		"Monday, 02-Nov-26 10:00:20 GMT": 20 * time.Second,
		"Mon, 02 Nov 2026 09:00:00 GMT":  0,
		"Mon, 02 Nov 2099 09:00:00 GMT":  MaxRetryAfter,
		strings.Repeat("9", 10000):       MaxRetryAfter,
	} {
		if got := parseRetryAfter(header, now); got != want {
			t.Errorf("%.40q: got %v, want %v", header, got, want)
		}
	}
}

// TestRateLimitedWitnessIsLeftAlone: for as long as it asks, by rounds and by
// probes, and then it cosigns the newest checkpoint.
func TestRateLimitedWitnessIsLeftAlone(t *testing.T) {
	var limited atomic.Bool
	var asked atomic.Int64
	busy := func(w *fakeWitness, c tlog.Checkpoint, old string, rw http.ResponseWriter) {
		asked.Add(1)
		if limited.Load() {
			rw.Header().Set("Retry-After", "40")
			rw.WriteHeader(http.StatusTooManyRequests)
			return
		}
		honest(w, c, old, rw)
	}
	start := time.Now()
	now := start
	g := group(t, Options{Now: func() time.Time { return now }}, newWitness(t, "w.example/a", busy), newWitness(t, "w.example/b", honest))
	limited.Store(true)
	for i, step := range []struct {
		after time.Duration
		asked int64
	}{{0, 1}, {time.Second, 1}, {39 * time.Second, 1}} {
		now = start.Add(step.after)
		if _, err := g.Cosign(t.Context(), checkpoint(t, 5), noProof); err == nil {
			t.Fatalf("step %d: a quorum without the witness", i)
		}
		// The quorum needs the other, which confirms: that is enough.
		if err := g.Probe(t.Context(), checkpoint(t, 5), noProof); err != nil {
			t.Errorf("step %d: probe: %v", i, err)
		}
		if got := asked.Load(); got != step.asked {
			t.Errorf("step %d: asked %d times, want %d", i, got, step.asked)
		}
		if status := g.Witnesses()[0]; !strings.Contains(status.Error, "429") || !status.RetryAt.Equal(start.Add(40*time.Second)) || status.Alarm != "" || status.Unreachable != "" {
			t.Errorf("step %d: status %+v", i, status)
		}
	}
	limited.Store(false)
	now = start.Add(40 * time.Second)
	note, err := g.Cosign(t.Context(), checkpoint(t, 9), noProof)
	if err != nil || !strings.Contains(string(note), "— w.example/a ") {
		t.Fatalf("after the wait: %v\n%s", err, note)
	}
	if status := g.Witnesses()[0]; status.Size != 9 || status.Error != "" {
		t.Errorf("status %+v", status)
	}
}

// TestRateLimitsBackOff: who says too short a time, or none, is asked less and
// less often all the same, and nobody is left alone for more than the bound.
func TestRateLimitsBackOff(t *testing.T) {
	for header, want := range map[string]time.Duration{"": lastBackoff, "0": lastBackoff, "1": lastBackoff, "60": time.Minute, "1000000": MaxRetryAfter} {
		t.Run(fmt.Sprintf("%q", header), func(t *testing.T) {
			busy := func(_ *fakeWitness, _ tlog.Checkpoint, _ string, rw http.ResponseWriter) {
				if header != "" {
					rw.Header().Set("Retry-After", header)
				}
				rw.WriteHeader(http.StatusTooManyRequests)
			}
			now := time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)
			g := group(t, Options{Now: func() time.Time { return now }}, newWitness(t, "w.example/a", busy), newWitness(t, "w.example/b", busy))
			var pause time.Duration
			for range 10 {
				if _, err := g.Cosign(t.Context(), checkpoint(t, 5), noProof); err == nil {
					t.Fatal("a quorum of witnesses that refuse")
				}
				pause = g.Witnesses()[0].RetryAt.Sub(now)
				now = now.Add(pause)
			}
			if pause != want {
				t.Errorf("in the end it is left alone for %v, want %v", pause, want)
			}
		})
	}
}
