package authority

import (
	"fmt"
	"maps"
	"slices"

	"github.com/muster-log/muster/release"
)

// Root returns the root role, which stands exactly once in every authority that is one.
func Root(a *release.Authority) *release.Role {
	for i := range a.Roles {
		if a.Roles[i].Name == release.RoleRoot {
			return &a.Roles[i]
		}
	}
	return &release.Role{Name: release.RoleRoot}
}

// Reached returns the channels of an authority that a release role covers.
func Reached(a *release.Authority, role *release.Role) (reached []release.Channel) {
	for _, channel := range a.Channels {
		if len(role.Channels) == 0 || slices.Contains(role.Channels, channel.Name) {
			reached = append(reached, channel)
		}
	}
	return reached
}

// Next returns the version after one whose payload digest is given: with nothing
// changed but its number and what it follows, and maps and lists of its own. Its issued
// is still that of the version before. The error: there is no version after the last.
func Next(before *release.Authority, digest release.Digest) (*release.Authority, error) {
	if before.Version >= release.MaxAuthorityVersion {
		return nil, fmt.Errorf("version %d is the last one that an authority can have", release.MaxAuthorityVersion)
	}
	next := *before
	next.Version++
	next.Previous = &digest
	next.Keys = maps.Clone(next.Keys)
	next.Channels = slices.Clone(next.Channels)
	next.Compromised = slices.Clone(next.Compromised)
	next.Roles = slices.Clone(next.Roles)
	for i := range next.Roles {
		role := &next.Roles[i]
		role.Keys, role.Products, role.Kinds, role.Channels = slices.Clone(role.Keys), slices.Clone(role.Products), slices.Clone(role.Kinds), slices.Clone(role.Channels)
	}
	return &next, nil
}

// Settle makes a version that was changed whole: keys stand in order in their roles,
// and none without a role. It returns the first role that has fewer keys than must
// sign, and so could never; nil: there is none.
func Settle(a *release.Authority) *release.Role {
	used := map[release.KeyID]bool{}
	for i := range a.Roles {
		role := &a.Roles[i]
		role.Keys = sorted(role.Keys)
		for _, id := range role.Keys {
			used[id] = true
		}
		if len(role.Keys) == 0 || role.Threshold > len(role.Keys) {
			return role
		}
	}
	maps.DeleteFunc(a.Keys, func(id release.KeyID, _ release.Key) bool { return !used[id] })
	return nil
}
