package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/compare"
)

// authorityChange is one difference between two versions of an authority.
type authorityChange struct {
	Code compare.AuthorityCode `json:"code"`
	// Role and KeyID are of changes to a role's keys and of compromised keys.
	Role  release.RoleName `json:"role,omitempty"`
	KeyID *release.KeyID   `json:"keyid,omitempty"`
	Text  string           `json:"text"`
}

// compareAuthorities says what differs between two versions. The keys that a role
// loses or gets are in the order of their names.
func (a *app) compareAuthorities(before, after *release.Authority) []authorityChange {
	found := compare.Authorities(before, after)
	for from := 0; from < len(found); {
		to := from + 1
		for to < len(found) && found[to].Code == found[from].Code && found[to].Role() == found[from].Role() {
			to++
		}
		if found[from].Role() != nil {
			slices.SortStableFunc(found[from:to], func(x, y compare.AuthorityChange) int {
				return cmp.Compare(a.names[x.KeyID], a.names[y.KeyID])
			})
		}
		from = to
	}
	changes := []authorityChange{}
	for _, one := range found {
		change := authorityChange{Code: one.Code, Text: a.changeWords(&one)}
		if role := one.Role(); role != nil {
			change.Role = role.Name
		}
		if !one.KeyID.IsZero() {
			change.KeyID = &one.KeyID
		}
		changes = append(changes, change)
	}
	return changes
}

// changeWords says a difference.
func (a *app) changeWords(c *compare.AuthorityChange) string {
	before, after, role := c.Before, c.After, release.Role{}
	if of := c.Role(); of != nil {
		role = *of
	}
	switch c.Code {
	case compare.AuthorityOrigin:
		return fmt.Sprintf("it names the log %s instead of %s: with it the log %s ends", after.Origin, before.Origin, before.Origin)
	case compare.AuthorityExpires:
		return fmt.Sprintf("it expires %s instead of %s", after.Expires, before.Expires)
	case compare.AuthorityLimits:
		return fmt.Sprintf("an image is published within %d days instead of %d, a release lasts at most %d days instead of %d",
			after.Limits.PublishWithinDays, before.Limits.PublishWithinDays, after.Limits.ReleaseDays, before.Limits.ReleaseDays)
	case compare.ChannelAdded:
		return fmt.Sprintf("channel %s is new, and takes images of mode %s", after.Channel.Name, after.Channel.Mode)
	case compare.ChannelMode:
		return fmt.Sprintf("channel %s takes images of mode %s instead of %s", after.Channel.Name, after.Channel.Mode, before.Channel.Mode)
	case compare.ChannelRemoved:
		return fmt.Sprintf("channel %s is gone: no release can be logged in it, nor renewed", before.Channel.Name)
	case compare.RoleRemoved:
		return fmt.Sprintf("role %s%s is gone", role.Name, scope(role))
	case compare.RoleAdded:
		return fmt.Sprintf("role %s%s is new: %d of %s", role.Name, scope(role), role.Threshold, count(len(role.Keys), "key"))
	case compare.RoleScope:
		return fmt.Sprintf("role %s is for %s instead of %s", role.Name, scopeWords(role), scopeWords(*before.Role))
	case compare.RoleKeyRemoved:
		return fmt.Sprintf("role %s%s loses key %s", role.Name, scope(role), a.names.of(c.KeyID))
	case compare.RoleKeyAdded:
		return fmt.Sprintf("role %s%s gets key %s", role.Name, scope(role), a.names.of(c.KeyID))
	case compare.RoleThreshold:
		return fmt.Sprintf("role %s%s needs %s instead of %d", role.Name, scope(role), count(role.Threshold, "key"), before.Role.Threshold)
	case compare.KeyListed:
		return fmt.Sprintf("key %s is among the keys, and in no role", a.names.of(c.KeyID))
	case compare.KeyUnlisted:
		return fmt.Sprintf("key %s, which was in no role, is not among the keys any more", a.names.of(c.KeyID))
	case compare.KeyCompromised:
		return fmt.Sprintf("key %s is listed as compromised in %s from entry %d on", a.names.of(c.KeyID), after.Compromised.Origin, after.Compromised.From)
	case compare.CompromisedMoved:
		text := fmt.Sprintf("key %s is listed as compromised in %s from entry %d on instead of %d", a.names.of(c.KeyID), after.Compromised.Origin, after.Compromised.From, before.Compromised.From)
		if after.Compromised.From > before.Compromised.From {
			text += "; what that struck stays struck"
		}
		return text
	case compare.CompromisedLifted:
		return fmt.Sprintf("key %s is not listed as compromised any more; what that struck stays struck", a.names.of(c.KeyID))
	}
	return string(c.Code)
}

// scopeWords says to what a role is limited where a sentence needs a word for all.
func scopeWords(role release.Role) string {
	if text := strings.TrimPrefix(scope(role), ", "); text != "" {
		return text
	}
	return "everything"
}

func countRoles(roles []release.Role, name release.RoleName) int {
	n := 0
	for _, role := range roles {
		if role.Name == name {
			n++
		}
	}
	return n
}
