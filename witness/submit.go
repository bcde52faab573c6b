package witness

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"time"

	"github.com/muster-log/muster/tlog"
)

// A submission is a request with what is known of its log.
type submission struct {
	*AddCheckpoint
	log    Log
	latest Latest
	// signatures are the log's own, verified.
	signatures []tlog.NoteSignature
}

func (s *submission) refuse(kind Kind, err error) error {
	return &Error{Kind: kind, Origin: s.Checkpoint.Origin, Size: s.latest.Size, Err: err}
}

// AddCheckpoint is the add-checkpoint call: body is the request's, and what
// it returns is the response's, signature lines that are cosignatures of this
// witness on the submitted checkpoint. When it returns them the new state is
// durable. Every error that the submitter can act on is an [*Error]; the kinds
// stand in the order in which a request is judged.
//
// See https://c2sp.org/tlog-witness, "add-checkpoint".
func (w *Witness) AddCheckpoint(ctx context.Context, body []byte) ([]byte, error) {
	request, err := ParseAddCheckpoint(body)
	if err != nil {
		return nil, err
	}
	s := &submission{AddCheckpoint: request}
	stripe := &w.stripes[maphash.String(w.seed, request.Checkpoint.Origin)%uint64(len(w.stripes))]
	seen := stripe.changes.Load()
	if err := w.admit(ctx, s); err != nil {
		return nil, err
	}
	lines, found, err := w.judge(ctx, s, stripe, seen)
	// After the lock: only this request waits for its evidence.
	w.keep(ctx, found)
	return lines, err
}

// admit looks the log up, verifies the log's signature and counts the request:
// what can be said without waiting for another request of the origin.
func (w *Witness) admit(ctx context.Context, s *submission) error {
	if err := w.lookup(ctx, s); err != nil {
		if refusal, ok := errors.AsType[*Error](err); ok && refusal.Kind == KindUnknownOrigin && w.limiter != nil {
			if wait, ok := w.limiter.Unknown(); !ok {
				return s.tooOften(wait, errors.New("too many requests for origins that this witness does not follow"))
			}
		}
		return err
	}
	// Before it is counted: one verification costs about what the request itself
	// did, and forged requests must not use up what the log may ask.
	if err := s.verify(); err != nil || w.limiter == nil {
		return err
	}
	if wait, ok := w.limiter.Signed(); !ok {
		return s.tooOften(wait, errors.New("this witness is asked too often at present"))
	}
	count := w.limiter.Repeat
	if s.latest.IsZero() || s.OldSize == s.latest.Size && s.Checkpoint.Size > s.latest.Size {
		count = w.limiter.Growth
	}
	if wait, ok := count(s.log.Origin, s.log.RequestsPerDay); !ok {
		return s.tooOften(wait, errors.New("too many requests for this origin"))
	}
	return nil
}

func (s *submission) tooOften(wait time.Duration, err error) error {
	return &Error{Kind: KindRateLimited, Origin: s.Checkpoint.Origin, RetryAfter: wait, Err: err}
}

// verify finds the log's signatures.
func (s *submission) verify() (err error) {
	s.signatures, err = trustedSignatures(s.log, s.Checkpoint)
	return err
}

// judge decides about a submission and cosigns it, one of an origin at a time.
// The state's compare-and-swap would be enough to be right; the lock spares the
// losers of a race two signatures. found is what the submission proves against
// its log, if it is refused.
func (w *Witness) judge(ctx context.Context, s *submission, stripe *stripe, seen uint64) (lines []byte, found *contradiction, err error) {
	stripe.Lock()
	defer stripe.Unlock()
	for range 3 {
		if at := stripe.changes.Load(); at != seen {
			// What was looked up before the lock may be out of date.
			seen = at
			if err := w.lookup(ctx, s); err != nil {
				return nil, nil, err
			}
			if err := s.verify(); err != nil {
				return nil, nil, err
			}
		}
		lines, err = w.decide(ctx, s, stripe)
		if err == nil {
			return lines, nil, nil
		}
		if !errors.Is(err, ErrConflict) {
			return nil, w.contradiction(ctx, s), err
		}
		// Somebody else moved the state; judge again against what it is now.
		stripe.changes.Add(1)
	}
	return nil, nil, s.refuse(KindUnavailable, errors.New("the state keeps changing under this request; try again"))
}

