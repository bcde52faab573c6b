package log

import (
	"context"
	"errors"
	"fmt"
	"runtime"

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
	done     chan result // capacity 1
}

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
// sent again. The entry is copied by nobody: it must not be changed afterwards.
func (l *Log) Submit(ctx context.Context, entry []byte) (Receipt, error) {
	prepared, err := l.prepare(ctx, entry)
	if err != nil {
		return Receipt{}, err
	}
	if receipt, ok := l.Lookup(prepared.Digest); ok {
		return receipt, nil
	}
	s := &submission{prepared: prepared, done: make(chan result, 1)}
	select {
	case l.queue <- s:
	default:
		return Receipt{}, fmt.Errorf("%w: %d submissions are waiting", ErrUnavailable, cap(l.queue))
	}
	select {
	case r := <-s.done:
		return r.receipt, r.err
	case <-ctx.Done():
		// The entry may still become durable; sent again it answers with its index.
		return Receipt{}, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
}

// prepare does the work that needs no lock.
func (l *Log) prepare(ctx context.Context, entry []byte) (*register.Prepared, error) {
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

// Lookup finds the entry that holds a payload, by the payload's digest.
func (l *Log) Lookup(payload release.Digest) (Receipt, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	index, ok := l.register.Lookup(payload)
	return Receipt{Index: index, Digest: payload, Duplicate: true}, ok
}

// admitLoop is the only goroutine that appends. It takes what waits, in order,
// as one batch.
func (l *Log) admitLoop(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case first := <-l.queue:
			l.admitBatch(ctx, l.batch(first))
		}
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
// answers every submission once that is durable.
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
			if results[i] = l.judge(s.prepared); results[i].err == nil && !results[i].receipt.Duplicate {
				entries = append(entries, s.prepared.Entry)
			}
		}
		admitted = len(entries)
		return entries, nil
	})
	if err != nil {
		l.config.Logger.Error("append failed", "entries", admitted, "error", err)
		err = fmt.Errorf("%w: the storage failed: %w", ErrUnavailable, err)
		// The register may be ahead of the storage now, or the storage ahead of
		// what it acknowledged: only the stored entries can tell.
		if replayErr := l.replay(ctx); replayErr != nil {
			l.config.Logger.Error("replay after a failed append", "error", replayErr)
			err = errors.Join(err, replayErr)
		}
		for i := range results {
			results[i] = l.afterFailure(batch[i].prepared, results[i], err)
		}
	}
	for i, s := range batch {
		s.done <- results[i]
	}
	if admitted > 0 {
		l.wakePublisher()
	}
}

// judge admits one entry and gives it its effect, with l.mu held.
func (l *Log) judge(p *register.Prepared) result {
	if index, ok := l.register.Lookup(p.Digest); ok {
		return result{receipt: Receipt{Index: index, Digest: p.Digest, Duplicate: true}}
	}
	if err := l.register.Admit(p, l.config.Now()); err != nil {
		return result{err: err}
	}
	outcome := l.register.ApplyPrepared(p)
	l.frontier.Append(tlog.LeafHash(p.Entry))
	return result{receipt: Receipt{Index: outcome.Index, Digest: p.Digest}}
}

// afterFailure is the answer for a submission of a batch whose append failed,
// judged by what the storage now holds: an entry that is there was accepted.
func (l *Log) afterFailure(p *register.Prepared, before result, err error) result {
	if receipt, ok := l.Lookup(p.Digest); ok {
		receipt.Duplicate = before.receipt.Duplicate
		return result{receipt: receipt}
	}
	if _, ok := errors.AsType[*release.Refusal](before.err); ok {
		return before
	}
	return result{err: err}
}

// catchUp applies entries that another server of this log appended.
func (l *Log) catchUp(ctx context.Context, size uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := l.register.Size(); known > size {
		return fmt.Errorf("the storage holds %d entries, %d were known before: it was rolled back", size, known)
	}
	return l.eachEntry(ctx, l.register.Size(), size, func(_ uint64, entry []byte) error {
		l.register.Apply(entry)
		l.frontier.Append(tlog.LeafHash(entry))
		return nil
	})
}

// drain answers what still waits when the log is closed.
func (l *Log) drain() {
	for {
		select {
		case s := <-l.queue:
			s.done <- result{err: fmt.Errorf("%w: it is shutting down", ErrUnavailable)}
		default:
			return
		}
	}
}
