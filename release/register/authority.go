package register

import (
	"strconv"

	"github.com/muster-log/muster/release"
)

// checkSuccession judges that an authority follows the one in force: version,
// previous, and (by key ids alone) the thresholds of both roots. own is the link
// that it would be.
func (c *Chain) checkSuccession(p *Prepared, own *Link) *release.Refusal {
	authority, newest := own.Authority, c.Newest()
	want := 1
	if newest != nil {
		want = newest.Authority.Version + 1
	}
	if authority.Version != want {
		return release.Refuse(CodeVersionNotNext, "predicate.version", strconv.Itoa(authority.Version), strconv.Itoa(want))
	}
	if newest != nil && (authority.Previous == nil || *authority.Previous != newest.Digest) {
		got := "none"
		if authority.Previous != nil {
			got = authority.Previous.String()
		}
		return release.Refuse(CodePreviousNotInForce, "predicate.previous", got, newest.Digest.String())
	}
	if p.supposed {
		return nil
	}
	return checkRoots(newest, own, p.signers())
}

// checkRoots judges the signers of an authority: each a key of the previous
// root or of its own, and the threshold of each met. previous is nil for
// version 1.
func checkRoots(previous, own *Link, signers []release.KeyID) *release.Refusal {
	for i, id := range signers {
		if own.isRoot(id) || (previous != nil && previous.isRoot(id)) {
			continue
		}
		if own.holds(id) || (previous != nil && previous.holds(id)) {
			return release.Refuse(CodeSignerOutsideRole, signatureMember(i), id.String(), "a root key of this version or of the previous one")
		}
		return release.Refuse(CodeSignerUnknown, signatureMember(i), id.String(), "a key of this version or of the previous one")
	}
	if previous != nil {
		if refusal := previous.rootMet(signers, CodePreviousRootMissed); refusal != nil {
			return refusal
		}
	}
	return own.rootMet(signers, CodeOwnRootMissed)
}

// root returns the root role, which stands exactly once in every authority.
func (l *Link) root() *release.Role {
	for i := range l.Authority.Roles {
		if l.Authority.Roles[i].Name == release.RoleRoot {
			return &l.Authority.Roles[i]
		}
	}
	return &release.Role{Name: release.RoleRoot}
}

// rootMet judges whether the keys of this version's root among the signers
// meet its threshold.
func (l *Link) rootMet(signers []release.KeyID, code release.Code) *release.Refusal {
	root := l.root()
	var ofRoot []release.KeyID
	for _, id := range signers {
		if l.isRoot(id) {
			ofRoot = append(ofRoot, id)
		}
	}
	if got := l.distinct(ofRoot); got < root.Threshold || got == 0 {
		return release.Refuse(code, "signatures", strconv.Itoa(got)+" distinct root keys of version "+strconv.Itoa(l.Authority.Version), strconv.Itoa(root.Threshold))
	}
	return nil
}

// verifyRoots checks every signature of an authority by the key of each
// version whose root it counts for.
func (c *Chain) verifyRoots(p *Prepared, own *Link) *release.Refusal {
	if previous := c.Newest(); previous != nil {
		return c.verifySigners(p, (*Link).isRoot, own, previous)
	}
	return c.verifySigners(p, (*Link).isRoot, own)
}

// judgeAuthority judges the rules of an authority at the next index, all but
// place, dates and signatures.
func (s *State) judgeAuthority(p *Prepared, authority *release.Authority) (*Link, *release.Refusal) {
	own := newLink(s.Size(), p.Digest, authority)
	if refusal := s.chain.checkSuccession(p, own); refusal != nil {
		return nil, refusal
	}
	return own, nil
}

// enter puts the authority in force from the next index on, and strikes what
// it and the versions before it list.
func (l *Link) enter(s *State, _ *record) {
	s.chain.append(l)
	if len(s.chain.listed) > 0 {
		s.strike(l.Index)
	}
}
