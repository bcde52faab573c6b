package server

import (
	"sync"
	"time"
)

// bucket is a token bucket, full at the start: burst at once, and perSecond of them a
// second in the long run.
type bucket struct {
	burst, perSecond float64

	mu     sync.Mutex
	spent  float64 // of burst
	filled time.Time
}

// take takes a token; false if there is none at that time. A clock that goes back fills
// nothing.
func (b *bucket) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if since := now.Sub(b.filled); since > 0 {
		b.spent = max(0, b.spent-since.Seconds()*b.perSecond)
		b.filled = now
	}
	if b.spent+1 > b.burst {
		return false
	}
	b.spent++
	return true
}
