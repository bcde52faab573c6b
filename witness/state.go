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
)

var (
	// ErrUnknownOrigin is a State's answer for an origin it does not follow.
	ErrUnknownOrigin = errors.New("unknown origin")
	// ErrConflict is a State's answer when the latest checkpoint is not the
	// one the caller wanted to replace.
	ErrConflict = errors.New("the latest checkpoint has changed")
)

// MaxOrigin is the length of the longest origin a witness follows, in bytes:
// an ML-DSA-44 cosignature has no room for more
// (https://c2sp.org/tlog-cosignature, "ML-DSA-44 signed message").
const MaxOrigin = 255

// A Log is one that a witness follows.
type Log struct {
	// Origin names the log; it is compared byte by byte.
	Origin string
	// Keys are the log's verifier keys; a signature by one of them suffices.
	Keys []tlog.VerifierKey
}

// Latest is the latest checkpoint a witness cosigned for one origin. The zero
// value says that it never cosigned one.
type Latest struct {
	Size uint64
	Root tlog.Hash
	// Time is the time stamp of the cosignatures, in POSIX seconds.
	Time uint64
	// Note is the checkpoint as it is shown to monitors: the log's verified
	// signatures and the cosignatures of this witness.
	Note []byte
}

// Followed is a log and how far it was cosigned.
type Followed struct {
	Log
	Latest Latest
}

// A State remembers the logs that are followed and the latest checkpoint of
// each. witness/state keeps one in SQLite.
type State interface {
	// Log returns a followed log, or ErrUnknownOrigin.
	Log(ctx context.Context, origin string) (Log, error)
	// Latest is the latest checkpoint of the origin with that SHA-256, zero if
	// there is none yet, or ErrUnknownOrigin.
	Latest(ctx context.Context, originHash [sha256.Size]byte) (Latest, error)
	// Advance replaces the latest checkpoint of an origin in one atomic step:
	// ErrConflict, and no change, unless from is still the latest. It returns
	// nil only once the change would survive the loss of power.
	Advance(ctx context.Context, origin string, from, to Latest) error
	// Followed returns up to limit logs by origin.
	Followed(ctx context.Context, limit int) ([]Followed, error)
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
