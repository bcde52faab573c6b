package register

import (
	"errors"

	"github.com/muster-log/muster/release"
)

// Status says what the rules make of an entry.
type Status uint8

const (
	// StatusAdmitted: the entry stands and has effect.
	StatusAdmitted Status = iota + 1
	// StatusVoid: the entry breaks a rule at its index: shown, counted,
	// alarmed, without effect.
	StatusVoid
	// StatusUnknown: this register cannot judge the entry: its type has no
	// rules here, or (code cannot-judge or profile-not-admitted) its
	// signatures or measurements cannot be checked, and everything else about
	// it holds. Shown, counted, without effect. See [State.Undecided].
	StatusUnknown
)

// String returns the word used in documents and the index.
func (s Status) String() string {
	switch s {
	case StatusAdmitted:
		return "admitted"
	case StatusVoid:
		return "void"
	case StatusUnknown:
		return "unknown"
	}
	return "invalid"
}

// Outcome is what became of one applied entry.
type Outcome struct {
	Index  uint64
	Digest release.Digest // payload digest; zero if the envelope could not be decoded
	// Prepared is the decoded entry; nil if it could not be decoded.
	Prepared *Prepared
	Status   Status
	// Refusal says which rule a void entry breaks, or why an entry is
	// unknown; nil for an admitted one.
	Refusal *release.Refusal
}

// statusOf says what a refusal makes of an entry in the log. What cannot be
// judged here is not void: another register may judge it.
func statusOf(refusal *release.Refusal) Status {
	switch {
	case refusal == nil:
		return StatusAdmitted
	case refusal.Code == CodeTypeNotAdmitted, undecided(refusal):
		return StatusUnknown
	}
	return StatusVoid
}

// undecided reports whether a refusal says that the register lacks something,
// and not that the entry does.
func undecided(refusal *release.Refusal) bool {
	return refusal.Code == release.CodeCannotJudge || refusal.Code == release.CodeProfileNotAdmitted
}

// asRefusal returns the refusal that err is or wraps.
func asRefusal(err error) *release.Refusal {
	if err == nil {
		return nil
	}
	if refusal, ok := errors.AsType[*release.Refusal](err); ok {
		return refusal
	}
	return &release.Refusal{Code: release.CodeOf(err), Err: err}
}
