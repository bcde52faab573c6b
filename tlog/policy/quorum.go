package policy

import "math/bits"

// node is a witness or a group of the tree that the quorum names. A name is a
// member at most once, so this is a tree and every witness stands in it at most
// once.
type node struct {
	name      string
	witness   int // index in Policy.Witnesses; -1: a group
	threshold int
	members   []*node
}

// set is a set of witnesses, by their index in Policy.Witnesses.
type set uint32

func single(witness int) set       { return 1 << witness }
func (s set) has(witness int) bool { return s&single(witness) != 0 }
func (s set) size() int            { return bits.OnesCount32(uint32(s)) }

// tree returns the quorum's root, nil for None or an undefined name.
func (p *Policy) tree() *node {
	nodes := make(map[string]*node, len(p.Witnesses)+len(p.Groups))
	for i, w := range p.Witnesses {
		if i < MaxWitnesses {
			nodes[w.Name] = &node{name: w.Name, witness: i}
		}
	}
	for _, g := range p.Groups {
		n := &node{name: g.Name, witness: -1, threshold: g.Threshold}
		for _, member := range g.Members {
			if m := nodes[member]; m != nil {
				n.members = append(n.members, m)
			}
		}
		nodes[g.Name] = n
	}
	return nodes[p.Quorum]
}

// met reports whether the witnesses present meet the tree.
func (n *node) met(present set) bool {
	if n.witness >= 0 {
		return present.has(n.witness)
	}
	count := 0
	for _, m := range n.members {
		if m.met(present) {
			if count++; count >= n.threshold {
				return true
			}
		}
	}
	return false
}

// leaves returns the witnesses in the tree.
func (n *node) leaves() set {
	if n.witness >= 0 {
		return single(n.witness)
	}
	var s set
	for _, m := range n.members {
		s |= m.leaves()
	}
	return s
}

// Met reports whether the witnesses for which present answers true meet the
// quorum, whoever operates them: what the specification asks, and too little
// for a relying party (see MetByOperators). A quorum of None is always met.
func (p *Policy) Met(present func(w Witness) bool) bool {
	if p.Quorum == None {
		return true
	}
	tree := p.tree()
	return tree != nil && tree.met(p.present(present))
}

func (p *Policy) present(present func(w Witness) bool) set {
	var s set
	for i, w := range p.Witnesses {
		if i < MaxWitnesses && present(w) {
			s |= single(i)
		}
	}
	return s
}
