package policy

import (
	"slices"
	"time"

	"github.com/muster-log/muster/tlog"
)

// MaxAhead is how far a cosignature's time may be ahead of now: clocks differ.
// One further ahead counts for nothing.
const MaxAhead = 5 * time.Minute

// Tally is what the cosignatures of one checkpoint amount to.
type Tally struct {
	// Met: the quorum is met under the rule of operators.
	Met bool
	// Fresh is the greatest time such that the cosignatures at or after it meet
	// the quorum; Known is the smallest such that those at or before it do. In
	// POSIX seconds; 0 where the quorum is not met, and for a quorum of None,
	// which says nothing about time.
	Fresh, Known uint64
	// Votes has an element for each witness of the policy, in its order.
	Votes []Vote
}

// Vote says what a witness contributed.
type Vote struct {
	Witness  Witness
	Operator string // empty: not known
	Standing Standing
	// Times are those of the cosignatures that count, ascending, without
	// repeats, whatever the standing.
	Times []uint64
}

// Standing says whether a witness's cosignature counts.
type Standing string

const (
	// Counted: it cosigned and may count. Of one operator's witnesses at most
	// one does.
	Counted Standing = "counted"
	// Absent: it did not cosign.
	Absent Standing = "absent"
	// Ahead: it cosigned at times more than MaxAhead after now only.
	Ahead Standing = "ahead"
	// OfLog: the log's operator runs it.
	OfLog Standing = "log-operator"
	// NoOperator: nobody said who runs it.
	NoOperator Standing = "no-operator"
	// Unasked: the quorum does not depend on it.
	Unasked Standing = "unasked"
)

// Tally counts cosignatures, which are those of tlog.SignedCheckpoint.
// Cosignatures with the policy's keys, all of one checkpoint, under the rule of
// operators (see MetByOperators). Those by other keys count for nothing.
func (p *Policy) Tally(cosignatures []tlog.Cosignature, operators map[string]string, logOperator string, now time.Time) Tally {
	e := p.electorate(operators, logOperator)
	tally := Tally{Met: p.Quorum == None}
	var leaves set
	if e.tree != nil {
		leaves = e.tree.leaves()
	}
	for i, w := range p.Witnesses {
		vote := Vote{Witness: w, Operator: operators[w.Name], Standing: Absent}
		for _, c := range cosignatures {
			if !c.Key.Equal(w.Key) {
				continue
			}
			if ahead(c.Time, now) {
				vote.Standing = Ahead
				continue
			}
			vote.Times = append(vote.Times, c.Time)
		}
		slices.Sort(vote.Times)
		vote.Times = slices.Compact(vote.Times)
		switch {
		case len(vote.Times) == 0:
		case i >= MaxWitnesses || !leaves.has(i):
			vote.Standing = Unasked
		case vote.Operator == "":
			vote.Standing = NoOperator
		case vote.Operator == logOperator:
			vote.Standing = OfLog
		default:
			vote.Standing = Counted
		}
		tally.Votes = append(tally.Votes, vote)
	}
	if e.tree == nil || !e.met(tally.within(func(uint64) bool { return true })) {
		return tally
	}
	tally.Met = true
	times := tally.times()
	// The witnesses at or after t only shrink as t grows, so both times are
	// found by halving.
	stale, _ := slices.BinarySearchFunc(times, true, func(t uint64, _ bool) int {
		if e.met(tally.within(func(u uint64) bool { return u >= t })) {
			return -1
		}
		return 1
	})
	tally.Fresh = times[stale-1]
	known, _ := slices.BinarySearchFunc(times, true, func(t uint64, _ bool) int {
		if e.met(tally.within(func(u uint64) bool { return u <= t })) {
			return 1
		}
		return -1
	})
	tally.Known = times[known]
	return tally
}

// within returns the counted witnesses that have a time in a range.
func (t Tally) within(in func(time uint64) bool) set {
	var s set
	for i, vote := range t.Votes {
		if vote.Standing == Counted && slices.ContainsFunc(vote.Times, in) {
			s |= single(i)
		}
	}
	return s
}

// times returns the times of all counted cosignatures, ascending.
func (t Tally) times() []uint64 {
	var times []uint64
	for _, vote := range t.Votes {
		if vote.Standing == Counted {
			times = append(times, vote.Times...)
		}
	}
	slices.Sort(times)
	return slices.Compact(times)
}

// ahead reports whether a time stamp is more than MaxAhead after now.
func ahead(stamp uint64, now time.Time) bool {
	latest := now.Add(MaxAhead).Unix()
	return latest < 0 || stamp > uint64(latest)
}

// FreshTime returns the greatest time such that the cosignatures at or after it
// meet the quorum under the rule of operators, in POSIX seconds; false if they
// do not meet it, or the quorum is None.
func (p *Policy) FreshTime(cosignatures []tlog.Cosignature, operators map[string]string, logOperator string, now time.Time) (uint64, bool) {
	tally := p.Tally(cosignatures, operators, logOperator, now)
	return tally.Fresh, tally.Fresh > 0
}

// KnownTime returns the smallest time such that the cosignatures at or before
// it meet the quorum under the rule of operators, in POSIX seconds; false if
// they do not meet it, or the quorum is None.
func (p *Policy) KnownTime(cosignatures []tlog.Cosignature, operators map[string]string, logOperator string, now time.Time) (uint64, bool) {
	tally := p.Tally(cosignatures, operators, logOperator, now)
	return tally.Known, tally.Known > 0
}
