// Package witness is the state machine of a transparency log witness: it
// cosigns a log's checkpoint only when that checkpoint is signed by the log
// and extends, append-only, the one it cosigned before.
//
// It implements add-checkpoint and the monitor retrieval of
// https://c2sp.org/tlog-witness and knows neither HTTP (witness/server) nor
// SQL (witness/state). Cosignatures are those of
// https://c2sp.org/tlog-cosignature, one Ed25519 and one ML-DSA-44 for each
// checkpoint.
//
// It does not promise to detect that its own state was lost or restored from
// an older copy, and it does not look at a log's entries: a cosignature says
// that the log grew append-only as seen from here, never that what it logs is
// good. The optional sign-subtree call is not offered.
package witness

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"github.com/muster-log/muster/tlog"
)

// Config is what a Witness is made of; every field must be set.
type Config struct {
	// Keys cosign. Both belong to one witness name.
	Keys Keys
	// State remembers the logs and what was cosigned.
	State State
	// Now is the clock of the cosignatures' time stamps; nil means time.Now.
	Now func() time.Time
}

// A Witness decides about checkpoints, one at a time for each origin, and
// cosigns the ones it accepts. It is safe for concurrent use.
type Witness struct {
	keys  Keys
	state State
	now   func() time.Time

	seed    maphash.Seed
	stripes [256]sync.Mutex
}

