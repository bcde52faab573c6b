// Package authority finds what in an authority its holders should mean when they sign
// it: single keys that do everything, keys in two places, roles that admit nothing, an
// end that is near. It also makes the next version to change. What it finds are codes
// and what they are about; the words are the caller's.
//
// It is a pure function of statements. Whether a log takes an authority is for
// release/register to judge: nothing here refuses one.
package authority

import (
	"slices"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
)

// FewVersions is how many versions may be left before that is a danger.
const FewVersions = 3

// Code says what a danger is. Codes are stable: programs compare them.
type Code string

// The codes of dangers, each with what it fills in of a [Danger].
const (
	Expired           Code = "expired"
	ExpiresSoon       Code = "expires-soon"            // Left: days
	VersionsRunOut    Code = "versions-run-out"        // Left: versions
	RoleCoversNothing Code = "role-covers-nothing"     // Role, Why
	RootAlone         Code = "root-alone"              // Role, Keys: one of them changes everything
	RootLost          Code = "root-lost"               // Role: none of its keys may be lost
	RootKeyInUse      Code = "root-key-in-use"         // Role that has root Keys, too
	ReleaseAlone      Code = "release-alone"           // Role, Keys: one of them releases
	OnePerson         Code = "one-person"              // Role, Person who meets it alone
	KeyFormat         Code = "key-format"              // Role, Keys: one, which needs a verifier of its own
	RollKeyShared     Code = "roll-key-shared"         // Role, Keys: one, which signs rolls, too
	OneKey            Code = "one-key"                 // Keys: each states images and releases them
	RolesUnlimited    Code = "roles-unlimited"         // Names of roles for every product
	NoWithdrawRole    Code = "no-withdraw-role"        // only the root withdraws
	NoRollRole        Code = "no-roll-role"            // nobody signs rolls
	NoImageRole       Code = "no-image-role"           // no image is admitted
	NoReleaseRole     Code = "no-release-role"         // no release is admitted
	CompromisedInRole Code = "compromised-key-in-role" // Role, Keys: one, which is listed as compromised
)

// Why says why a role admits nothing: an entry without a kind or a channel is covered
// by an empty list alone.
type Why string

// The reasons.
const (
	ImageHasNoChannel   Why = "image-has-no-channel"
	ReleaseHasNoKind    Why = "release-has-no-kind"
	ChannelNotListed    Why = "channel-not-listed" // none of its channels stands in channels
	RollHasNeither      Why = "roll-has-neither-kind-nor-channel"
	WithdrawnHasNotBoth Why = "image-has-no-channel-and-release-no-kind"
)

// Danger is something in an authority that its holders should mean.
type Danger struct {
	Code Code
	// Role is the role that it is about; nil: none, or the authority as a whole.
	Role *release.Role
	// Keys are the keys that it is about, ascending.
	Keys   []release.KeyID
	Left   int
	Why    Why
	Person string
	Names  []release.RoleName
}

// Dangers finds what is dangerous in an authority at a time. person says whose a key
// is; empty: not known. It may be nil.
func Dangers(a *release.Authority, now time.Time, person func(release.KeyID) string) []Danger {
	var found []Danger
	switch left := a.Expires.Sub(now); {
	case left <= 0:
		found = append(found, Danger{Code: Expired})
	case left <= register.ExpiryAlarm:
		found = append(found, Danger{Code: ExpiresSoon, Left: int(left.Hours() / 24)})
	}
	if left := release.MaxAuthorityVersion - a.Version; left <= FewVersions {
		found = append(found, Danger{Code: VersionsRunOut, Left: left})
	}
	roles := release.ByDuty(a.Roles)
	found = append(found, Useless(a)...)
	found = append(found, ofRoot(Root(a), roles)...)
	found = append(found, ofRoles(a, roles, person)...)
	for _, missing := range []struct {
		name release.RoleName
		code Code
	}{{release.RoleWithdraw, NoWithdrawRole}, {release.RoleRoll, NoRollRole}, {release.RoleImage, NoImageRole}, {release.RoleRelease, NoReleaseRole}} {
		if !slices.ContainsFunc(roles, func(role release.Role) bool { return role.Name == missing.name }) {
			found = append(found, Danger{Code: missing.code})
		}
	}
	for _, bad := range a.Compromised {
		for i := range roles {
			if slices.Contains(roles[i].Keys, bad.KeyID) {
				found = append(found, Danger{Code: CompromisedInRole, Role: &roles[i], Keys: []release.KeyID{bad.KeyID}})
			}
		}
	}
	return found
}

