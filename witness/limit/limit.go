// Package limit bounds how often a witness is asked: by all followed logs, for
// the growth of one and for what is not growth, and for all logs together that it
// does not follow. It
// implements [witness.Limiter] with the token buckets of
// golang.org/x/time/rate.
//
// A request that is refused takes nothing from a bucket: who asks too often is
// slowed down to the rate and not shut out. The limits hold for one process and
// are forgotten with it.
package limit

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/muster-log/muster/witness"
)

const (
	// DefaultRate is how many signed requests a second are taken altogether: above it a small machine has no time left for signatures.
	DefaultRate = 2000
	// DefaultOriginRate is how many a second one log may make: several times
	// what a log needs that publishes ten times a second and repeats itself.
	DefaultOriginRate = 50
	// DefaultUnknownRate is how many a second are looked up in vain, for all
	// unknown origins together: enough for a log whose operator waits for it
	// to be added.
	DefaultUnknownRate = 20

	// originBurst is how many seconds' worth a log may ask for at once after a
	// pause, burst the same for the buckets that many share.
	originBurst = 4
	burst       = 1
	// repeats is how many times more often a log may grow than ask for what is
	// not growth; leastRepeats of those may come at once.
	repeats      = 50
	leastRepeats = 20
	// leastBurst is the least that a log with so many requests a day may ask
	// for at once: a start, with its retries, is no abuse.
	leastBurst = 10

	day = 24 * time.Hour
)

// Options are the rates, in requests a second. Zero means no limit.
type Options struct {
	// Rate is for all requests together that a followed log has signed; a
	// second's worth may come at once.
	Rate float64
	// OriginRate is for the growth of each followed log of which nothing else is
	// known; four seconds' worth may come at once. Of what is signed and is not
	// growth, a fiftieth of that is taken besides.
	OriginRate float64
	// UnknownRate is for all origins together that are not followed; a
	// second's worth may come at once.
	UnknownRate float64
	// Now is a clock that does not step back; nil means time.Now, which is
	// monotonic within a process.
	Now func() time.Time
}

// Limiter holds the buckets: two, and two for each followed log that has ever
// asked since the start. It is safe for concurrent use.
type Limiter struct {
	now          func() time.Time
	all, unknown *rate.Limiter
	originRate   float64

	mu      sync.Mutex
	origins map[string]*origin
}

// origin is the buckets of one log and what they were made for.
type origin struct {
	perDay         uint64
	growth, repeat *rate.Limiter
}

var _ witness.Limiter = (*Limiter)(nil)

// New returns a limiter whose buckets are full.
func New(options Options) *Limiter {
	if options.Now == nil {
		options.Now = time.Now
	}
	return &Limiter{
		now:        options.Now,
		all:        bucket(options.Rate, burst, 1),
		unknown:    bucket(options.UnknownRate, burst, 1),
		originRate: options.OriginRate,
		origins:    make(map[string]*origin),
	}
}

// Signed implements [witness.Limiter].
func (l *Limiter) Signed() (wait time.Duration, ok bool) { return take(l.all, l.now()) }

// Unknown implements [witness.Limiter].
func (l *Limiter) Unknown() (wait time.Duration, ok bool) { return take(l.unknown, l.now()) }

// Growth implements [witness.Limiter]. A perDay that has changed counts from the
// next request on, with full buckets.
func (l *Limiter) Growth(name string, perDay uint64) (wait time.Duration, ok bool) {
	return take(l.of(name, perDay).growth, l.now())
}

// Repeat implements [witness.Limiter].
func (l *Limiter) Repeat(name string, perDay uint64) (wait time.Duration, ok bool) {
	return take(l.of(name, perDay).repeat, l.now())
}

// of returns the buckets of a log.
func (l *Limiter) of(name string, perDay uint64) *origin {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.origins[name]
	if of == nil || of.perDay != perDay {
		perSecond, least := l.originRate, 1
		if perDay != 0 {
			perSecond, least = float64(perDay)/day.Seconds(), leastBurst
		}
		of = &origin{perDay: perDay, growth: bucket(perSecond, originBurst, least), repeat: bucket(perSecond/repeats, originBurst, leastRepeats)}
		l.origins[name] = of
	}
	return of
}

// bucket makes a full bucket of a rate a second that holds so many seconds'
// worth, and at least least.
func bucket(perSecond float64, seconds float64, least int) *rate.Limiter {
	if perSecond <= 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	size := math.Ceil(perSecond * seconds)
	return rate.NewLimiter(rate.Limit(perSecond), int(min(max(size, float64(least)), math.MaxInt32)))
}

// take takes one token, or says when there will be one.
func take(bucket *rate.Limiter, now time.Time) (wait time.Duration, ok bool) {
	if bucket.AllowN(now, 1) {
		return 0, true
	}
	missing := 1 - bucket.TokensAt(now)
	seconds := max(missing, 0) / float64(bucket.Limit())
	return max(time.Duration(min(seconds, day.Seconds())*float64(time.Second)), 1), false
}
