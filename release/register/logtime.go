package register

import (
	"strconv"
	"time"

	"github.com/muster-log/muster/release"
)

// The windows that dates are judged by, in seconds. A day has 86,400 of them,
// a year 365 days; a bound itself is within the window.
const (
	day = 24 * 60 * 60

	maxBehind = int64(MaxBehind / time.Second)
	maxAhead  = int64(MaxAhead / time.Second)
	// maxAuthorityAhead is longer, so that a log that slept can be woken.
	maxAuthorityAhead = 5 * 365 * day
	maxClockAhead     = int64(MaxClockAhead / time.Second)
)

// MaxBehind is how far issued may lie behind log time and the log's clock: an entry that
// waited longer for its signatures is made again. Log time never falls, so no
// entry is issued more than this before one of a lower index.
const MaxBehind = 7 * 24 * time.Hour

// MaxAhead is how far issued of anything but an authority may lie ahead of log time: one
// entry cannot carry log time away, which would expire releases and void what honest
// clocks issue.
const MaxAhead = 92 * 24 * time.Hour

// MaxClockAhead is how far clocks of signers may be ahead of the log's. So log time, too,
// is ahead of a clock that is right by no more, unless the log let something in.
const MaxClockAhead = 5 * time.Minute

// ExpiryAlarm is how long before an authority expires somebody is to be told: its
// successor needs the signatures of several people, who have to meet for it, and without
// one nothing but withdrawals is admitted, no rolls either, so that clients stop
// trusting.
const ExpiryAlarm = 30 * 24 * time.Hour

// LogTime returns the greatest issued of all entries that are not void; struck
// ones count. It is zero before entry 0.
func (s *State) LogTime() time.Time {
	if len(s.chain.links) == 0 {
		return time.Time{}
	}
	return time.Unix(s.logTime, 0).UTC()
}

// checkDates judges issued by log time, and at admission by the log's clock.
// Entry 0 and the authorities that a successor log repeats are exempt.
func (s *State) checkDates(statement *release.Statement, clock *int64) *release.Refusal {
	authority, isAuthority := statement.Predicate.(*release.Authority)
	if s.Size() == 0 || (isAuthority && s.chain.inherited(authority)) {
		return nil
	}
	issued := statement.Issued().Unix()
	if issued < s.logTime-maxBehind {
		return refuseTime(CodeIssuedBehindLogTime, "predicate.issued", issued, "at most 7 days behind log time", s.logTime)
	}
	if isAuthority && issued > s.logTime+maxAuthorityAhead {
		return refuseTime(CodeIssuedAheadOfLogTime, "predicate.issued", issued, "at most 1,825 days ahead of log time", s.logTime)
	}
	if !isAuthority && issued > s.logTime+maxAhead {
		return refuseTime(CodeIssuedAheadOfLogTime, "predicate.issued", issued, "at most 92 days ahead of log time", s.logTime)
	}
	if clock == nil {
		return nil
	}
	if issued > *clock+maxClockAhead {
		return refuseTime(CodeIssuedAheadOfClock, "predicate.issued", issued, "at most 5 minutes ahead of the log's clock", *clock)
	}
	if issued < *clock-maxBehind {
		return refuseTime(CodeIssuedBehindClock, "predicate.issued", issued, "at most 7 days behind the log's clock", *clock)
	}
	return nil
}

// checkNotExpired judges that the authority in force may still admit the
// entry: after expires it admits only its successor and withdrawals.
func (s *State) checkNotExpired(link *Link, statement *release.Statement) *release.Refusal {
	if statement.Type == release.TypeWithdrawal {
		return nil
	}
	return notExpired(link.Authority, max(s.logTime, statement.Issued().Unix()))
}

// advance moves log time on to the issued of an admitted entry, and ends what
// expires by that.
func (s *State) advance(issued int64) {
	if len(s.records) > 1 && issued <= s.logTime {
		return
	}
	s.logTime = issued
	s.expire()
}

func refuseTime(code release.Code, member string, got int64, want string, reference int64) *release.Refusal {
	return release.Refuse(code, member, formatTime(got), want+" "+formatTime(reference))
}

func formatTime(at int64) string { return release.FormatTime(time.Unix(at, 0).UTC()) }

func formatIndex(index uint64) string { return strconv.FormatUint(index, 10) }
