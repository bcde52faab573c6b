package log

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog"
)

// Receipt says where a submission stands in the log. The entry is durable.
type Receipt struct {
	Index  uint64
	Digest release.Digest // of the payload
	// Duplicate says that the payload was logged before, perhaps with another
	// set of signatures: the first one stands.
	Duplicate bool
}

// submission is one entry on its way to the tree's lock.
type submission struct {
	prepared *register.Prepared
	// beyond is why this log refuses what the register admits; nil: it does not.
	beyond error
	// claimed is set once: by who judges the entry, or by who gives it up.
	claimed atomic.Bool
	done    chan result // capacity 1
}

// claim reports whether the submission was free.
func (s *submission) claim() bool { return s.claimed.CompareAndSwap(false, true) }

type result struct {
	receipt Receipt
	err     error
}

// prepareSlots bounds how many submissions are parsed and verified at once, so
// that a flood of them costs waiting, not memory for every signature at once.
var prepareSlots = make(chan struct{}, 2*runtime.GOMAXPROCS(0))

// Submit admits and appends one entry and returns once it is durable, or once it
// is known that its payload already stands.
//
// The error is a *release.Refusal where the entry breaks a rule; it wraps
// ErrUnavailable where the log cannot accept it now and the same bytes may be
// sent again. When the context ends before the entry is judged, it is not
// appended. The entry is copied by nobody: it must not be changed afterwards.
func (l *Log) Submit(ctx context.Context, entry []byte) (Receipt, error) {
	if l.wrongTime.Load() {
		return Receipt{}, fmt.Errorf("%w: %w", ErrUnavailable, ErrClock)
	}
	prepared, err := l.prepare(ctx, entry)
	if err != nil {
		return Receipt{}, err
	}
	if receipt, ok := l.Lookup(prepared.Digest); ok {
		return receipt, nil
	}
	if l.rolledBack.Load() {
		return Receipt{}, fmt.Errorf("%w: %w", ErrUnavailable, ErrRolledBack)
	}
	s := &submission{prepared: prepared, beyond: l.checkBeyond(ctx, prepared), done: make(chan result, 1)}
	select {
	case l.queue <- s:
	default:
		return Receipt{}, fmt.Errorf("%w: %d submissions are waiting", ErrUnavailable, cap(l.queue))
	}
	if len(l.queue) >= maxBatch {
		select {
		case l.crowded <- struct{}{}:
		default:
		}
	}
	select {
	case r := <-s.done:
		return r.receipt, r.err
	case <-ctx.Done():
		if s.claim() {
			return Receipt{}, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
		}
		return Receipt{}, fmt.Errorf("%w: %w while the entry was written; send it again to learn its index", ErrUnavailable, ctx.Err())
	case <-l.stopped:
	}
	// Nothing is admitted any more; the answer may have come just before.
	select {
	case r := <-s.done:
		return r.receipt, r.err
	default:
		return Receipt{}, fmt.Errorf("%w: it is shutting down", ErrUnavailable)
	}
}

// prepare does the work that needs no lock.
func (l *Log) prepare(ctx context.Context, entry []byte) (*register.Prepared, error) {
	if len(entry) > release.MaxEntry {
		return register.Prepare(entry, nil) // which says so, at once
	}
	select {
	case prepareSlots <- struct{}{}:
		defer func() { <-prepareSlots }()
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
	l.mu.RLock()
	authority, _ := l.register.Authority()
	l.mu.RUnlock()
	return register.Prepare(entry, authority, l.config.Register...)
}

// Lookup finds the durable entry that holds a payload, by the payload's digest.
func (l *Log) Lookup(payload release.Digest) (Receipt, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	index, ok := l.register.Lookup(payload)
	if !ok || index >= l.durable.size {
		return Receipt{}, false
	}
	return Receipt{Index: index, Digest: payload, Duplicate: true}, true
}

// admitLoop is the only goroutine that appends. It takes what waits, in order,
// as one batch. Under load it begins a batch only gatherInterval after the one
// before, or once a whole batch waits: files and syncs are by the batch.
func (l *Log) admitLoop(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case first := <-l.queue:
			started := time.Now()
			batch := l.batch(first)
			l.admitBatch(ctx, batch)
			if len(batch) >= loadBatch {
				l.gather(ctx, gatherInterval-time.Since(started))
			}
		}
	}
}

