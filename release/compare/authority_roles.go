package compare

import (
	"slices"

	"github.com/muster-log/muster/release"
)

// compareRoles says what differs between the roles of two versions, pair by pair,
// after those that are gone.
func compareRoles(before, after []release.Role) (changes []AuthorityChange) {
	before, after = release.ByDuty(before), release.ByDuty(after)
	pairs := pairRoles(before, after)
	for i := range before {
		if !slices.Contains(pairs, i) {
			changes = append(changes, AuthorityChange{Code: RoleRemoved, Before: AuthorityPart{Role: &before[i]}})
		}
	}
	for i := range after {
		role := &after[i]
		if pairs[i] < 0 {
			changes = append(changes, AuthorityChange{Code: RoleAdded, After: AuthorityPart{Role: role}})
			changes = append(changes, compareRoleKeys(nil, role)...)
			continue
		}
		was := &before[pairs[i]]
		add := func(code AuthorityCode) {
			changes = append(changes, AuthorityChange{Code: code, Before: AuthorityPart{Role: was}, After: AuthorityPart{Role: role}})
		}
		if !sameScope(was, role) {
			add(RoleScope)
		}
		changes = append(changes, compareRoleKeys(was, role)...)
		if was.Threshold != role.Threshold {
			add(RoleThreshold)
		}
	}
	return changes
}

// pairRoles returns for each role after which one it was before; -1: none.
func pairRoles(before, after []release.Role) []int {
	pairs := make([]int, len(after))
	for i := range pairs {
		pairs[i] = -1
	}
	pair := func(alike func(was, is *release.Role) bool) {
		for i := range after {
			for j := range before {
				if pairs[i] < 0 && !slices.Contains(pairs, j) && before[j].Name == after[i].Name && alike(&before[j], &after[i]) {
					pairs[i] = j
				}
			}
		}
	}
	count := func(roles []release.Role, name release.RoleName) (n int) {
		for _, role := range roles {
			if role.Name == name {
				n++
			}
		}
		return n
	}
	pair(func(was, is *release.Role) bool {
		return sameScope(was, is) && sameKeys(was, is) && was.Threshold == is.Threshold
	})
	pair(func(was, is *release.Role) bool { return sameScope(was, is) && sameKeys(was, is) })
	pair(sameScope)
	pair(sameKeys)
	pair(func(was, is *release.Role) bool { return count(before, was.Name) == 1 && count(after, is.Name) == 1 })
	return pairs
}

// compareRoleKeys says which keys a role loses and gets; was is nil for a new one.
func compareRoleKeys(was, is *release.Role) (changes []AuthorityChange) {
	var had []release.KeyID
	if was != nil {
		had = was.Keys
	}
	add := func(code AuthorityCode, from, without []release.KeyID) {
		for _, id := range sortedKeys(from) {
			if !slices.Contains(without, id) {
				changes = append(changes, AuthorityChange{Code: code, KeyID: id, Before: AuthorityPart{Role: was}, After: AuthorityPart{Role: is}})
			}
		}
	}
	add(RoleKeyRemoved, had, is.Keys)
	add(RoleKeyAdded, is.Keys, had)
	return changes
}

func sameScope(x, y *release.Role) bool {
	return sameSet(x.Products, y.Products) && sameSet(x.Kinds, y.Kinds) && sameSet(x.Channels, y.Channels)
}

func sameKeys(x, y *release.Role) bool {
	return slices.Equal(sortedKeys(x.Keys), sortedKeys(y.Keys))
}

func sameSet(x, y []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(x)), slices.Sorted(slices.Values(y)))
}

func sortedKeys(ids []release.KeyID) []release.KeyID {
	return slices.SortedFunc(slices.Values(ids), release.KeyID.Compare)
}
