package policy

import (
	"errors"
	"fmt"
	"slices"
)

// MetByOperators reports whether some set of the witnesses for which present
// answers true meets the quorum and holds at most one witness of each operator
// and none of the log operator's. Operators maps the policy's witness names to
// operators; a witness without one has no vote. A quorum of None is met.
//
// The answer is exact, for nested groups too. With several witnesses of one
// operator it is a search over which of them to take; at most 32 witnesses have
// at most 3^10 x 2 = 118,098 such choices, and bounds cut most of them off.
func (p *Policy) MetByOperators(present func(w Witness) bool, operators map[string]string, logOperator string) bool {
	if p.Quorum == None {
		return true
	}
	e := p.electorate(operators, logOperator)
	return e.met(p.present(present))
}

// electorate is a policy's tree with who operates what.
type electorate struct {
	tree *node
	// votes holds, for each operator but the log's, its witnesses in the tree.
	votes     []set
	operators []string // names, as votes
	steps     int      // of choose, for those who bound their work
}

func (p *Policy) electorate(operators map[string]string, logOperator string) *electorate {
	e := &electorate{tree: p.tree()}
	if e.tree == nil {
		return e
	}
	leaves := e.tree.leaves()
	for i, w := range p.Witnesses {
		operator := operators[w.Name]
		if i >= MaxWitnesses || !leaves.has(i) || operator == "" || operator == logOperator {
			continue
		}
		at := slices.Index(e.operators, operator)
		if at < 0 {
			at = len(e.operators)
			e.operators = append(e.operators, operator)
			e.votes = append(e.votes, 0)
		}
		e.votes[at] |= single(i)
	}
	return e
}

// met reports whether a choice of at most one witness of each operator among
// those present meets the tree.
func (e *electorate) met(present set) bool {
	if e.tree == nil {
		return false
	}
	var sure set
	var open []set
	for _, votes := range e.votes {
		switch votes &= present; votes.size() {
		case 0:
		case 1:
			sure |= votes
		default:
			open = append(open, votes)
		}
	}
	return e.choose(sure, open)
}

// choose takes one witness of each set in open. Taking more never harms, so
// it is settled as soon as those taken suffice, or all that are left do not.
func (e *electorate) choose(taken set, open []set) bool {
	e.steps++
	if e.tree.met(taken) {
		return true
	}
	most := taken
	for _, votes := range open {
		most |= votes
	}
	if len(open) == 0 || !e.tree.met(most) {
		return false
	}
	for votes := open[0]; votes != 0; votes &= votes - 1 {
		if e.choose(taken|votes&-votes, open[1:]) {
			return true
		}
	}
	return false
}

// OwnOperators maps every witness to an operator of its own: for those who
// know nothing about who runs what, as the log server itself.
func (p *Policy) OwnOperators() map[string]string {
	own := make(map[string]string, len(p.Witnesses))
	for _, w := range p.Witnesses {
		own[w.Name] = w.Name
	}
	return own
}

var (
	// ErrOperatorUnknown reports a witness without an operator.
	ErrOperatorUnknown = errors.New("witness has no operator")
	// ErrLogOperatorAlone reports a quorum that the log's operator meets alone.
	ErrLogOperatorAlone = errors.New("the log's operator meets the quorum alone")
	// ErrNobody reports a quorum that nobody can meet.
	ErrNobody = errors.New("nobody can meet the quorum")
)

// CheckOperators refuses a policy that a relying party must not use with these
// operators: a witness has none, the log's operator could meet the quorum alone
// by the letter of the policy (a quorum of None too), or all witnesses together
// could not meet it when one operator has one vote and the log's has none.
func (p *Policy) CheckOperators(operators map[string]string, logOperator string) error {
	if logOperator == "" {
		return fmt.Errorf("policy: the log has no operator: %w", ErrOperatorUnknown)
	}
	for _, w := range p.Witnesses {
		if operators[w.Name] == "" {
			return fmt.Errorf("policy: %w: %+.80q; name who runs it", ErrOperatorUnknown, w.Name)
		}
	}
	if p.Met(func(w Witness) bool { return operators[w.Name] == logOperator }) {
		return fmt.Errorf("policy: %w: %+.80q; demand witnesses that others run", ErrLogOperatorAlone, logOperator)
	}
	if !p.MetByOperators(func(Witness) bool { return true }, operators, logOperator) {
		return fmt.Errorf("policy: %w: one operator has one vote, and the log's, %+.80q, has none", ErrNobody, logOperator)
	}
	return nil
}
