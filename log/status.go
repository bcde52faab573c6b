package log

import (
	"fmt"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
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
	// Authority is the one in force for the next entry; its version is 0 before
	// entry 0.
	Authority AuthorityStatus
	// Retired is set once an authority has named another log: nothing more is
	// admitted, and the last checkpoint goes on being cosigned.
	Retired *Retirement
	// Void and Unknown count the entries without effect: void ones a faulty
	// version of the log let in, unknown ones it cannot judge.
	Void, Unknown uint64
	// Alarms say in words what the operator must do something about, beyond what
	// keeps the log from publishing.
	Alarms []string
}

// AuthorityStatus is the authority in force.
type AuthorityStatus struct {
	Version int
	Index   uint64
	Expires time.Time
}

// ExpiresSoon reports whether the authority expires within register.ExpiryAlarm, or
// has.
func (a AuthorityStatus) ExpiresSoon(now time.Time) bool {
	return a.Version > 0 && a.Expires.Sub(now) < register.ExpiryAlarm
}

// Retirement says what retired a log.
type Retirement struct {
	Index     uint64 // of the authority that names the successor
	Successor string // the successor's origin
}

// alarms says what must be done about the register's part of a status.
func (s *Status) alarms(now time.Time) []string {
	var alarms []string
	if s.Retired == nil && s.Authority.ExpiresSoon(now) {
		verb := "expires"
		if !now.Before(s.Authority.Expires) {
			verb = "expired"
		}
		alarms = append(alarms, fmt.Sprintf("authority version %d %s at %s: from then on nothing but its successor and withdrawals is admitted, no rolls either; log the next version before that",
			s.Authority.Version, verb, release.FormatTime(s.Authority.Expires)))
	}
	if s.Void > 0 {
		alarms = append(alarms, fmt.Sprintf("%s void: a faulty version of this log let in what it must not", entriesAre(s.Void)))
	}
	if s.Unknown > 0 {
		alarms = append(alarms, fmt.Sprintf("%s unknown: this version of the log cannot judge, another might", entriesAre(s.Unknown)))
	}
	return alarms
}

func entriesAre(count uint64) string {
	if count == 1 {
		return "1 entry is"
	}
	return fmt.Sprintf("%d entries are", count)
}

// fill takes what the register says of the first size entries.
func (s *Status) fill(state *register.State, size uint64, now time.Time) {
	defer func() { s.Alarms = s.alarms(now) }()
	s.Void, s.Unknown = state.VoidAt(size), state.UnknownAt(size)
	authority, _ := state.AuthorityAt(size)
	if authority == nil {
		return
	}
	index := state.AuthorityChain()[authority.Version-1]
	s.Authority = AuthorityStatus{Version: authority.Version, Index: index, Expires: authority.Expires}
	if at, retired := state.Retired(); retired && at < size {
		s.Retired = &Retirement{Index: at, Successor: authority.Origin}
	}
}
