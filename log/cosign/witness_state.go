package cosign

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/muster-log/muster/log"
)

const (
	// firstBackoff and lastBackoff bound how long a failing witness is left
	// alone; the pause doubles from one to the other.
	firstBackoff = 500 * time.Millisecond
	lastBackoff  = 30 * time.Second

	// UnknownBackoff bounds it for a witness that has never cosigned the log and
	// does not know it: its operator may add the log at any moment.
	UnknownBackoff = 3 * time.Second
)

// witness is what the group knows of one endpoint.
type witness struct {
	endpoint
	names []string

	mu       sync.Mutex
	busy     bool
	size     uint64 // the size it cosigned last, known from its cosignature
	cosigned time.Time
	failed   error
	failures int
	retryAt  time.Time
	alarm    string
}

// ask runs one exchange, from the size that the witness is believed to hold, and
// records how it went. It goes on after the round has ended, because the witness
// may cosign all the same.
func (g *Group) ask(ctx context.Context, w *witness, r request, from uint64) outcome {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), g.options.Timeout)
	defer cancel()
	result, err := w.addCheckpoint(ctx, min(from, r.checkpoint.Size), r, g.options.Now())

	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy = false
	now := g.options.Now()
	for _, size := range result.conflicts {
		if size < w.size {
			w.alarm = fmt.Sprintf("lost state: it cosigned size %d and then answered that it holds %d", w.size, size)
			g.options.Logger.Error("witness lost state", "witness", w.name(), "cosigned", w.size, "answered", size)
			break
		}
	}
	if err != nil {
		w.fail(g, err, now)
		return outcome{witness: w, err: err}
	}
	if w.failures > 0 {
		g.options.Logger.Info("witness cosigns again", "witness", w.name(), "after failures", w.failures)
	}
	w.failed, w.failures, w.retryAt = nil, 0, time.Time{}
	w.size = r.checkpoint.Size
	w.cosigned = now
	return outcome{witness: w, lines: result.lines}
}

// fail records a failure, with w.mu held.
func (w *witness) fail(g *Group, err error, now time.Time) {
	if w.failures == 0 || err.Error() != w.failed.Error() && !(isRateLimited(err) && isRateLimited(w.failed)) {
		g.options.Logger.Warn("witness does not cosign", "witness", w.name(), "url", w.url, "error", err)
	}
	w.failed = err
	backoff := min(firstBackoff<<min(w.failures, 16), lastBackoff)
	if errors.Is(err, ErrUnknownLog) && w.size == 0 {
		backoff = min(backoff, UnknownBackoff)
	}
	if errors.Is(err, ErrLarger) || errors.Is(err, ErrContradiction) {
		w.alarm = err.Error()
		backoff = lastBackoff // a person has to look into it
	}
	if limited, ok := errors.AsType[*RateLimitedError](err); ok {
		backoff = max(backoff, limited.RetryAfter)
	}
	w.retryAt = now.Add(backoff)
	w.failures++
}

// status is what is known of the witness, under each of its names.
func (w *witness) status() []log.WitnessStatus {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([]log.WitnessStatus, len(w.names))
	for i, name := range w.names {
		all[i] = log.WitnessStatus{Name: name, Key: w.keys[i], URL: w.url, Size: w.size, Cosigned: w.cosigned, Alarm: w.alarm, RetryAt: w.retryAt}
		if w.failed != nil {
			all[i].Error = w.failed.Error()
			all[i].Unreachable = unreachable(w.failed)
			all[i].UnknownLog = errors.Is(w.failed, ErrUnknownLog)
		}
	}
	return all
}

// signsBehindUs reports whether its last time stamp was far behind our clock.
func (w *witness) signsBehindUs() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Is(w.failed, errBehindUs)
}

// contradicts reports whether it last said that it holds another history.
func (w *witness) contradicts() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Is(w.failed, ErrLarger) || errors.Is(w.failed, ErrContradiction)
}

// remember takes over a size that the witness is known to have cosigned.
func (w *witness) remember(size uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.size = max(w.size, size)
}

func (w *witness) cosignedSize() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.size
}

// start claims the witness for a round unless it is busy or left alone.
func (w *witness) start(now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy || now.Before(w.retryAt) {
		return false
	}
	w.busy = true
	return true
}

// startProbe claims the witness for a probe, which waits for no back-off but one
// that the witness asked for.
func (w *witness) startProbe(now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy || isRateLimited(w.failed) && now.Before(w.retryAt) {
		return false
	}
	w.busy = true
	return true
}

func isRateLimited(err error) bool {
	_, ok := errors.AsType[*RateLimitedError](err)
	return ok
}

func (w *witness) name() string { return strings.Join(w.names, ",") }
