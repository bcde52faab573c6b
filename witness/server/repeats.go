package server

import (
	"sync"
	"time"

	"github.com/muster-log/muster/witness"
)

const (
	// repeatEvery is how often the same is said again in the operator's log.
	repeatEvery = 10 * time.Second
	// maxRepeats bounds how much is remembered to have been said, and with
	// repeatEvery how many lines a second there can be.
	maxRepeats = 1024
)

// repeats keeps who makes the same alarm ring all the time from filling the
// operator's log: each line stands once in repeatEvery for each log.
type repeats struct {
	mu   sync.Mutex
	said map[alarm]*said
}

type alarm struct {
	origin string
	kind   witness.Kind
}

type said struct {
	last     time.Time
	withheld int
}

func newRepeats() *repeats { return &repeats{said: map[alarm]*said{}} }

// say reports whether a line may be said now, and how many like it were withheld
// since the last.
func (r *repeats) say(origin string, kind witness.Kind, now time.Time) (withheld int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	which := alarm{origin, kind}
	if r.said[which] == nil && len(r.said) >= maxRepeats {
		for other, one := range r.said {
			if now.Sub(one.last) >= repeatEvery {
				delete(r.said, other)
			}
		}
		if len(r.said) >= maxRepeats {
			which.origin = "" // the rest share a line of each kind
		}
	}
	one := r.said[which]
	if one == nil {
		r.said[which] = &said{last: now}
		return 0, true
	}
	if now.Sub(one.last) < repeatEvery {
		one.withheld++
		return 0, false
	}
	withheld, one.withheld, one.last = one.withheld, 0, now
	return withheld, true
}
