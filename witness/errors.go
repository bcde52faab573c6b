package witness

import (
	"fmt"
	"time"
)

// A Kind is why a request was refused: a stable code for programs.
type Kind string

// The kinds, in the order in which a request is judged.
const (
	// KindTooLarge: the body is above MaxRequest bytes.
	KindTooLarge Kind = "body-too-large"
	// KindMalformed: the body is not what add-checkpoint takes.
	KindMalformed Kind = "malformed"
	// KindUnknownOrigin: the checkpoint's origin is not followed.
	KindUnknownOrigin Kind = "unknown-origin"
	// KindNotSigned: no signature by a key of the log.
	KindNotSigned Kind = "not-signed-by-log"
	// KindBadSignature: a line with a trusted key's name and id does not verify.
	KindBadSignature Kind = "bad-signature"
	// KindRateLimited: too many requests; Error.RetryAfter says when to come
	// back. Where the origin is not followed it stands for KindUnknownOrigin.
	KindRateLimited Kind = "rate-limited"
	// KindRolledBack: the witness was rolled back, or its key runs elsewhere:
	// it cosigns nothing until its operator has acted.
	KindRolledBack Kind = "rolled-back"
	// KindOldAboveSize: the old size is above the checkpoint's.
	KindOldAboveSize Kind = "old-size-above-size"
	// KindOldSize: the old size is not the latest cosigned one, Error.Size.
	KindOldSize Kind = "old-size-conflict"
	// KindEmptyRoot: size zero with a root that is not the empty tree's.
	KindEmptyRoot Kind = "empty-tree-root"
	// KindNeedlessProof: a consistency proof where none belongs.
	KindNeedlessProof Kind = "needless-proof"
	// KindSameSize: another root at the size already cosigned, signed by the
	// log: it has shown two histories.
	KindSameSize Kind = "same-size-other-root"
	// KindInconsistent: the consistency proof does not verify.
	KindInconsistent Kind = "inconsistent"
	// KindUnavailable: the witness cannot answer now; nothing is wrong with
	// the request.
	KindUnavailable Kind = "unavailable"
)

// Error is the refusal of a request. Nothing was cosigned and the state is
// what it was.
type Error struct {
	Kind Kind
	// Origin is the checkpoint's, empty if the request could not be read.
	Origin string
	// Size is, for KindOldSize, the size of the latest cosigned checkpoint.
	Size uint64
	// RetryAfter is, for KindRateLimited, how long to wait.
	RetryAfter time.Duration
	Err        error
}

func (e *Error) Error() string {
	if e.Origin == "" {
		return fmt.Sprintf("%s: %v", e.Kind, e.Err)
	}
	return fmt.Sprintf("%s: origin %s: %v", e.Kind, quote(e.Origin), e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// quote makes a peer's string safe to print and short.
func quote(s string) string {
	const most = 80
	if len(s) > most {
		return fmt.Sprintf("%+q...", s[:most])
	}
	return fmt.Sprintf("%+q", s)
}
