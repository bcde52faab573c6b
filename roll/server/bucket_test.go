package server

import (
	"testing"
	"time"
)

// TestBucket: a burst, then a token each time that has come in, and never more than a
// burst of them.
func TestBucket(t *testing.T) {
	now := time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)
	b := bucket{burst: 4, perSecond: 2}
	for _, step := range []struct {
		after time.Duration
		want  int
	}{{0, 4}, {499 * time.Millisecond, 0}, {time.Millisecond, 1}, {time.Second, 2}, {time.Hour, 4}, {-time.Minute, 0}, {time.Minute + 500*time.Millisecond, 1}} {
		now = now.Add(step.after)
		got := 0
		for b.take(now) {
			got++
		}
		if got != step.want {
			t.Errorf("%s later: got %d tokens, want %d", step.after, got, step.want)
		}
	}
}
