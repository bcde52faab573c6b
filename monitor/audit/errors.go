package audit

import (
	"fmt"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/fork"
)

// Code is the stable reason of an Error.
type Code string

const (
	// CodeCheckpointForm: the checkpoint cannot be parsed.
	CodeCheckpointForm Code = "checkpoint-form"
	// CodeCheckpointSignature: no log of the policy signed the checkpoint, or a line
	// under a known name does not verify.
	CodeCheckpointSignature Code = "checkpoint-signature"
	// CodeQuorum: the cosignatures do not meet the policy. Witnesses may be away.
	CodeQuorum Code = "quorum"
	// CodeOtherOrigin: another log than the one followed answers.
	CodeOtherOrigin Code = "other-origin"
	// CodeOtherAuthority: entry 0 is not the authority that is pinned.
	CodeOtherAuthority Code = "other-authority"
	// CodeTooLarge: the log has more entries or bytes than Options allow.
	CodeTooLarge Code = "log-too-large"
	// CodeOlderCheckpoint: the log answers with an older state of what was followed:
	// a cache, or a log that hides its newest entries.
	CodeOlderCheckpoint Code = "older-checkpoint"
	// CodeEntries: the entries served do not make the root of the checkpoint, and the
	// checkpoint does not contradict an earlier one.
	CodeEntries Code = "entries-contradict-checkpoint"
	// CodeNoConsistency: the entries do not make the root of the checkpoint, and the
	// log's tiles do not show whether the checkpoint extends the one followed.
	CodeNoConsistency Code = "no-consistency"
	// CodeForkSameSize and CodeForkPrefix: the log signed two histories. Evidence is
	// set.
	CodeForkSameSize Code = "fork-" + Code(fork.SameSize)
	CodeForkPrefix   Code = "fork-" + Code(fork.Prefix)
)

// Error says why a checkpoint, or the entries under it, were not accepted. Errors of
// the way to the log, such as one that cannot be reached, are not of this type.
type Error struct {
	Code Code
	// Kept is the newest checkpoint that was accepted before, Shown the one that was
	// not; nil where there is none.
	Kept, Shown *tlog.SignedCheckpoint
	// Evidence, where it is set, has been verified: the log's key signed two
	// histories. Nothing else proves to others that a log misbehaved.
	Evidence *fork.Evidence
	Err      error
}

func (e *Error) Error() string {
	if e.Evidence != nil {
		return fmt.Sprintf("the log signed two histories (%s): %v", e.Evidence.Kind, e.Err)
	}
	return e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
