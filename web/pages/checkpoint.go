package pages

import (
	"context"
	"strconv"
	"time"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/policy"
)

// maxKnown bounds the known times that are remembered.
const maxKnown = 10000

// checkpointView is the newest checkpoint with its cosigners against the quorum.
type checkpointView struct {
	Published bool
	Size      uint64
	Root      string
	// Fresh is when the quorum last stood behind it.
	Fresh   time.Time
	Age     time.Duration
	Met     bool
	Quorum  string // in words
	Votes   []voteView
	Waiting uint64 // entries that are logged and not covered
	Problem string // why nothing is published now
}

type voteView struct {
	Name, Operator string
	Cosigned       bool
	Time           time.Time
	Word           string // when it does not count
	Problem        string // how it was the last time it was asked, if it did not cosign then
}

func (p *Pages) checkpoint() checkpointView {
	status := p.config.Log.Status()
	newest, ok := p.config.Log.Checkpoint()
	view := checkpointView{Published: ok, Quorum: quorumText(p.config.Policy), Problem: status.Problem}
	if status.Size > newest.Checkpoint.Size {
		view.Waiting = status.Size - newest.Checkpoint.Size
	}
	problems := make(map[string]string)
	for _, witness := range status.Witnesses {
		if witness.Error != "" || witness.Cosigned.IsZero() {
			problems[witness.Name] = problemText(witness)
		}
	}
	tally := p.tally(newest)
	for _, vote := range tally.Votes {
		each := voteView{Name: vote.Witness.Name, Operator: vote.Operator, Word: standingText(vote.Standing), Problem: problems[vote.Witness.Name]}
		if len(vote.Times) > 0 {
			each.Cosigned, each.Time = true, time.Unix(int64(vote.Times[len(vote.Times)-1]), 0).UTC()
		}
		view.Votes = append(view.Votes, each)
	}
	if ok {
		view.Size, view.Root, view.Met = newest.Checkpoint.Size, newest.Checkpoint.Root.String(), tally.Met
		if tally.Fresh > 0 {
			view.Fresh = time.Unix(int64(tally.Fresh), 0).UTC()
			view.Age = p.config.Now().Sub(view.Fresh)
		}
	}
	return view
}

// tally counts the cosignatures of an anchor. One that cannot be read has none.
func (p *Pages) tally(anchor log.Anchor) policy.Tally {
	var cosignatures []tlog.Cosignature
	if signed, err := tlog.ParseCheckpoint(anchor.Note); err == nil {
		if good, err := p.config.Policy.Verify(signed); err == nil {
			cosignatures = good
		}
	}
	operators := p.config.Operators
	if len(operators) == 0 {
		operators = p.config.Policy.OwnOperators()
	}
	return p.config.Policy.Tally(cosignatures, operators, p.config.LogOperator, p.config.Now())
}

// witnessed returns since when an entry is witnessed: the known time of the
// anchor that first covered it. It is zero where that cannot be said.
func (p *Pages) witnessed(ctx context.Context, index uint64) time.Time {
	p.mu.Lock()
	known, ok := p.known[index]
	p.mu.Unlock()
	if ok {
		return known
	}
	anchor, err := p.config.Log.Witnessed(ctx, index)
	if err != nil {
		return time.Time{}
	}
	tally := p.tally(anchor)
	if tally.Known == 0 {
		return time.Time{}
	}
	known = time.Unix(int64(tally.Known), 0).UTC()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.known) >= maxKnown {
		clear(p.known)
	}
	p.known[index] = known
	return known
}

// problemText says for people how a witness was the last time it was asked. The
// error's own text is in /readyz.
func problemText(witness log.WitnessStatus) string {
	if witness.Unreachable != "" {
		return "not reachable now: " + witness.Unreachable
	}
	return "last asked: " + witness.Problem()
}

func standingText(standing policy.Standing) string {
	switch standing {
	case policy.Counted:
		return ""
	case policy.Absent:
		return "did not cosign this checkpoint"
	case policy.Ahead:
		return "its time lies in the future and does not count"
	case policy.OfLog:
		return "run by the log's operator, so it does not count"
	case policy.NoOperator:
		return "its operator is not known, so it does not count"
	}
	return "the quorum does not ask for it"
}

// quorumText says in words what the policy asks for.
func quorumText(p *policy.Policy) string {
	requirement, asked := p.Requirement()
	if !asked {
		return "no cosignature is asked for"
	}
	if requirement.Witness != nil {
		return "witness " + requirement.Name + " must cosign"
	}
	return strconv.Itoa(requirement.Threshold) + " of " + strconv.Itoa(len(requirement.Members)) + " must cosign"
}
