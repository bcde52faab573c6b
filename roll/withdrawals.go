package roll

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	rollremote "github.com/muster-log/muster/roll/remote"
)

// maxSubmissions bounds the withdrawals that are submitted at once.
const maxSubmissions = 8

// ErrNotReady says that the log has not been followed yet: nothing can be judged.
var ErrNotReady = errors.New("the log has not been read yet: hand it in again in a moment")

// ErrFull says that as many withdrawals wait already, or were refused, as may.
var ErrFull = fmt.Errorf("%d withdrawals of the product wait already, or %d together; or %d of the product are refused since the authority changed, or %d together, and wait to be dropped", maxOfProduct, MaxSpooled, maxRefusedOfProduct, maxRefused)

// BehindError says that a withdrawal names what the log may hold, and that the log could
// not be read as far as that: it may be handed in again once it can. It is what a refusal
// for an unknown target or authority is worth while the log cannot be followed.
type BehindError struct {
	// Size is how far the log is followed.
	Size uint64
	// Refusal is what the withdrawal comes to as far as that.
	Refusal error
}

func (e *BehindError) Error() string {
	return fmt.Sprintf("the log is followed to size %d only and cannot be read on at the moment: hand it in again when it can (%v)", e.Size, e.Refusal)
}

func (e *BehindError) Unwrap() error { return e.Refusal }

// CodeProductNotSigned: a withdrawal of a product that this roll signer does not sign.
const CodeProductNotSigned release.Code = "product-not-signed"

// Hand is Read and Take.
func (s *Signer) Hand(ctx context.Context, envelope []byte) (rollremote.Withdrawal, error) {
	h, err := s.Read(envelope)
	if err != nil {
		return rollremote.Withdrawal{}, err
	}
	return s.Take(ctx, h)
}

// judgeWithdrawal judges a withdrawal as the log would now; mu is held.
func (s *Signer) judgeWithdrawal(prepared *register.Prepared, now time.Time) error {
	return s.follower.State().Admit(prepared, now)
}

// Withdrawal says what became of a withdrawal by its payload digest; false if it never
// was handed in here, and the log does not hold it.
func (s *Signer) Withdrawal(digest release.Digest) (rollremote.Withdrawal, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(digest)
}

func (s *Signer) find(digest release.Digest) (rollremote.Withdrawal, bool) {
	if one := s.spool.waiting[digest]; one != nil {
		return s.tell(one), true
	}
	if s.checkpoint() == nil {
		return rollremote.Withdrawal{}, false
	}
	index, ok := s.follower.State().Lookup(digest)
	if !ok || index >= s.checkpoint().Size {
		return rollremote.Withdrawal{}, false
	}
	record, _ := s.follower.State().Entry(index)
	if record.Type != release.TypeWithdrawal {
		return rollremote.Withdrawal{}, false
	}
	target, _ := s.follower.State().Entry(record.Target)
	return rollremote.Withdrawal{Digest: digest, Product: record.Product, Target: target.Digest, State: rollremote.StateLogged, Index: &index}, true
}

func (s *Signer) tell(one *spooled) rollremote.Withdrawal {
	told := rollremote.Withdrawal{Digest: one.prepared.Digest, Product: one.stated.Product, Target: one.stated.Target, State: rollremote.StateWaiting,
		HandedIn: one.HandedIn, Deadline: one.HandedIn.Add(WithdrawalDeadline)}
	switch {
	case one.refusal != nil:
		told.State, told.Code, told.Detail = rollremote.StateRefused, one.refusal.Code, one.refusal.Error()
	case one.failure != nil:
		told.Detail = one.failure.Error()
	}
	return told
}