// gather waits for a duration, for a whole batch or for the end of the context.
func (l *Log) gather(ctx context.Context, d time.Duration) {
	select {
	case <-l.crowded: // perhaps of submissions that the last batch took
	default:
	}
	if d <= 0 || len(l.queue) >= maxBatch {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-l.crowded:
	}
}

func (l *Log) batch(first *submission) []*submission {
	batch := []*submission{first}
	for len(batch) < maxBatch {
		select {
		case s := <-l.queue:
			batch = append(batch, s)
		default:
			return batch
		}
	}
	return batch
}

// admitBatch judges a batch under the tree's lock, appends what is admitted and
// answers every submission once that is durable. Until then nothing but later
// judgements of this goroutine knows of it: not the publisher, and not Lookup.
func (l *Log) admitBatch(ctx context.Context, batch []*submission) {
	results := make([]result, len(batch))
	admitted := 0
	_, err := l.config.Appender.Append(ctx, func(size uint64) ([][]byte, error) {
		if err := l.catchUp(ctx, size); err != nil {
			return nil, err
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		var entries [][]byte
		for i, s := range batch {
			if !s.claim() {
				continue // its submitter gave up
			}
			if results[i] = l.judge(s); results[i].err == nil && !results[i].receipt.Duplicate {
				entries = append(entries, s.prepared.Entry)
			}
		}
		admitted = len(entries)
		return entries, nil
	})
	if err != nil {
		l.failed(ctx, batch, results, admitted, err)
	} else {
		l.mu.Lock()
		l.settle()
		l.mu.Unlock()
	}
	for i, s := range batch {
		s.done <- results[i]
	}
	if admitted > 0 {
		l.wakePublisher()
	}
}

// checkBeyond judges what this log refuses beyond the register.
func (l *Log) checkBeyond(ctx context.Context, p *register.Prepared) error {
	if err := l.checkKeys(p); err != nil {
		return err
	}
	return l.checkRoll(ctx, p)
}

// judge admits one entry and gives it its effect, with l.mu held.
func (l *Log) judge(s *submission) result {
	p := s.prepared
	if index, ok := l.register.Lookup(p.Digest); ok {
		return result{receipt: Receipt{Index: index, Digest: p.Digest, Duplicate: true}}
	}
	if err := l.register.Admit(p, l.config.Now()); err != nil {
		return result{err: err}
	}
	if s.beyond != nil {
		return result{err: s.beyond}
	}
	outcome := l.register.ApplyPrepared(p)
	l.frontier.Append(tlog.LeafHash(p.Entry))
	l.recent.put(outcome.Index, p)
	return result{receipt: Receipt{Index: outcome.Index, Digest: p.Digest}}
}

// failed replaces the results of a batch whose append failed by what the storage
// now holds: an entry that is there was accepted. All others may be sent again,
// refused ones too: what they were refused for may not have been stored.
func (l *Log) failed(ctx context.Context, batch []*submission, results []result, admitted int, err error) {
	if ctx.Err() != nil && admitted == 0 {
		err = errors.New("it is shutting down")
	} else {
		l.config.Logger.Error("append failed", "entries", admitted, "error", err)
		err = fmt.Errorf("the storage failed: %w", err)
	}
	if admitted > 0 {
		// The register is ahead of the storage now, or the storage ahead of what
		// it acknowledged: only the stored entries can tell.
		l.doubt = true
		if replayErr := l.replay(ctx); replayErr != nil {
			l.config.Logger.Error("replay after a failed append", "error", replayErr)
		}
	}
	for i := range results {
		before := results[i]
		results[i] = result{err: fmt.Errorf("%w: %w", ErrUnavailable, err)}
		if receipt, ok := l.Lookup(batch[i].prepared.Digest); ok {
			receipt.Duplicate = before.receipt.Duplicate
			results[i] = result{receipt: receipt}
		}
	}
}

// catchUp applies entries that another server of this log appended, and makes
// good a replay that failed.
func (l *Log) catchUp(ctx context.Context, size uint64) error {
	if l.doubt {
		return l.replay(ctx)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := l.register.Size(); known > size {
		return fmt.Errorf("the storage holds %d entries, %d were known before: it was rolled back", size, known)
	}
	return l.eachEntry(ctx, l.register.Size(), size, func(_ uint64, entry []byte) error {
		before := l.register.Void()
		l.logVoid(before, []register.Outcome{l.register.Apply(entry)})
		l.frontier.Append(tlog.LeafHash(entry))
		return nil
	})
}
