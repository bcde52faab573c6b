package server

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/verify"
)

// The bounds of how long a node waits before it seeks a newer bundle.
const (
	minPause   = 5 * time.Second
	maxPause   = time.Hour
	retryPause = 30 * time.Second
	fetchTime  = time.Minute
)

// Renewal keeps the bundle of a node young: a release's proof grows old, and a newer one
// of the same release needs no reboot.
type Renewal struct {
	// Fetch returns the newest bundle of the release, from anywhere.
	Fetch func(ctx context.Context, judged verify.Judged) ([]byte, error)
	// Judge judges a bundle together with this machine, as a client would.
	Judge func(bundle []byte) *verify.Verdict
	// Store keeps a bundle that was taken, for the next start; nil: nowhere.
	Store func(bundle []byte) error

	pause func(context.Context, time.Duration) bool // nil: a timer
}

// run takes newer bundles until the context ends.
func (r *Renewal) run(ctx context.Context, first []byte, take func([]byte), logger *slog.Logger) {
	pause := r.pause
	if pause == nil {
		pause = sleep
	}
	current := r.Judge(first)
	wait := untilNext(current, time.Now())
	for pause(ctx, wait) {
		bundle, verdict, err := r.next(ctx, current)
		if err != nil {
			wait = retryPause
			logger.Warn("no newer bundle: clients refuse this node when the one it has is too old", "error", err, "deadline", current.Deadline)
			continue
		}
		take(bundle)
		current, wait = verdict, untilNext(verdict, time.Now())
		if verdict.Result == verify.Pass {
			logger.Info("newer bundle", "size", verdict.Judged.Size, "deadline", verdict.Deadline)
		} else {
			logger.Error("the release is withdrawn: clients refuse this node from now on", "release", verdict.Judged.Release.Version)
		}
		if r.Store != nil {
			if err := r.Store(bundle); err != nil {
				logger.Warn("the newer bundle is not kept for the next start", "error", err)
			}
		}
	}
}

// next fetches a bundle and says whether it is to be taken: one of this very release,
// not older, that passes; or one that is good but for its roll, which does not list
// the release any more. A node that went on with the older one would hide that.
func (r *Renewal) next(ctx context.Context, current *verify.Verdict) ([]byte, *verify.Verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	bundle, err := r.Fetch(ctx, current.Judged)
	if err != nil {
		return nil, nil, err
	}
	verdict := r.Judge(bundle)
	for _, check := range verdict.Checks {
		if check.Decisive() && check.Code != verify.CodeRollLive {
			return nil, nil, fmt.Errorf("the log's newest bundle: %s: expected %s, found %s", check.Code, check.Expected, check.Found)
		}
	}
	if got, want := identityOf(verdict), identityOf(current); got != want {
		return nil, nil, fmt.Errorf("the log's newest bundle is of another release: got identity %s, want %s", got, want)
	}
	if verdict.Judged.Size < current.Judged.Size {
		return nil, nil, fmt.Errorf("the log's newest bundle is of size %d, the one before of %d", verdict.Judged.Size, current.Judged.Size)
	}
	return bundle, verdict, nil
}

func identityOf(v *verify.Verdict) release.Digest {
	if v.Judged.Release == nil {
		return release.Digest{}
	}
	return v.Judged.Release.Identity()
}

// untilNext is a third of what is left of a verdict, so that two tries may fail, and
// a tenth more or less, so that not all nodes ask at once.
func untilNext(v *verify.Verdict, now time.Time) time.Duration {
	wait := maxPause
	if !v.Deadline.IsZero() {
		wait = min(wait, v.Deadline.Sub(now)/3)
	}
	wait = max(wait, minPause)
	return wait - wait/10 + rand.N(wait/5)
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
