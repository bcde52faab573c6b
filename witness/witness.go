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
// What it promises:
//
//   - No cosignature leaves before the state that remembers it is durable,
//     whatever fails, and none once the witness has halted.
//   - A valid cosignature of its own that its state does not remember proves
//     that the state was rolled back, or that its key is in use elsewhere. From
//     the submission that shows one on, the whole witness cosigns nothing until
//     its operator has decided, and says so.
//   - A log that shows it two histories, both signed, is refused, and the
//     contradiction is kept as evidence (package tlog/fork) before the answer.
//     The answer is what it would have been without.
//   - Of one origin time stamps never decrease, whatever the clock does.
//   - The cheap checks come before the dear ones. Whoever cannot sign for a
//     followed log costs it no signature, no write, and nothing of the log's rate;
//     who repeats what the log has signed costs what the rate of repeats allows.
//
// What it does not promise: a state that was rolled back is noticed here only
// when somebody submits what it has forgotten; witness/state compares itself
// with an anchor besides. It does not look at a log's entries: a cosignature
// says that the log grew append-only as seen from here, never that what it logs
// is good. Evidence says that a log's key signed two histories, not who held
// it. The optional sign-subtree call is not offered.
package witness

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/fork"
)

// Config is what a Witness is made of. Keys and State must be set.
type Config struct {
	// Keys cosign. Both belong to one witness name.
	Keys Keys
	// State remembers the logs and what was cosigned.
	State State
	// Limiter bounds how often logs may ask; nil: nothing does.
	Limiter Limiter
	// Hooks are told what no answer says.
	Hooks Hooks
	// Now is the clock of the cosignatures' time stamps; nil means time.Now.
	Now func() time.Time
	// Logger: default slog.Default().
	Logger *slog.Logger
}

// A Limiter bounds how often requests are looked at. witness/limit is one. It
// is safe for concurrent use.
//
// What a log has signed anybody may send again, and what it has not, in its name:
// neither takes from what the log has for its growth.
type Limiter interface {
	// Signed takes one request that a followed log has signed, whichever.
	// ok false: there is room for it after wait.
	Signed() (wait time.Duration, ok bool)
	// Growth takes one of an origin that was signed for a larger checkpoint than
	// the latest; perDay is Log.RequestsPerDay.
	Growth(origin string, perDay uint64) (wait time.Duration, ok bool)
	// Repeat takes one of an origin that was signed for any other.
	Repeat(origin string, perDay uint64) (wait time.Duration, ok bool)
	// Unknown takes one request for any origin that is not followed.
	Unknown() (wait time.Duration, ok bool)
}

// Hooks are functions that are called where a log contradicts itself. Each may
// be nil. They must be quick and safe for concurrent use.
type Hooks struct {
	// EvidenceFound is told of evidence that was not kept before.
	EvidenceFound func(fork.Kind)
	// EvidenceLost is told of a contradiction that could not be kept.
	EvidenceLost func(fork.Kind)
}

// A Witness decides about checkpoints, one at a time for each origin, and
// cosigns the ones it accepts. It is safe for concurrent use.
type Witness struct {
	keys      Keys
	verifiers []tlog.VerifierKey
	state     State
	limiter   Limiter
	hooks     Hooks
	now       func() time.Time
	logger    *slog.Logger

	// unkept is a finding that halted the witness and that the state has not
	// kept yet.
	unkept atomic.Pointer[Unremembered]

	seed    maphash.Seed
	stripes [256]stripe
}

// A stripe is the lock of the origins that fall to it.
type stripe struct {
	sync.Mutex
	// changes counts what was advanced under the lock: who saw the state before
	// it has to look again.
	changes atomic.Uint64
	// last is the newest answer with cosignatures.
	last answer
}

// An answer is one whose state is durable: this process was told so.
type answer struct {
	origin, text string
	latest       Latest
	lines        []byte
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
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	return &Witness{keys: config.Keys, verifiers: config.Keys.Verifiers(), state: config.State, limiter: config.Limiter,
		hooks: config.Hooks, now: config.Now, logger: config.Logger, seed: maphash.MakeSeed()}, nil
}

// Keys returns the verifier keys of the witness, Ed25519 first.
func (w *Witness) Keys() []tlog.VerifierKey { return w.keys.Verifiers() }

// Checkpoint returns the latest checkpoint cosigned for the log whose origin
// has that SHA-256: a signed note with the log's signatures and the
// cosignatures of this witness. The error is [ErrUnknownOrigin] when no such
// log is followed or none of its checkpoints was ever cosigned. A witness that
// has halted still answers.
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
