package log

import (
	"time"

	"github.com/muster-log/muster/tlog"
)

// WitnessStatus is what the log knows of one witness of its policy.
type WitnessStatus struct {
	Name string
	Key  tlog.VerifierKey
	URL  string
	// Size is the last size it cosigned, at Cosigned (zero: never since start).
	Size     uint64
	Cosigned time.Time
	// Error is why it did not cosign the last time it was asked, or empty. It is
	// asked again at RetryAt.
	Error   string
	RetryAt time.Time
	// Unreachable is Error in a few plain words where no answer came at all, and
	// else empty.
	Unreachable string
	// UnknownLog says that it answered 404: its operator has to add this log.
	UnknownLog bool
	// Alarm is something an operator must look into: lost state, a larger tree.
	Alarm string
}

// Problem says in words why the witness did not cosign.
func (s WitnessStatus) Problem() string {
	switch {
	case s.UnknownLog:
		return "does not know this log yet"
	case s.Error != "":
		return s.Error
	case s.Cosigned.IsZero():
		return "has not answered yet"
	}
	return "has not answered in time"
}

// Status is the state of the log for operators and balancers.
type Status struct {
	Origin string
	// Size is the number of durable entries, Published that of the newest anchor.
	Size, Published uint64
	// Quorum says whether the newest round of publication met the quorum.
	Quorum bool
	// Problem is why nothing is published, or empty.
	Problem   string
	Witnesses []WitnessStatus
}
