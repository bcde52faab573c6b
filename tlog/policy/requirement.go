package policy

// Requirement is a quorum as a tree, for those who explain a policy in words.
type Requirement struct {
	// Name is the witness's or the group's.
	Name string
	// Witness is nil for a group.
	Witness *Witness
	// Threshold of the Members of a group have to cosign.
	Threshold int
	Members   []Requirement
}

// Requirement returns what the quorum asks for; false for a quorum of None.
func (p *Policy) Requirement() (Requirement, bool) {
	tree := p.tree()
	if tree == nil {
		return Requirement{}, false
	}
	return p.requirement(tree), true
}

func (p *Policy) requirement(n *node) Requirement {
	if n.witness >= 0 {
		return Requirement{Name: n.name, Witness: &p.Witnesses[n.witness]}
	}
	r := Requirement{Name: n.name, Threshold: n.threshold}
	for _, m := range n.members {
		r.Members = append(r.Members, p.requirement(m))
	}
	return r
}
