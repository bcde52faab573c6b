package policy

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
)

// Tolerance says what a policy withstands, counted in operators.
type Tolerance struct {
	// Satisfying is a smallest set of operators that meets the quorum: so many
	// have to work, and so many conspiring with the log can show anybody a
	// tree of their own.
	Satisfying []string
	// Blocking is a smallest set of operators without whom the others do not
	// meet the quorum: so many that are down stop the log. It is nil if an
	// operator has witnesses in several groups and the search was given up.
	Blocking []string
	// Lying is how many operators may cosign two different trees without two
	// quorums coming about that share no honest operator: 2k-n-1 for k of n.
	// At -1 two quorums need not even share one. Only with LyingKnown, which is
	// false if an operator has witnesses in several groups.
	Lying      int
	LyingKnown bool
}

// maxBlockingSteps bounds the search for a blocking set, in steps of
// electorate.choose, to about a second. It is not reached unless operators have
// witnesses in several groups.
const maxBlockingSteps = 1 << 20

// Tolerates computes what the policy withstands under the rule of operators.
// The policy and the operators must pass CheckOperators.
func (p *Policy) Tolerates(operators map[string]string, logOperator string) (Tolerance, error) {
	if err := p.CheckOperators(operators, logOperator); err != nil {
		return Tolerance{}, err
	}
	e := p.electorate(operators, logOperator)
	operatorOf := make(map[int]int)
	for at, votes := range e.votes {
		for ; votes != 0; votes &= votes - 1 {
			operatorOf[bits.TrailingZeros32(uint32(votes))] = at
		}
	}
	tree := reduce(e.tree, operatorOf)
	satisfying, ok := tree.cheapestChoice(e)
	if !ok {
		return Tolerance{}, fmt.Errorf("policy: %w", ErrNobody)
	}
	t := Tolerance{Satisfying: e.names(satisfying)}
	if shared(tree, nil) {
		if blocking, ok := e.searchBlocking(); ok {
			t.Blocking = e.names(blocking)
		}
		return t, nil
	}
	t.Blocking = e.names(tree.blocking())
	t.Lying, t.LyingKnown = tree.overlap()-1, true
	return t, nil
}

// operatorSet is a set of operators, by their index in electorate.operators.
type operatorSet uint32

func (s operatorSet) size() int { return bits.OnesCount32(uint32(s)) }

