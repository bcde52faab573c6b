package log

import (
	"context"
	"sync"
)

// published is the newest anchor and those who wait for the next one.
type published struct {
	mu      sync.Mutex
	anchor  Anchor
	stands  bool
	problem error
	changed chan struct{} // closed and replaced at every set
}

func (p *published) init() { p.changed = make(chan struct{}) }

func (p *published) set(anchor Anchor) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.anchor, p.stands, p.problem = anchor, true, nil
	close(p.changed)
	p.changed = make(chan struct{})
}

// fail keeps a problem until the next anchor; it tells whether it is a new one.
func (p *published) fail(err error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	same := p.problem != nil && p.problem.Error() == err.Error()
	p.problem = err
	return !same
}

func (p *published) newest() (Anchor, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.anchor, p.stands
}

// Checkpoint returns the newest anchor; ok is false before the first one.
func (l *Log) Checkpoint() (anchor Anchor, ok bool) { return l.published.newest() }

// WaitPublished returns the newest anchor as soon as it covers index. The error
// is the context's.
func (l *Log) WaitPublished(ctx context.Context, index uint64) (Anchor, error) {
	p := &l.published
	for {
		p.mu.Lock()
		anchor, changed := p.anchor, p.changed
		p.mu.Unlock()
		if anchor.Checkpoint.Size > index {
			return anchor, nil
		}
		select {
		case <-ctx.Done():
			return Anchor{}, ctx.Err()
		case <-changed:
		}
	}
}

// Status reports the state of the log now.
func (l *Log) Status() Status {
	status := Status{Origin: l.config.Origin, Witnesses: l.config.Cosigner.Witnesses()}
	l.mu.RLock()
	status.Size = l.durable.size
	status.fill(l.register, status.Size, l.config.Now())
	l.mu.RUnlock()
	p := &l.published
	p.mu.Lock()
	defer p.mu.Unlock()
	status.Published, status.Quorum = p.anchor.Checkpoint.Size, p.stands && p.problem == nil
	if p.problem != nil {
		status.Problem = p.problem.Error()
	}
	return status
}