// decide takes a submission that its log has signed through the rest of the
// rules, and cosigns it. ErrConflict: the state is not what s says.
func (w *Witness) decide(ctx context.Context, s *submission, stripe *stripe) ([]byte, error) {
	if err := w.remembers(ctx, s); err != nil {
		return nil, err
	}
	if err := checkSizes(s.AddCheckpoint); err != nil {
		return nil, err
	}
	if err := decide(s.AddCheckpoint, s.latest); err != nil {
		return nil, err
	}
	return w.advance(ctx, s, stripe)
}

// advance cosigns the checkpoint, makes it the latest and returns the
// cosignature lines.
func (w *Witness) advance(ctx context.Context, s *submission, stripe *stripe) ([]byte, error) {
	checkpoint := s.Checkpoint
	timestamp, err := w.timestamp(s.latest)
	if err != nil {
		return nil, s.refuse(KindUnavailable, err)
	}
	// A checkpoint that was cosigned within this very second is answered with
	// the cosignatures made then: new ones would say the same, and a submitter
	// that repeats itself costs neither a signature nor a write. What is
	// repeated has left before: a note that the state holds need not have.
	last := stripe.last
	if last.origin == checkpoint.Origin && last.latest == s.latest && last.latest.Time == timestamp && last.text == checkpoint.Note.Text {
		return last.lines, nil
	}
	cosignatures, err := w.keys.Cosign(checkpoint.Checkpoint, timestamp)
	if err != nil {
		return nil, s.refuse(KindUnavailable, fmt.Errorf("cosign size %d: %w", checkpoint.Size, err))
	}
	// What is kept and shown is the log's verified signatures and our own
	// lines made just now: a line that came in under our name is not among
	// them, nor one of a key we do not know.
	note := tlog.Note{Text: checkpoint.Note.Text, Signatures: s.signatures}
	lines := signatureLines(cosignatures)
	next := Latest{Size: checkpoint.Size, Root: checkpoint.Root, Time: timestamp}
	switch err := w.state.Advance(ctx, s.log, s.latest, next, append(note.Marshal(), lines...)); {
	case errors.Is(err, ErrConflict):
		return nil, err
	case errors.Is(err, ErrHalted):
		return nil, s.refuse(KindRolledBack, ErrHalted)
	case err != nil:
		// It may have been made all the same.
		stripe.changes.Add(1)
		return nil, s.refuse(KindUnavailable, fmt.Errorf("keep the new checkpoint: %w", err))
	}
	stripe.changes.Add(1)
	stripe.last = answer{origin: checkpoint.Origin, text: checkpoint.Note.Text, latest: next, lines: lines}
	return lines, nil
}

// earliestTime is a time that no clock can honestly show any more: before it,
// the machine has started without a clock, and a cosignature would be as old.
const earliestTime = 1767225600 // 2026-01-01T00:00:00Z

// timestamp is the time of the next cosignature of an origin: the clock's,
// but never one before the last, whatever the clock does.
func (w *Witness) timestamp(latest Latest) (uint64, error) {
	now := w.now()
	if now.Unix() < earliestTime {
		return 0, fmt.Errorf("this machine's clock says %s, which is in the past: set the clock", now.UTC().Format(time.RFC3339))
	}
	return max(uint64(now.Unix()), latest.Time), nil
}

// lookup finds the log of a submission and its latest checkpoint, with the
// call's errors.
func (w *Witness) lookup(ctx context.Context, s *submission) error {
	origin := s.Checkpoint.Origin
	if err := CheckOrigin(origin); err != nil {
		// No log with such an origin can be followed, so none is known.
		return s.refuse(KindUnknownOrigin, err)
	}
	log, latest, err := w.state.Log(ctx, origin)
	if errors.Is(err, ErrUnknownOrigin) {
		return s.refuse(KindUnknownOrigin, errors.New("this witness does not follow that origin; ask its operator to add the log"))
	}
	if err != nil {
		return s.refuse(KindUnavailable, fmt.Errorf("read the state: %w", err))
	}
	s.log, s.latest = log, latest
	return nil
}