// judgeSpool finds out what became of the withdrawals that wait, and raises the alarms
// that stop the rolls of their products; mu is held.
func (s *Signer) judgeSpool(now time.Time) {
	for _, one := range s.spool.all() {
		digest, product := one.prepared.Digest, one.stated.Product
		if s.logged(digest) {
			one.refusal = nil
			if !s.durable(digest) {
				continue // the alarm of the state directory stands
			}
			s.config.Logger.Info("a withdrawal is in the log", "digest", digest, "product", product, "after", now.Sub(one.HandedIn).Round(time.Second))
			s.forget(digest)
			continue
		}
		one.refusal = nil
		if refusal, ok := errors.AsType[*release.Refusal](s.judgeWithdrawal(one.prepared, now)); ok && refusal.Code != register.CodeIssuedAheadOfClock {
			if s.covered(one) {
				s.config.Logger.Warn("a withdrawal that is not admitted any more is given up: a newer one covers its target", "digest", digest, "product", product, "code", refusal.Code)
				s.forget(digest)
				continue
			}
			one.refusal = refusal
		}
		if err := s.spool.mark(one); err != nil {
			s.alarms.raise(now, alarmKey{code: AlarmState, product: product}, true, err.Error())
		}
		key := alarmKey{AlarmWithdrawalOverdue, product, digest}
		// A clock that went back does not gain time.
		overdue := now.Sub(one.HandedIn) >= WithdrawalDeadline || one.HandedIn.Sub(now) > time.Minute
		switch {
		case one.refusal != nil:
			key.code = AlarmWithdrawalRefused
			s.alarms.raise(now, key, overdue, fmt.Sprintf("the withdrawal %s of %s, handed in at %s, must be signed again: %v", digest, one.stated.Target, release.FormatTime(one.HandedIn), one.refusal))
		case overdue:
			s.alarms.raise(now, key, true, fmt.Sprintf("the withdrawal %s of %s, handed in at %s, is not in the log: %s", digest, one.stated.Target, release.FormatTime(one.HandedIn), one.reason()))
		}
	}
}

// reason says why it may not be in the log yet.
func (one *spooled) reason() string {
	switch {
	case one.taken:
		return "the log took it, and does not show it"
	case one.failure != nil:
		return one.failure.Error()
	}
	return "it has not been submitted since this process began"
}

func (s *Signer) forget(digest release.Digest) {
	if err := s.spool.remove(digest); err != nil {
		s.config.Logger.Warn("the file of a withdrawal could not be removed", "digest", digest, "error", err)
	}
}

// covered reports whether a newer withdrawal took the place of one that is not admitted
// any more: nothing is live that it would end, and its target is withdrawn by one that
// was logged after it was handed in, and under a later authority, as one that was signed
// in its place is. An older one does not count: who lifts that by a release knows nothing
// of this one. Nor does what a restart might not find again. mu is held.
func (s *Signer) covered(one *spooled) bool {
	state, size := s.follower.State(), s.checkpoint().Size
	covers := state.Covered(one.stated.Target, size)
	if len(covers) == 0 {
		return false
	}
	live, _ := state.LiveAt(one.stated.Product, size)
	if slices.ContainsFunc(live, func(entry register.LiveRelease) bool { return slices.Contains(covers, entry.Index) }) {
		return false
	}
	target := covers[0] // an image, which precedes what names it
	if record, _ := state.Entry(target); record.Type == release.TypeRelease {
		target = covers[len(covers)-1] // the newest entry of it, which stands for all
	}
	for _, by := range state.WithdrawnBy(target, size) {
		_, under := state.AuthorityAt(by)
		if by >= one.Size && by < s.saved && under != one.stated.Authority {
			return true
		}
	}
	return false
}

// submitWithdrawals starts to send to the log what waits and can be admitted, and is
// not being sent already: first what was not tried for the longest time, so that
// those which the log keeps refusing hold up no other.
func (s *Signer) submitWithdrawals(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	under := 0
	for _, one := range s.spool.waiting {
		if one.submitting {
			under++
		}
	}
	waiting := s.spool.all()
	slices.SortStableFunc(waiting, func(x, y *spooled) int { return cmp.Compare(x.tried, y.tried) })
	for _, one := range waiting {
		if one.submitting || one.refusal != nil || under >= maxSubmissions {
			continue
		}
		s.tries++
		one.submitting, one.tried = true, s.tries
		under++
		s.submissions.Go(func() { s.submitWithdrawal(ctx, one) })
	}
}

func (s *Signer) submitWithdrawal(ctx context.Context, one *spooled) {
	submitting, cancel := context.WithTimeout(ctx, submitTimeout)
	defer cancel()
	receipt, err := s.config.Log.Submit(submitting, one.Envelope, nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	one.submitting = false
	if err != nil && ctx.Err() != nil {
		return // told to end: that is no failure of the log
	}
	one.failure, one.taken = err, one.taken || err == nil
	if err != nil {
		level := slog.LevelDebug
		if now := s.now(); one.warned.IsZero() || now.Sub(one.warned) >= repeatAlarm {
			level, one.warned = slog.LevelWarn, now
		}
		s.config.Logger.Log(ctx, level, "a withdrawal could not be submitted, and is tried again", "digest", one.prepared.Digest, "product", one.stated.Product, "error", err)
		return
	}
	s.config.Logger.Info("the log took a withdrawal", "digest", one.prepared.Digest, "product", one.stated.Product, "index", receipt.Index)
}
