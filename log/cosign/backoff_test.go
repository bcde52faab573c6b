package cosign

import (
	"net/http"
	"testing"
	"time"

	"github.com/muster-log/muster/tlog"
)

// TestUnknownLogIsAskedAgainSoon: a witness that does not know the log yet may
// learn of it at any moment; one that has forgotten it has a person to wait for.
func TestUnknownLogIsAskedAgainSoon(t *testing.T) {
	unknown := func(_ *fakeWitness, _ tlog.Checkpoint, _ string, rw http.ResponseWriter) {
		rw.WriteHeader(http.StatusNotFound)
	}
	now := time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)
	g := group(t, Options{Now: func() time.Time { return now }}, newWitness(t, "w.example/a", unknown), newWitness(t, "w.example/b", unknown))
	g.witnesses[1].remember(3)
	longest := map[string]time.Duration{}
	for range 10 {
		if _, err := g.Cosign(t.Context(), checkpoint(t, 5), noProof); err == nil {
			t.Fatal("a quorum of witnesses that do not know the log")
		}
		for _, status := range g.Witnesses() {
			if !status.UnknownLog {
				t.Fatalf("got %+v, want an unknown log", status)
			}
			longest[status.Name] = max(longest[status.Name], status.RetryAt.Sub(now))
		}
		now = now.Add(time.Minute)
	}
	if longest["w0"] != UnknownBackoff || longest["w1"] != lastBackoff {
		t.Errorf("the longest pauses are %v, want %v for w0 and %v for w1", longest, UnknownBackoff, lastBackoff)
	}
}