// ofRoot finds what the root can do alone, or not do any more, and where else its keys are.
func ofRoot(root *release.Role, roles []release.Role) (found []Danger) {
	switch {
	case root.Threshold == 1:
		found = append(found, Danger{Code: RootAlone, Role: root, Keys: sorted(root.Keys)})
	case root.Threshold == len(root.Keys):
		found = append(found, Danger{Code: RootLost, Role: root})
	}
	for i := range roles {
		if roles[i].Name == release.RoleRoot {
			continue
		}
		shared := slices.DeleteFunc(sorted(roles[i].Keys), func(id release.KeyID) bool { return !slices.Contains(root.Keys, id) })
		if len(shared) > 0 {
			found = append(found, Danger{Code: RootKeyInUse, Role: &roles[i], Keys: shared})
		}
	}
	return found
}

// ofRoles finds what single keys and single persons can do.
func ofRoles(a *release.Authority, roles []release.Role, person func(release.KeyID) string) (found []Danger) {
	var everywhere []release.RoleName
	for i := range roles {
		role := &roles[i]
		if role.Name == release.RoleRelease && role.Threshold == 1 {
			found = append(found, Danger{Code: ReleaseAlone, Role: role, Keys: sorted(role.Keys)})
		}
		if who := onePerson(role, person); who != "" {
			found = append(found, Danger{Code: OnePerson, Role: role, Person: who})
		}
		for _, id := range sorted(role.Keys) {
			if format := a.Keys[id].Format; format == release.FormatOpenPGP || format == release.FormatX509 {
				found = append(found, Danger{Code: KeyFormat, Role: role, Keys: []release.KeyID{id}})
			}
			if role.Name != release.RoleRoll {
				continue
			}
			for j := range roles {
				if other := &roles[j]; other.Name != release.RoleRoll && slices.Contains(other.Keys, id) {
					found = append(found, Danger{Code: RollKeyShared, Role: other, Keys: []release.KeyID{id}})
				}
			}
		}
		if role.Name != release.RoleRoot && len(role.Products) == 0 && !slices.Contains(everywhere, role.Name) {
			everywhere = append(everywhere, role.Name)
		}
	}
	if keys := alone(a); len(keys) > 0 {
		found = append(found, Danger{Code: OneKey, Keys: keys})
	}
	if len(everywhere) > 0 {
		found = append(found, Danger{Code: RolesUnlimited, Names: everywhere})
	}
	return found
}

// Useless finds the roles that admit nothing, each a danger of code [RoleCoversNothing].
func Useless(a *release.Authority) (found []Danger) {
	roles := release.ByDuty(a.Roles)
	for i := range roles {
		role := &roles[i]
		kinds, channels := len(role.Kinds) > 0, len(role.Channels) > 0
		var why Why
		switch {
		case role.Name == release.RoleImage && channels:
			why = ImageHasNoChannel
		case role.Name == release.RoleRelease && kinds:
			why = ReleaseHasNoKind
		case role.Name == release.RoleRelease && channels && len(Reached(a, role)) == 0:
			why = ChannelNotListed
		case role.Name == release.RoleRoll && (kinds || channels):
			why = RollHasNeither
		case role.Name == release.RoleWithdraw && kinds && channels:
			why = WithdrawnHasNotBoth
		default:
			continue
		}
		found = append(found, Danger{Code: RoleCoversNothing, Role: role, Why: why})
	}
	return found
}

// alone returns the keys that alone meet both an image and a release role, ascending.
func alone(a *release.Authority) (found []release.KeyID) {
	meets := func(id release.KeyID, name release.RoleName) bool {
		return slices.ContainsFunc(a.Roles, func(role release.Role) bool {
			return role.Name == name && role.Threshold == 1 && slices.Contains(role.Keys, id)
		})
	}
	for id := range a.Keys {
		if meets(id, release.RoleImage) && meets(id, release.RoleRelease) {
			found = append(found, id)
		}
	}
	return sorted(found)
}

// onePerson returns who meets a threshold of several keys alone; empty: nobody known.
func onePerson(role *release.Role, person func(release.KeyID) string) string {
	if role.Threshold < 2 || person == nil {
		return ""
	}
	keys := map[string]int{}
	for _, id := range sorted(role.Keys) {
		who := person(id)
		if who == "" {
			continue
		}
		if keys[who]++; keys[who] >= role.Threshold {
			return who
		}
	}
	return ""
}

func sorted(ids []release.KeyID) []release.KeyID {
	return slices.SortedFunc(slices.Values(ids), release.KeyID.Compare)
}
