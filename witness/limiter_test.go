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
	closed, full            bool
	growths, repeats        []string
	perDay, signed, unknown uint64
}

func (g *gate) Signed() (time.Duration, bool) {
	g.signed++
	return 5 * time.Second, !g.full
}

func (g *gate) Growth(origin string, perDay uint64) (time.Duration, bool) {
	g.growths, g.perDay = append(g.growths, origin), perDay
	return 7 * time.Second, !g.closed
}

func (g *gate) Repeat(origin string, perDay uint64) (time.Duration, bool) {
	g.repeats, g.perDay = append(g.repeats, origin), perDay
	return 9 * time.Second, !g.closed
}

func (g *gate) Unknown() (time.Duration, bool) {
	g.unknown++
	return 3 * time.Second, !g.closed
}

// TestW12RateLimits: a request is counted once, as what it is: whoever cannot sign
// for a log takes nothing of its rate, and whoever repeats what it has signed
// nothing of what it has for its growth.
func TestW12RateLimits(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 9)
	stranger := witnesstest.NewLog(t, "log.example/a", 9)
	other := witnesstest.NewLog(t, "log.example/other", 9)
	for name, c := range map[string]struct {
		body         []byte
		open, closed witness.Kind
		wait         time.Duration
		growth       int
		repeat       int
		unknown      uint64
	}{
		"growth":         {log.Request(3, 5).Marshal(), "accepted", witness.KindRateLimited, 7 * time.Second, 1, 0, 0},
		"bad proof":      {log.Fork(2).Request(3, 5).Marshal(), witness.KindInconsistent, witness.KindRateLimited, 7 * time.Second, 1, 0, 0},
		"the same again": {log.Request(3, 3).Marshal(), "accepted", witness.KindRateLimited, 9 * time.Second, 0, 1, 0},
		"conflict":       {log.Request(2, 5).Marshal(), witness.KindOldSize, witness.KindRateLimited, 9 * time.Second, 0, 1, 0},
		"not signed":     {stranger.Request(3, 5).Marshal(), witness.KindNotSigned, witness.KindNotSigned, 0, 0, 0, 0},
		"unknown origin": {other.Request(3, 5).Marshal(), witness.KindUnknownOrigin, witness.KindRateLimited, 3 * time.Second, 0, 0, 1},
		"malformed":      {[]byte("old"), witness.KindMalformed, witness.KindMalformed, 0, 0, 0, 0},
		"too large":      {make([]byte, witness.MaxRequest+1), witness.KindTooLarge, witness.KindTooLarge, 0, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			limiter := new(gate)
			w, state, _ := newWitness(t, log, func(config *witness.Config) { config.Limiter = limiter })
			state.log.RequestsPerDay = 1440
			times(t, w, log.Request(0, 3))
			limiter.growths, limiter.closed = nil, true
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
			if len(limiter.growths) != c.growth || len(limiter.repeats) != c.repeat || limiter.unknown != c.unknown || limiter.perDay != 1440 {
				t.Errorf("counted growth %q, repeats %q and %d unknown", limiter.growths, limiter.repeats, limiter.unknown)
			}
			limiter.closed, limiter.full = false, true
			if _, err := w.AddCheckpoint(t.Context(), c.body); c.growth+c.repeat > 0 && kindOf(err) != witness.KindRateLimited {
				t.Errorf("too much altogether: got %v", err)
			}
			limiter.full = false
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
	if len(limiter.growths) != 2 || limiter.signed != 2 {
		t.Errorf("two requests were counted %d times", len(limiter.growths))
	}
}
