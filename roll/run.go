package roll

import (
	"context"
	"time"
)

// Run steps until the context ends, which is no error, or the log misbehaves: then the
// error is a *MisbehavedError.
func (s *Signer) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer s.submissions.Wait()
	defer cancel()
	// Submissions do not wait for a step: a log that is slow to read may still write.
	s.submissions.Go(func() { s.submitAll(ctx) })
	poll := time.NewTicker(s.config.Poll)
	defer poll.Stop()
	s.run(true)
	defer s.run(false)
	for {
		if err := s.Step(ctx); err != nil {
			return err
		}
		stepped := time.Now()
		s.run(true)
		select {
		case <-ctx.Done():
			return nil
		case <-poll.C:
		case <-s.behind:
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(min(leastPause, s.config.Poll) - time.Since(stepped)):
			}
		}
	}
}

// run tells those who wait that a step has ended, and whether another one follows.
func (s *Signer) run(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = on
	close(s.ended)
	s.ended = make(chan struct{})
}

// submitAll submits what was handed in, at once and again until it is in the log.
func (s *Signer) submitAll(ctx context.Context) {
	again := time.NewTicker(min(retryAfter, max(s.config.Poll, time.Millisecond)))
	defer again.Stop()
	for {
		s.submitWithdrawals(ctx)
		select {
		case <-ctx.Done():
			return
		case <-s.handed:
		case <-again.C:
		}
	}
}