// New returns a witness over state.
func New(config Config) (*Witness, error) {
	if config.State == nil {
		return nil, errors.New("a witness needs a state to keep what it cosigned")
	}
	if config.Keys.IsZero() {
		return nil, errors.New("a witness needs its keys: make them with muster-witness key generate")
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Witness{keys: config.Keys, state: config.State, now: config.Now, seed: maphash.MakeSeed()}, nil
}

// Keys returns the verifier keys of the witness, Ed25519 first.
func (w *Witness) Keys() []tlog.VerifierKey { return w.keys.Verifiers() }

// AddCheckpoint is the add-checkpoint call: body is the request's, and what
// it returns is the response's, signature lines that are cosignatures of this
// witness on the submitted checkpoint. When it returns them the new state is
// durable. Every error that the submitter can act on is an [*Error].
//
// See https://c2sp.org/tlog-witness, "add-checkpoint".
func (w *Witness) AddCheckpoint(ctx context.Context, body []byte) ([]byte, error) {
	request, err := ParseAddCheckpoint(body)
	if err != nil {
		return nil, err
	}
	// From here to the answer one request of an origin at a time. The state's
	// compare-and-swap would be enough to be right; the lock spares the losers
	// of a race two signatures.
	stripe := &w.stripes[maphash.String(w.seed, request.Checkpoint.Origin)%uint64(len(w.stripes))]
	stripe.Lock()
	defer stripe.Unlock()
	for range 3 {
		lines, err := w.judge(ctx, request)
		if !errors.Is(err, ErrConflict) {
			return lines, err
		}
		// Somebody else moved the state; judge again against what it is now.
	}
	return nil, &Error{Kind: KindUnavailable, Origin: request.Checkpoint.Origin, Err: errors.New("the state keeps changing under this request; try again")}
}

// judge decides about a request as things stand, and cosigns; the error is
// ErrConflict if they changed meanwhile.
func (w *Witness) judge(ctx context.Context, request *AddCheckpoint) ([]byte, error) {
	log, latest, err := w.lookup(ctx, request.Checkpoint.Origin)
	if err != nil {
		return nil, err
	}
	signatures, err := trustedSignatures(log, request.Checkpoint)
	if err != nil {
		return nil, err
	}
	if err := checkSizes(request); err != nil {
		return nil, err
	}
	if err := decide(request, latest); err != nil {
		return nil, err
	}
	return w.advance(ctx, request, signatures, log, latest)
}

// advance cosigns the request's checkpoint, makes that the latest and returns
// the cosignature lines.
func (w *Witness) advance(ctx context.Context, request *AddCheckpoint, signatures []tlog.NoteSignature, log Log, latest Latest) ([]byte, error) {
	checkpoint := request.Checkpoint
	timestamp, err := w.timestamp(latest)
	if err != nil {
		return nil, &Error{Kind: KindUnavailable, Origin: checkpoint.Origin, Err: err}
	}
	if lines, ok := w.repeat(ctx, request, latest, timestamp); ok {
		return lines, nil
	}
	cosignatures, err := w.keys.Cosign(checkpoint.Checkpoint, timestamp)
	if err != nil {
		return nil, fmt.Errorf("cosign %q at size %d: %w", checkpoint.Origin, checkpoint.Size, err)
	}
	// What is kept and shown is the log's verified signatures and our own
	// lines made just now: a line that came in under our name is not among
	// them, nor one of a key we do not know.
	note := tlog.Note{Text: checkpoint.Note.Text, Signatures: append(signatures[:len(signatures):len(signatures)], cosignatures...)}
	next := Latest{Size: checkpoint.Size, Root: checkpoint.Root, Time: timestamp}
	if err := w.state.Advance(ctx, log, latest, next, note.Marshal()); err != nil {
		if errors.Is(err, ErrConflict) {
			return nil, err
		}
		return nil, &Error{Kind: KindUnavailable, Origin: checkpoint.Origin, Err: fmt.Errorf("keep the new checkpoint: %w", err)}
	}
	return signatureLines(cosignatures), nil
}

// repeat answers a checkpoint that was cosigned within this very second with
// the cosignatures made then: new ones would say the same, and a submitter
// that repeats itself costs neither a signature nor a write.
func (w *Witness) repeat(ctx context.Context, request *AddCheckpoint, latest Latest, timestamp uint64) ([]byte, bool) {
	if latest.Time != timestamp || latest.Size != request.Checkpoint.Size {
		return nil, false
	}
	note, err := w.state.Note(ctx, sha256.Sum256([]byte(request.Checkpoint.Origin)))
	if err != nil || note == nil {
		return nil, false
	}
	kept, err := tlog.ParseCheckpoint(note)
	if err != nil || kept.Note.Text != request.Checkpoint.Note.Text {
		return nil, false
	}
	ours := w.keys.own(kept.Note.Signatures)
	if len(ours) != w.keys.count(kept.Checkpoint) {
		return nil, false
	}
	return signatureLines(ours), true
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

// lookup finds the log of an origin and its latest checkpoint, with the call's
// errors.
func (w *Witness) lookup(ctx context.Context, origin string) (Log, Latest, error) {
	if err := CheckOrigin(origin); err != nil {
		// No log with such an origin can be followed, so none is known.
		return Log{}, Latest{}, &Error{Kind: KindUnknownOrigin, Origin: origin, Err: err}
	}
	log, latest, err := w.state.Log(ctx, origin)
	if errors.Is(err, ErrUnknownOrigin) {
		return Log{}, Latest{}, &Error{Kind: KindUnknownOrigin, Origin: origin, Err: errors.New("this witness does not follow that origin; ask its operator to add the log")}
	}
	if err != nil {
		return Log{}, Latest{}, &Error{Kind: KindUnavailable, Origin: origin, Err: fmt.Errorf("read the state: %w", err)}
	}
	return log, latest, nil
}

// Checkpoint returns the latest checkpoint cosigned for the log whose origin
// has that SHA-256: a signed note with the log's signatures and the
// cosignatures of this witness. The error is [ErrUnknownOrigin] when no such
// log is followed or none of its checkpoints was ever cosigned.
//
// See https://c2sp.org/tlog-witness, "Monitor Retrieval Mechanism".
func (w *Witness) Checkpoint(ctx context.Context, originHash [sha256.Size]byte) ([]byte, error) {
	note, err := w.state.Note(ctx, originHash)
	if err != nil {
		return nil, err
	}
	if note == nil {
		return nil, ErrUnknownOrigin
	}
	return note, nil
}

// Followed returns up to limit of the logs this witness follows or once
// followed, by origin, those after that origin.
func (w *Witness) Followed(ctx context.Context, after string, limit int) ([]Followed, error) {
	return w.state.Followed(ctx, after, limit)
}
