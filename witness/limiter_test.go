package witness_test

import (
	"errors"
	"testing"
	"time"

	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/witnesstest"
)

// gate is a limiter that a test opens and closes.
type gate struct {
	closed          bool
	origins         []string
	perDay, unknown uint64
}

func (g *gate) Known(origin string, perDay uint64) (time.Duration, bool) {
	g.origins, g.perDay = append(g.origins, origin), perDay
	return 7 * time.Second, !g.closed
}

func (g *gate) Unknown() (time.Duration, bool) {
	g.unknown++
	return 3 * time.Second, !g.closed
}

// TestW12RateLimits: a request is counted once, after its origin is known and
// before anything is verified, however good it is.
func TestW12RateLimits(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 9)
	stranger := witnesstest.NewLog(t, "log.example/a", 9)
	other := witnesstest.NewLog(t, "log.example/other", 9)
	for name, c := range map[string]struct {
		body         []byte
		open, closed witness.Kind
		wait         time.Duration
		known        int
		unknown      uint64
	}{
		"good":           {log.Request(3, 5).Marshal(), "accepted", witness.KindRateLimited, 7 * time.Second, 1, 0},
		"conflict":       {log.Request(2, 5).Marshal(), witness.KindOldSize, witness.KindRateLimited, 7 * time.Second, 1, 0},
		"not signed":     {stranger.Request(3, 5).Marshal(), witness.KindNotSigned, witness.KindRateLimited, 7 * time.Second, 1, 0},
		"unknown origin": {other.Request(3, 5).Marshal(), witness.KindUnknownOrigin, witness.KindRateLimited, 3 * time.Second, 0, 1},
		"malformed":      {[]byte("old"), witness.KindMalformed, witness.KindMalformed, 0, 0, 0},
		"too large":      {make([]byte, witness.MaxRequest+1), witness.KindTooLarge, witness.KindTooLarge, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			limiter := new(gate)
			w, state, _ := newWitness(t, log, func(config *witness.Config) { config.Limiter = limiter })
			state.log.RequestsPerDay = 1440
			times(t, w, log.Request(0, 3))
			limiter.origins, limiter.closed = nil, true
			_, err := w.AddCheckpoint(t.Context(), c.body)
			if got := kindOf(err); got != c.closed {
				t.Errorf("closed: got %v, want %s", err, c.closed)
			}
			var refusal *witness.Error
			if errors.As(err, &refusal) && refusal.RetryAfter != c.wait {
				t.Errorf("closed: told to wait %v, want %v", refusal.RetryAfter, c.wait)
			}
			if state.latest.Size != 3 {
				t.Errorf("closed: the state is at %d", state.latest.Size)
			}
			if len(limiter.origins) != c.known || limiter.unknown != c.unknown || limiter.perDay != 1440 {
				t.Errorf("counted %q and %d unknown", limiter.origins, limiter.unknown)
			}
			limiter.closed = false
			if _, err := w.AddCheckpoint(t.Context(), c.body); kindOf(err) != c.open {
				t.Errorf("open: got %v, want %s", err, c.open)
			}
		})
	}
}

// TestRateIsCountedOnce: also of a request that is judged again because the
// state moved under it.
func TestRateIsCountedOnce(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 9)
	limiter := new(gate)
	w, state, _ := newWitness(t, log, func(config *witness.Config) { config.Limiter = limiter })
	times(t, w, log.Request(0, 3))
	moved := false
	state.before = func(m *memory) {
		if !moved {
			moved = true
			m.latest.Time++
		}
	}
	times(t, w, log.Request(3, 5))
	if len(limiter.origins) != 2 {
		t.Errorf("two requests were counted %d times", len(limiter.origins))
	}
}
