package roll

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/muster-log/muster/log/remote"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
)

// submission is an attempt to submit a roll: one at a time of a product.
type submission struct {
	cancel context.CancelFunc
	// ended: what the log shows from the next update on may hold the roll.
	ended bool
}

// refusedRoll is a roll that the log refused, and why.
type refusedRoll struct {
	digest release.Digest
	size   uint64
	err    *remote.StatusError
	// at is since when every roll of the product was refused with that code.
	at time.Time
}

// sweep forgets the submissions that ended before an update began. One that ends during
// the update counts as under way until the next one, which sees what came of it.
func (s *Signer) sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, sending := range s.sending {
		if sending.ended {
			delete(s.sending, name)
		}
	}
}

// cancelRolls ends the submissions of products of which no roll may be sent now; mu is
// held.
func (s *Signer) cancelRolls(stopped func(product string) bool) {
	for name, sending := range s.sending {
		if !sending.ended && stopped(name) {
			s.config.Logger.Warn("the submission of a roll is ended: an alarm forbids it", "product", name)
			sending.cancel()
		}
	}
}

// waitsForLog reports whether a roll is on its way that says what a new one would.
func (s *Signer) waitsForLog(computed *release.Roll) bool {
	last, had := s.ledger.signed[computed.Product]
	return s.sending[computed.Product] != nil && had && slices.Equal(last.roll.Live, computed.Live) && last.roll.Authority == computed.Authority
}

// submitRoll starts to send a roll to the log, which may hold the request for as long as
// it likes: nobody waits for it. It takes the place of an older roll of the product that
// is under way.
func (s *Signer) submitRoll(ctx context.Context, roll signed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := roll.roll.Product
	if before := s.sending[name]; before != nil {
		before.cancel()
	}
	submitting, cancel := context.WithTimeout(ctx, submitTimeout)
	sending := &submission{cancel: cancel}
	s.sending[name] = sending
	s.submissions.Go(func() {
		defer cancel()
		s.sendRoll(submitting, roll, sending)
	})
}

// sendRoll sends a roll and notes the answer. Whether it arrived, the log itself shows.
func (s *Signer) sendRoll(ctx context.Context, roll signed, sending *submission) {
	name := roll.roll.Product
	receipt, err := s.config.Log.Submit(ctx, roll.Envelope, nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	sending.ended = true
	if s.sending[name] != sending || err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return // told to end, or a newer one took its place: that is no failure of the log
	}
	if err == nil {
		s.config.Logger.Info("submitted a roll", "product", name, "size", roll.roll.Size, "index", receipt.Index)
		delete(s.refused, name)
		return
	}
	now := s.now()
	s.retry[name] = now.Add(retryAfter)
	status, ok := errors.AsType[*remote.StatusError](err)
	if !ok || !status.Refused() {
		s.config.Logger.Warn("a roll could not be submitted", "product", name, "size", roll.roll.Size, "error", err)
		return
	}
	s.config.Logger.Warn("the log refused a roll", "product", name, "size", roll.roll.Size, "code", status.Code, "error", err)
	since := now
	if before := s.refused[name]; before != nil && before.err.Code == status.Code {
		since = before.at
	}
	s.refused[name] = &refusedRoll{digest: roll.digest, size: roll.roll.Size, err: status, at: since}
}

// judgeRefused raises the alarm of a roll that the log refused while one is due. That
// another signer of the product was faster is none, if the log shows that one's roll
// within the time that it may take to publish it. mu is held.
func (s *Signer) judgeRefused(now time.Time, product string, newest *release.Roll) {
	refused := s.refused[product]
	if refused == nil {
		return
	}
	if refused.err.Code == string(register.CodeRollSizeBack) {
		if newest != nil && newest.Size > refused.size {
			delete(s.refused, product)
			return
		}
		if now.Sub(refused.at) <= submitTimeout {
			return
		}
	}
	s.alarms.raise(now, alarmKey{code: AlarmRollRefused, product: product}, false, fmt.Sprintf("the log refuses the roll %s: %v", refused.digest, refused.err))
}

// judgeLate raises the alarms of a roll that is due and does not get into the log,
// however many were signed meanwhile: a log that grows and keeps out every one of them
// makes each new one young, and the newest that it shows old. mu is held.
func (s *Signer) judgeLate(now time.Time, product string, newest *release.Roll, reason Reason) {
	if reason == "" {
		delete(s.due, product)
		delete(s.refused, product)
		return
	}
	since, was := s.due[product]
	if !was || since.After(now) {
		since = now
		s.due[product] = now
	}
	if now.Sub(since) > rollDeadline {
		detail := fmt.Sprintf("a roll is due since %s (%s), and the log does not show it", release.FormatTime(since), reason)
		if last, had := s.ledger.signed[product]; had && !s.logged(last.digest) {
			detail += fmt.Sprintf("; the newest, %s of size %d, was signed at %s", last.digest, last.roll.Size, release.FormatTime(last.At))
		}
		s.alarms.raise(now, alarmKey{code: AlarmRollWaiting, product: product}, false, detail)
	}
	issued, what := since, "the log shows no roll, and the first is due since "
	if newest != nil {
		issued, what = newest.Issued, "the newest roll in the log was issued at "
	}
	if now.Sub(issued) > 2*s.config.Every {
		s.alarms.raise(now, alarmKey{code: AlarmRollOld, product: product}, false, what+release.FormatTime(issued)+": whoever asks for a young one refuses it soon")
	}
}
