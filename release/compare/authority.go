package compare

import (
	"slices"

	"github.com/muster-log/muster/release"
)

// AuthorityCode says what one difference between two versions of an authority is.
type AuthorityCode string

// The codes of differences, in the order in which [Authorities] lists them; those of
// one role stand together.
const (
	AuthorityOrigin   AuthorityCode = "origin"  // Before.Origin, After.Origin
	AuthorityExpires  AuthorityCode = "expires" // Before.Expires, After.Expires
	AuthorityLimits   AuthorityCode = "limits"  // Before.Limits, After.Limits
	ChannelAdded      AuthorityCode = "channel-added"
	ChannelMode       AuthorityCode = "channel-mode"
	ChannelRemoved    AuthorityCode = "channel-removed"
	RoleRemoved       AuthorityCode = "role-removed"
	RoleAdded         AuthorityCode = "role-added"  // its keys follow, each as RoleKeyAdded
	RoleScope         AuthorityCode = "role-scope"  // products, kinds or channels that it is limited to
	RoleKeyRemoved    AuthorityCode = "key-removed" // KeyID, from the role
	RoleKeyAdded      AuthorityCode = "key-added"   // KeyID, to the role
	RoleThreshold     AuthorityCode = "threshold"
	KeyListed         AuthorityCode = "key-listed"           // KeyID, held in no role
	KeyUnlisted       AuthorityCode = "key-unlisted"         // KeyID, which no role held
	KeyCompromised    AuthorityCode = "key-compromised"      // After.Compromised
	CompromisedMoved  AuthorityCode = "compromised-moved"    // one key and origin, from another index on
	CompromisedLifted AuthorityCode = "compromised-unlisted" // Before.Compromised; what it struck stays struck
)

// AuthorityChange is one difference between two versions of an authority.
type AuthorityChange struct {
	Code AuthorityCode
	// KeyID is the key that the change is of, where it is of one.
	KeyID release.KeyID
	// Before and After are what the code is about, in each version; zero: nothing.
	Before, After AuthorityPart
}

// AuthorityPart is a part of an authority: what the code of a change is about.
type AuthorityPart struct {
	Origin      string
	Expires     string // RFC 3339, as statements have it
	Limits      release.Limits
	Channel     release.Channel
	Role        *release.Role
	Compromised release.Compromised
}

// Role is the role that the change is of: as it is after, or, if it is gone, as it
// was before; nil if the change is of none.
func (c *AuthorityChange) Role() *release.Role {
	if c.After.Role != nil {
		return c.After.Role
	}
	return c.Before.Role
}

// Authorities lists what differs between two versions of an authority: everything
// but version, issued and previous, in which any two differ.
//
// Roles have no names of their own, so those of the two versions are paired: first
// those that are the same, then those of one name with one scope and the same keys,
// with one scope, with the same keys, and at last those whose name no other role has.
func Authorities(before, after *release.Authority) []AuthorityChange {
	var changes []AuthorityChange
	add := func(code AuthorityCode, before, after AuthorityPart) {
		changes = append(changes, AuthorityChange{Code: code, Before: before, After: after})
	}
	if before.Origin != after.Origin {
		add(AuthorityOrigin, AuthorityPart{Origin: before.Origin}, AuthorityPart{Origin: after.Origin})
	}
	if !before.Expires.Equal(after.Expires) {
		add(AuthorityExpires, AuthorityPart{Expires: release.FormatTime(before.Expires)}, AuthorityPart{Expires: release.FormatTime(after.Expires)})
	}
	if before.Limits != after.Limits {
		add(AuthorityLimits, AuthorityPart{Limits: before.Limits}, AuthorityPart{Limits: after.Limits})
	}
	changes = append(changes, compareChannels(before.Channels, after.Channels)...)
	changes = append(changes, compareRoles(before.Roles, after.Roles)...)
	changes = append(changes, compareKeysOutsideRoles(before, after)...)
	return append(changes, compareCompromised(before.Compromised, after.Compromised)...)
}

func compareChannels(before, after []release.Channel) (changes []AuthorityChange) {
	find := func(channels []release.Channel, name string) (release.Channel, bool) {
		i := slices.IndexFunc(channels, func(channel release.Channel) bool { return channel.Name == name })
		if i < 0 {
			return release.Channel{}, false
		}
		return channels[i], true
	}
	for _, channel := range after {
		switch was, ok := find(before, channel.Name); {
		case !ok:
			changes = append(changes, AuthorityChange{Code: ChannelAdded, After: AuthorityPart{Channel: channel}})
		case was.Mode != channel.Mode:
			changes = append(changes, AuthorityChange{Code: ChannelMode, Before: AuthorityPart{Channel: was}, After: AuthorityPart{Channel: channel}})
		}
	}
	for _, channel := range before {
		if _, ok := find(after, channel.Name); !ok {
			changes = append(changes, AuthorityChange{Code: ChannelRemoved, Before: AuthorityPart{Channel: channel}})
		}
	}
	return changes
}

// compareKeysOutsideRoles finds keys that come or go without a role that would show it.
func compareKeysOutsideRoles(before, after *release.Authority) (changes []AuthorityChange) {
	missing := func(from, in *release.Authority, code AuthorityCode) {
		var ids []release.KeyID
		for id := range from.Keys {
			_, stays := in.Keys[id]
			if !stays && !slices.ContainsFunc(from.Roles, func(role release.Role) bool { return slices.Contains(role.Keys, id) }) {
				ids = append(ids, id)
			}
		}
		for _, id := range sortedKeys(ids) {
			changes = append(changes, AuthorityChange{Code: code, KeyID: id})
		}
	}
	missing(after, before, KeyListed)
	missing(before, after, KeyUnlisted)
	return changes
}

// compareCompromised pairs what is listed of one key in one log, where each version
// lists it once; of what is listed more often each index stands for itself.
func compareCompromised(before, after []release.Compromised) (changes []AuthorityChange) {
	sole := func(list []release.Compromised, like release.Compromised) (release.Compromised, bool) {
		var found release.Compromised
		n := 0
		for _, bad := range list {
			if bad.KeyID == like.KeyID && bad.Origin == like.Origin {
				found, n = bad, n+1
			}
		}
		return found, n == 1
	}
	moved := func(bad release.Compromised) (was release.Compromised, ok bool) {
		was, once := sole(before, bad)
		_, still := sole(after, bad)
		return was, once && still
	}
	for _, bad := range after {
		if slices.Contains(before, bad) {
			continue
		}
		change := AuthorityChange{Code: KeyCompromised, KeyID: bad.KeyID, After: AuthorityPart{Compromised: bad}}
		if was, ok := moved(bad); ok {
			change.Code, change.Before = CompromisedMoved, AuthorityPart{Compromised: was}
		}
		changes = append(changes, change)
	}
	for _, bad := range before {
		if _, ok := moved(bad); !ok && !slices.Contains(after, bad) {
			changes = append(changes, AuthorityChange{Code: CompromisedLifted, KeyID: bad.KeyID, Before: AuthorityPart{Compromised: bad}})
		}
	}
	return changes
}
