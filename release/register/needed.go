package register

import (
	"slices"

	"github.com/muster-log/muster/release"
)

// Needed returns the roles of an authority of which one admits an image, a release, a
// roll or a withdrawal, whose target is what it withdraws: those of a needed name that
// cover product, kind and channel, those of a withdraw role before the root. None: nobody's signature admits it. Of an authority
// it is the root: ask it of the version before and of the new one, both must be met.
// Whether signers meet one of them, [CheckSigners] judges.
func Needed(authority *release.Authority, statement, target *release.Statement) []release.Role {
	if statement.Type == release.TypeAuthority {
		return slices.DeleteFunc(slices.Clone(authority.Roles), func(role release.Role) bool { return role.Name != release.RoleRoot })
	}
	asked, ok := needsOf(statement, target)
	if !ok {
		return nil
	}
	return asked.among(authority)
}

// Signed counts which keys of a role are among the signers, as thresholds count them:
// one key under two ids is one.
func Signed(authority *release.Authority, role *release.Role, signers []release.KeyID) int {
	of := slices.DeleteFunc(slices.Clone(signers), func(id release.KeyID) bool { return !slices.Contains(role.Keys, id) })
	return newLink(0, release.Digest{}, authority).distinct(of)
}

// NeededAt is [Needed] for a statement at an index of the log: of the authority then in
// force, and of what the log had then for a withdrawal to name. It is also none where
// no authority was in force.
func (s *State) NeededAt(index uint64, statement *release.Statement) []release.Role {
	authority, _ := s.AuthorityAt(index)
	if authority == nil {
		return nil
	}
	stated, ok := statement.Predicate.(*release.Withdrawal)
	if !ok {
		return Needed(authority, statement, nil)
	}
	target, logged := s.byDigest[stated.Target]
	if !logged || target >= index {
		return nil
	}
	asked, ok := s.records[target].withdrawalNeeds()
	if !ok {
		return nil
	}
	return asked.among(authority)
}

// among returns the roles that are asked for, in the order of the names asked for.
func (n needs) among(authority *release.Authority) []release.Role {
	roles := slices.DeleteFunc(slices.Clone(authority.Roles), func(role release.Role) bool { return !n.coveredBy(&role) })
	slices.SortStableFunc(roles, func(x, y release.Role) int { return slices.Index(n.roles, x.Name) - slices.Index(n.roles, y.Name) })
	return roles
}

// withdrawalNeeds returns what a withdrawal of the entry asks for; false if it is
// neither an image nor a release.
func (r *record) withdrawalNeeds() (needs, bool) {
	switch r.effect.(type) {
	case *image, *releaseEntry:
		asked, _ := r.needs()
		asked.roles = withdrawRoles
		return asked, true
	}
	return needs{}, false
}
