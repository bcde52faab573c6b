package witness

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/fork"
)

var (
	// ErrUnknownOrigin is a State's answer for an origin it does not follow.
	ErrUnknownOrigin = errors.New("unknown origin")
	// ErrConflict is a State's answer when the latest checkpoint is not the
	// one the caller wanted to replace, or the log is no longer followed as it
	// was: judge the request anew.
	ErrConflict = errors.New("what the witness knows of the log has changed")
	// ErrHalted is a State's answer once [State.Halt] was called.
	ErrHalted = errors.New("this witness was rolled back, or its key is in use elsewhere: nothing is cosigned until its operator has run muster-witness recover")
)

// MaxOrigin is the length of the longest origin a witness follows, in bytes:
// an ML-DSA-44 cosignature has no room for more
// (https://c2sp.org/tlog-cosignature, "ML-DSA-44 signed message").
const MaxOrigin = 255

// A Log is one that a witness follows.
type Log struct {
	// Origin names the log; it is compared byte by byte.
	Origin string
	// Keys are the log's verifier keys that are trusted now; a signature by one
	// of them suffices.
	Keys []tlog.VerifierKey
	// RequestsPerDay is how many requests the log may make; 0 stands for the
	// witness's default.
	RequestsPerDay uint64
}

// Latest is the latest checkpoint a witness cosigned for one origin. The zero
// value says that it never cosigned one.
type Latest struct {
	Size uint64
	Root tlog.Hash
	// Time is the time stamp of the cosignatures, in POSIX seconds; it is never
	// zero if there was a cosignature.
	Time uint64
}

// IsZero reports that no checkpoint was ever cosigned. One of size 0 may have
// been.
func (l Latest) IsZero() bool { return l.Time == 0 }

// Followed is a log with what its operator and its submitters made of it.
type Followed struct {
	Log
	// Disabled: nothing is cosigned for it at present.
	Disabled bool
	// Contact is how to reach the log's operator, if anybody said.
	Contact string
	// List is the list that the log was taken from, empty if it was added by hand.
	List   string
	Latest Latest
	// Evidence counts the evidence that is kept against the log; what came after
	// a bound was reached is not counted.
	Evidence uint64
}

// Unremembered is a checkpoint with a valid cosignature of this witness that
// its state does not remember: the state is older than what was cosigned, or
// the key is in use elsewhere.
type Unremembered struct {
	Origin string
	Size   uint64
	Root   tlog.Hash
	// Time is the cosignature's.
	Time uint64
	// Note is the checkpoint, whole.
	Note []byte
}

// A State remembers the logs that are followed and the latest checkpoint of
// each. witness/state keeps one in SQLite, with an anchor outside.
type State interface {
	// Log returns a followed log and its latest checkpoint, or
	// ErrUnknownOrigin, also for one that is disabled.
	Log(ctx context.Context, origin string) (Log, Latest, error)
	// Note is the latest checkpoint of the origin with that SHA-256 as monitors
	// are shown it: the log's verified signatures and the cosignatures of this
	// witness. It is nil where none is kept: nothing was cosigned, or not since
	// the state was recovered. ErrUnknownOrigin: no such log was ever followed.
	Note(ctx context.Context, originHash [sha256.Size]byte) ([]byte, error)
	// Advance replaces the latest checkpoint of a log in one atomic step:
	// ErrConflict, and no change, unless from is still the latest and the log
	// is followed as it was; ErrHalted after Halt. It returns nil only once the
	// change would survive the loss of power.
	Advance(ctx context.Context, log Log, from, to Latest, note []byte) error
	// KeepEvidence keeps evidence against a log, whole and durably, before it
	// returns. isNew: it was not kept before.
	KeepEvidence(ctx context.Context, evidence *fork.Evidence) (isNew bool, err error)
	// Halt keeps what was found, durably, and lets nothing advance from then
	// on until an operator has decided, whatever happens to the process.
	Halt(ctx context.Context, found Unremembered) error
	// Halted reports whether Halt was called, from memory.
	Halted() bool
	// Followed returns up to limit logs by origin, those after that origin.
	Followed(ctx context.Context, after string, limit int) ([]Followed, error)
}

// CheckOrigin refuses an origin that no log followed by a witness may have:
// an empty one, one above MaxOrigin bytes, one that a checkpoint cannot hold
// or that a person cannot tell from another because of white space at its
// ends. Spaces and plus signs are only discouraged by
// https://c2sp.org/tlog-checkpoint, so they pass.
func CheckOrigin(origin string) error {
	switch {
	case origin == "":
		return errors.New("the origin is empty")
	case len(origin) > MaxOrigin:
		return fmt.Errorf("the origin has %d bytes, at most %d are possible", len(origin), MaxOrigin)
	case !utf8.ValidString(origin):
		return errors.New("the origin is not valid UTF-8")
	case strings.ContainsFunc(origin, unicode.IsControl):
		return errors.New("the origin holds a control character")
	case strings.TrimFunc(origin, unicode.IsSpace) != origin:
		return errors.New("the origin begins or ends with white space")
	}
	return nil
}