func (e *electorate) names(s operatorSet) []string {
	var names []string
	for i, name := range e.operators {
		if s&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// ballot is a node of the tree seen as operators: those that have no vote are
// gone, and so are groups that can no longer be met.
type ballot struct {
	operator  int // -1: a group
	threshold int
	members   []*ballot
}

// reduce returns nil for a node that cannot be met. Several witnesses of one
// operator directly in one group are one: any of them will do, and no two count.
func reduce(n *node, operatorOf map[int]int) *ballot {
	if n.witness >= 0 {
		operator, ok := operatorOf[n.witness]
		if !ok {
			return nil
		}
		return &ballot{operator: operator}
	}
	b := &ballot{operator: -1, threshold: n.threshold}
	for _, member := range n.members {
		m := reduce(member, operatorOf)
		if m == nil || m.operator >= 0 && slices.ContainsFunc(b.members, func(other *ballot) bool { return other.operator == m.operator }) {
			continue
		}
		b.members = append(b.members, m)
	}
	switch {
	case len(b.members) < b.threshold:
		return nil
	case len(b.members) == 1:
		return b.members[0]
	}
	return b
}

// shared reports whether an operator stands at several places in the tree.
func shared(b *ballot, seen map[int]bool) bool {
	if seen == nil {
		seen = make(map[int]bool)
	}
	if b.operator >= 0 {
		again := seen[b.operator]
		seen[b.operator] = true
		return again
	}
	return slices.ContainsFunc(b.members, func(m *ballot) bool { return shared(m, seen) })
}

// places lists the leaves of each operator, by electorate's index.
func (b *ballot) places(n int) [][]*ballot {
	places := make([][]*ballot, n)
	var walk func(*ballot)
	walk = func(b *ballot) {
		if b.operator >= 0 {
			places[b.operator] = append(places[b.operator], b)
		}
		for _, m := range b.members {
			walk(m)
		}
	}
	walk(b)
	return places
}

// cheapestChoice returns a smallest set of operators that meets the tree, over
// every choice of one place for each operator that has several.
func (b *ballot) cheapestChoice(e *electorate) (operatorSet, bool) {
	var open [][]*ballot
	for _, places := range b.places(len(e.operators)) {
		if len(places) > 1 {
			open = append(open, places)
		}
	}
	closed := make(map[*ballot]bool)
	var best operatorSet
	found := false
	var choose func(int)
	choose = func(i int) {
		// What is still open may count twice here, so this is a lower bound.
		set, ok := b.cheapest(closed)
		if !ok || found && set.cost >= best.size() {
			return
		}
		if i == len(open) {
			best, found = set.operators, true
			return
		}
		for _, place := range open[i] {
			for _, other := range open[i] {
				closed[other] = other != place
			}
			choose(i + 1)
		}
		for _, place := range open[i] {
			closed[place] = false
		}
	}
	choose(0)
	return best, found
}

// meeting is a set of operators that meets a node, at the cost of so many votes.
type meeting struct {
	cost      int
	operators operatorSet
}

// cheapest returns a smallest meeting of the node without the closed places.
func (b *ballot) cheapest(closed map[*ballot]bool) (meeting, bool) {
	if b.operator >= 0 {
		return meeting{1, 1 << b.operator}, !closed[b]
	}
	var members []meeting
	for _, m := range b.members {
		if met, ok := m.cheapest(closed); ok {
			members = append(members, met)
		}
	}
	return join(members, b.threshold)
}

// join takes the k cheapest.
func join(members []meeting, k int) (meeting, bool) {
	if len(members) < k {
		return meeting{}, false
	}
	slices.SortStableFunc(members, func(a, b meeting) int { return cmp.Compare(a.cost, b.cost) })
	var all meeting
	for _, m := range members[:k] {
		all.cost += m.cost
		all.operators |= m.operators
	}
	return all, true
}

// blocking returns a smallest set without which the node cannot be met, where
// every operator has one place.
func (b *ballot) blocking() operatorSet {
	var block func(*ballot) meeting
	block = func(b *ballot) meeting {
		if b.operator >= 0 {
			return meeting{1, 1 << b.operator}
		}
		var members []meeting
		for _, m := range b.members {
			members = append(members, block(m))
		}
		all, _ := join(members, len(b.members)-b.threshold+1)
		return all
	}
	return block(b).operators
}

// overlap returns how many operators any two meetings of the node share at
// least, where every operator has one place: of n members of which each takes
// k, they share 2k-n.
func (b *ballot) overlap() int {
	if b.operator >= 0 {
		return 1
	}
	var members []int
	for _, m := range b.members {
		members = append(members, m.overlap())
	}
	slices.Sort(members)
	sum := 0
	for _, shared := range members[:max(0, 2*b.threshold-len(b.members))] {
		sum += shared
	}
	return sum
}

// searchBlocking finds a smallest blocking set where operators have several
// places. Every blocking set holds an operator of every set that meets the
// quorum, so it is found by trying each operator of one such set, to growing
// depths. False: given up after maxBlockingSteps.
func (e *electorate) searchBlocking() (operatorSet, bool) {
	limit := e.steps + maxBlockingSteps
	var search func(removed operatorSet, depth int) (operatorSet, bool)
	search = func(removed operatorSet, depth int) (operatorSet, bool) {
		if e.steps > limit {
			return 0, false
		}
		meeting, ok := e.meetingWithout(removed)
		if !ok {
			return removed, true
		}
		for ; depth > 0 && meeting != 0; meeting &= meeting - 1 {
			if found, ok := search(removed|meeting&-meeting, depth-1); ok {
				return found, true
			}
		}
		return 0, false
	}
	for depth := 1; depth <= len(e.operators) && e.steps <= limit; depth++ {
		if found, ok := search(0, depth); ok {
			return found, true
		}
	}
	return 0, false
}

// meetingWithout returns operators that meet the quorum without those removed,
// none of them superfluous.
func (e *electorate) meetingWithout(removed operatorSet) (operatorSet, bool) {
	votesWithout := func(out operatorSet) set {
		var present set
		for i, votes := range e.votes {
			if out&(1<<i) == 0 {
				present |= votes
			}
		}
		return present
	}
	if !e.met(votesWithout(removed)) {
		return 0, false
	}
	var meeting operatorSet
	out := removed
	for i := range e.operators {
		one := operatorSet(1) << i
		if out&one != 0 {
			continue
		}
		if e.met(votesWithout(out | one)) {
			out |= one
		} else {
			meeting |= one
		}
	}
	return meeting, true
}
