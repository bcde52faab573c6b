package limit

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// clock is a clock that only the test moves.
type clock struct{ now time.Time }

func (c *clock) read() time.Time { return c.now }

func newLimiter(options Options) (*Limiter, *clock) {
	at := &clock{time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)}
	options.Now = at.read
	return New(options), at
}

// passed asks until it is refused, at most most times.
func passed(most int, ask func() (time.Duration, bool)) (count int, wait time.Duration) {
	for count < most {
		wait, ok := ask()
		if !ok {
			return count, wait
		}
		count++
	}
	return count, 0
}

func TestBurstThenRate(t *testing.T) {
	for name, c := range map[string]struct {
		options Options
		ask     func(*Limiter) (time.Duration, bool)
		burst   int
		wait    time.Duration
		// again is how many pass a tenth of a second later.
		again int
	}{
		"all": {Options{Rate: 2000}, (*Limiter).Signed, 2000, 500 * time.Microsecond, 200},
		"one log": {Options{OriginRate: 50}, func(l *Limiter) (time.Duration, bool) { return l.Growth("a", 0) },
			200, 20 * time.Millisecond, 5},
		"unknown": {Options{UnknownRate: 20}, (*Limiter).Unknown, 20, 50 * time.Millisecond, 2},
		"a log with requests a day": {Options{OriginRate: 50}, func(l *Limiter) (time.Duration, bool) { return l.Growth("a", 8640) },
			10, 10 * time.Second, 0},
		"a log with many requests a day": {Options{}, func(l *Limiter) (time.Duration, bool) { return l.Growth("a", 8_640_000) },
			400, 10 * time.Millisecond, 10},
		"one request in ten seconds": {Options{UnknownRate: 0.1}, (*Limiter).Unknown, 1, 10 * time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			limiter, at := newLimiter(c.options)
			ask := func() (time.Duration, bool) { return c.ask(limiter) }
			count, wait := passed(10_000, ask)
			if count != c.burst || (wait-c.wait).Abs() > time.Microsecond {
				t.Fatalf("got %d at once and then a wait of %v, want %d and %v", count, wait, c.burst, c.wait)
			}
			at.now = at.now.Add(100 * time.Millisecond)
			if count, _ := passed(10_000, ask); count != c.again {
				t.Errorf("a tenth of a second later %d pass, want %d", count, c.again)
			}
		})
	}
}

// TestWaitIsLongEnough: who waits as long as it was told passes.
func TestWaitIsLongEnough(t *testing.T) {
	limiter, at := newLimiter(Options{OriginRate: 3})
	ask := func() (time.Duration, bool) { return limiter.Growth("a", 0) }
	passed(100, ask)
	for i := range 1000 {
		wait, ok := ask()
		if ok {
			t.Fatalf("try %d passes without a wait", i)
		}
		at.now = at.now.Add(wait + time.Nanosecond)
		if wait, ok := ask(); !ok {
			t.Fatalf("try %d: refused after the wait, now %v", i, wait)
		}
	}
}

func TestRefusedTakesNothing(t *testing.T) {
	limiter, at := newLimiter(Options{OriginRate: 10})
	ask := func() (time.Duration, bool) { return limiter.Growth("a", 0) }
	passed(1000, ask)
	for range 1000 {
		ask()
	}
	at.now = at.now.Add(time.Second)
	if count, _ := passed(1000, ask); count != 10 {
		t.Errorf("a second after a thousand refusals %d pass, want 10", count)
	}
}

func TestZeroIsNoLimit(t *testing.T) {
	limiter, _ := newLimiter(Options{})
	for name, ask := range map[string]func() (time.Duration, bool){
		"all": limiter.Signed, "unknown": limiter.Unknown,
		"one log": func() (time.Duration, bool) { return limiter.Growth("a", 0) },
	} {
		if count, wait := passed(100_000, ask); count != 100_000 {
			t.Errorf("%s: %d pass, then a wait of %v", name, count, wait)
		}
	}
	if count, _ := passed(100, func() (time.Duration, bool) { return limiter.Growth("listed", 1) }); count != leastBurst {
		t.Errorf("a log with one request a day: %d pass at once, want %d", count, leastBurst)
	}
}

// TestLogsDoNotTakeFromEachOther: nor do unknown ones from a followed one.
func TestLogsDoNotTakeFromEachOther(t *testing.T) {
	limiter, _ := newLimiter(Options{OriginRate: 1, UnknownRate: 1})
	passed(100, limiter.Unknown)
	for i := range 10 {
		count, _ := passed(100, func() (time.Duration, bool) { return limiter.Growth(fmt.Sprint(i), 0) })
		if count != 4 {
			t.Errorf("log %d: %d pass, want 4", i, count)
		}
	}
}

func TestChangedRequestsADay(t *testing.T) {
	limiter, _ := newLimiter(Options{OriginRate: 1})
	for _, c := range []struct {
		perDay uint64
		want   int
	}{{0, 4}, {0, 0}, {8640, 10}, {8640, 0}, {0, 4}, {1<<64 - 1, 1000}} {
		if count, _ := passed(1000, func() (time.Duration, bool) { return limiter.Growth("a", c.perDay) }); count != c.want {
			t.Errorf("%d requests a day: %d pass, want %d", c.perDay, count, c.want)
		}
	}
	if len(limiter.origins) != 1 {
		t.Errorf("one log has %d buckets", len(limiter.origins))
	}
}

func TestConcurrently(t *testing.T) {
	limiter, _ := newLimiter(Options{OriginRate: 25})
	var mu sync.Mutex
	total := 0
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			count, _ := passed(1000, func() (time.Duration, bool) { return limiter.Growth("a", 0) })
			mu.Lock()
			defer mu.Unlock()
			total += count
		})
	}
	group.Wait()
	if total != 100 {
		t.Errorf("%d requests passed, want 100", total)
	}
}
