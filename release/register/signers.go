package register

import (
	"slices"
	"strconv"

	"github.com/muster-log/muster/release"
)

// needs is what an entry asks of the authority: one role of one of the names
// that covers product, kind and channel.
type needs struct {
	roles                  []release.RoleName
	product, kind, channel string
}

var (
	imageRoles    = []release.RoleName{release.RoleImage}
	releaseRoles  = []release.RoleName{release.RoleRelease}
	withdrawRoles = []release.RoleName{release.RoleWithdraw, release.RoleRoot}
	rollRoles     = []release.RoleName{release.RoleRoll}
)

// needsOf returns what an entry asks for; a withdrawal what its target's
// product, kind and channel ask for. It is false for an authority, for a type
// without rules and for a withdrawal of neither an image nor a release.
func needsOf(statement, target *release.Statement) (needs, bool) {
	switch predicate := statement.Predicate.(type) {
	case *release.Image:
		return needs{roles: imageRoles, product: predicate.Product, kind: string(predicate.Kind)}, true
	case *release.Release:
		return needs{roles: releaseRoles, product: predicate.Product, channel: predicate.Channel}, true
	case *release.Roll:
		return needs{roles: rollRoles, product: predicate.Product}, true
	case *release.Withdrawal:
		if target == nil {
			return needs{}, false
		}
		switch target.Predicate.(type) {
		case *release.Image, *release.Release:
			of, _ := needsOf(target, nil)
			of.roles = withdrawRoles
			return of, true
		}
	}
	return needs{}, false
}

// admits judges by key ids alone whether a role admits the signers: it covers
// what is needed, every signer is a key of it, and its threshold is met by
// distinct keys. Signatures are checked after this, since they cost more.
func (l *Link) admits(n needs, signers []release.KeyID) *release.Refusal {
	for i, id := range signers {
		if !l.holds(id) {
			return release.Refuse(CodeSignerUnknown, signatureMember(i), id.String(), "a key of authority version "+strconv.Itoa(l.Authority.Version))
		}
	}
	// The refusal that comes nearest to admission is the one worth telling.
	var missed, outside *release.Refusal
	for i := range l.Authority.Roles {
		role := &l.Authority.Roles[i]
		if !n.coveredBy(role) {
			continue
		}
		if stranger := slices.IndexFunc(signers, func(id release.KeyID) bool { return !slices.Contains(role.Keys, id) }); stranger >= 0 {
			if outside == nil {
				outside = release.Refuse(CodeSignerOutsideRole, signatureMember(stranger), signers[stranger].String(), "a key of role "+string(role.Name))
			}
			continue
		}
		got := l.distinct(signers)
		if got >= role.Threshold && got > 0 {
			return nil
		}
		if missed == nil {
			missed = release.Refuse(CodeThresholdMissed, "signatures", strconv.Itoa(got)+" distinct keys of role "+string(role.Name), strconv.Itoa(role.Threshold))
		}
	}
	switch {
	case missed != nil:
		return missed
	case outside != nil:
		return outside
	}
	return n.refuse()
}

// coveredBy reports whether a role is one of those asked for.
func (n needs) coveredBy(role *release.Role) bool {
	return slices.Contains(n.roles, role.Name) && role.Covers(n.product, n.kind, n.channel)
}

// refuse says that no role is.
func (n needs) refuse() *release.Refusal {
	return release.Refuse(CodeRoleDoesNotCover, "predicate.product", describe(n), "a role "+string(n.roles[0])+" that covers it")
}

// distinct counts keys by SPKI: one key under two ids is one.
func (l *Link) distinct(ids []release.KeyID) int {
	seen := make([]release.Digest, 0, len(ids))
	for _, id := range ids {
		if spki := l.spki[id]; !slices.Contains(seen, spki) {
			seen = append(seen, spki)
		}
	}
	return len(seen)
}

func (l *Link) holds(id release.KeyID) bool {
	_, ok := l.Authority.Keys[id]
	return ok
}

func (l *Link) isRoot(id release.KeyID) bool {
	return l.holds(id) && slices.Contains(l.root().Keys, id)
}

// verifySigners checks every signature by the keys of the versions that hold
// them. One that is false weighs more than one that cannot be judged.
func (c *Chain) verifySigners(p *Prepared, holds func(*Link, release.KeyID) bool, links ...*Link) *release.Refusal {
	var unjudged *release.Refusal
	for i, id := range p.signers() {
		for _, link := range links {
			if !holds(link, id) {
				continue
			}
			refusal := p.verify(i, link.Authority.Keys[id], c.options.foreign)
			if refusal != nil && !undecided(refusal) {
				return refusal
			}
			if unjudged == nil {
				unjudged = refusal
			}
		}
	}
	return unjudged
}

// checkNamed judges that the entry names the authority in force as its own.
func checkNamed(link *Link, statement *release.Statement) *release.Refusal {
	if named := statement.Authority(); named != link.Digest {
		return release.Refuse(CodeAuthorityNotInForce, "predicate.authority", named.String(), link.Digest.String())
	}
	return nil
}

func signatureMember(i int) string { return "signatures[" + strconv.Itoa(i) + "].keyid" }

func describe(n needs) string {
	text := "product " + n.product
	if n.kind != "" {
		text += ", kind " + n.kind
	}
	if n.channel != "" {
		text += ", channel " + n.channel
	}
	return text
}
