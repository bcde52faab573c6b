package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/muster-log/muster/release"
)

// authorityChange is one difference between two versions of an authority.
type authorityChange struct {
	// Code is one of changeKeyAdded and its like.
	Code string `json:"code"`
	// Role and KeyID are of changes to a role's keys and of compromised keys.
	Role  string         `json:"role,omitempty"`
	KeyID *release.KeyID `json:"keyid,omitempty"`
	Text  string         `json:"text"`
}

// The codes of differences.
const (
	changeOrigin         = "origin"
	changeExpires        = "expires"
	changeLimits         = "limits"
	changeChannelAdded   = "channel-added"
	changeChannelRemoved = "channel-removed"
	changeChannelMode    = "channel-mode"
	changeRoleAdded      = "role-added"
	changeRoleRemoved    = "role-removed"
	changeRoleScope      = "role-scope"
	changeKeyAdded       = "key-added"
	changeKeyRemoved     = "key-removed"
	changeThreshold      = "threshold"
	changeCompromised    = "key-compromised"
	changeUnlisted       = "compromised-unlisted"
)

// compareAuthorities says what differs between two versions.
func (a *app) compareAuthorities(before, after *release.Authority) []authorityChange {
	changes := []authorityChange{}
	add := func(code, format string, args ...any) {
		changes = append(changes, authorityChange{Code: code, Text: fmt.Sprintf(format, args...)})
	}
	if after.Origin != before.Origin {
		add(changeOrigin, "it names the log %s instead of %s: with it the log %s ends", after.Origin, before.Origin, before.Origin)
	}
	if !after.Expires.Equal(before.Expires) {
		add(changeExpires, "it expires %s instead of %s", release.FormatTime(after.Expires), release.FormatTime(before.Expires))
	}
	if after.Limits != before.Limits {
		add(changeLimits, "an image is published within %d days instead of %d, a release lasts at most %d days instead of %d",
			after.Limits.PublishWithinDays, before.Limits.PublishWithinDays, after.Limits.ReleaseDays, before.Limits.ReleaseDays)
	}
	changes = append(changes, compareChannels(before.Channels, after.Channels)...)
	changes = append(changes, a.compareRoles(before.Roles, after.Roles)...)
	for _, bad := range after.Compromised {
		if !slices.Contains(before.Compromised, bad) {
			changes = append(changes, authorityChange{Code: changeCompromised, KeyID: &bad.KeyID,
				Text: fmt.Sprintf("key %s is listed as compromised in %s from entry %d on", a.names.of(bad.KeyID), bad.Origin, bad.From)})
		}
	}
	for _, bad := range before.Compromised {
		if !slices.Contains(after.Compromised, bad) {
			changes = append(changes, authorityChange{Code: changeUnlisted, KeyID: &bad.KeyID,
				Text: fmt.Sprintf("key %s is not listed as compromised any more; what that struck stays struck", a.names.of(bad.KeyID))})
		}
	}
	return changes
}

func compareChannels(before, after []release.Channel) (changes []authorityChange) {
	mode := func(channels []release.Channel, name string) release.Mode {
		for _, channel := range channels {
			if channel.Name == name {
				return channel.Mode
			}
		}
		return ""
	}
	add := func(code, format string, args ...any) {
		changes = append(changes, authorityChange{Code: code, Text: fmt.Sprintf(format, args...)})
	}
	for _, channel := range after {
		switch was := mode(before, channel.Name); was {
		case channel.Mode:
		case "":
			add(changeChannelAdded, "channel %s is new, and takes images of mode %s", channel.Name, channel.Mode)
		default:
			add(changeChannelMode, "channel %s takes images of mode %s instead of %s", channel.Name, channel.Mode, was)
		}
	}
	for _, channel := range before {
		if mode(after, channel.Name) == "" {
			add(changeChannelRemoved, "channel %s is gone: no release can be logged in it, nor renewed", channel.Name)
		}
	}
	return changes
}

// compareRoles pairs the roles of two versions: those of one name and scope, of what
// is left those with the same keys, and then those whose name is there once in each.
func (a *app) compareRoles(before, after []release.Role) (changes []authorityChange) {
	before, after = byDuty(before), byDuty(after)
	pair := map[int]int{} // of after -> of before
	match := func(same func(x, y release.Role) bool) {
		for i, role := range after {
			if _, paired := pair[i]; paired {
				continue
			}
			for j, old := range before {
				if !hasValue(pair, j) && role.Name == old.Name && same(role, old) {
					pair[i] = j
					break
				}
			}
		}
	}
	match(func(x, y release.Role) bool { return scope(x) == scope(y) })
	match(func(x, y release.Role) bool { return slices.Equal(sortedBy(x.Keys, nil), sortedBy(y.Keys, nil)) })
	match(func(x, _ release.Role) bool { return countRoles(before, x.Name) == 1 && countRoles(after, x.Name) == 1 })
	for j, old := range before {
		if !hasValue(pair, j) {
			changes = append(changes, authorityChange{Code: changeRoleRemoved, Role: string(old.Name), Text: fmt.Sprintf("role %s%s is gone", old.Name, scope(old))})
		}
	}
	for i, role := range after {
		j, paired := pair[i]
		if !paired {
			changes = append(changes, authorityChange{Code: changeRoleAdded, Role: string(role.Name),
				Text: fmt.Sprintf("role %s%s is new: %d of %s", role.Name, scope(role), role.Threshold, count(len(role.Keys), "key"))})
			changes = append(changes, a.compareKeys(release.Role{Name: role.Name}, role)...)
			continue
		}
		old := before[j]
		if scope(old) != scope(role) {
			changes = append(changes, authorityChange{Code: changeRoleScope, Role: string(role.Name),
				Text: fmt.Sprintf("role %s is for %s instead of %s", role.Name, scopeWords(role), scopeWords(old))})
		}
		changes = append(changes, a.compareKeys(old, role)...)
		if old.Threshold != role.Threshold {
			changes = append(changes, authorityChange{Code: changeThreshold, Role: string(role.Name),
				Text: fmt.Sprintf("role %s%s needs %s instead of %d", role.Name, scope(role), count(role.Threshold, "key"), old.Threshold)})
		}
	}
	return changes
}

func (a *app) compareKeys(old, role release.Role) (changes []authorityChange) {
	for _, id := range a.names.sorted(old.Keys) {
		if !slices.Contains(role.Keys, id) {
			changes = append(changes, authorityChange{Code: changeKeyRemoved, Role: string(role.Name), KeyID: &id,
				Text: fmt.Sprintf("role %s%s loses key %s", role.Name, scope(role), a.names.of(id))})
		}
	}
	for _, id := range a.names.sorted(role.Keys) {
		if !slices.Contains(old.Keys, id) {
			changes = append(changes, authorityChange{Code: changeKeyAdded, Role: string(role.Name), KeyID: &id,
				Text: fmt.Sprintf("role %s%s gets key %s", role.Name, scope(role), a.names.of(id))})
		}
	}
	return changes
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

func hasValue(pairs map[int]int, value int) bool {
	for _, have := range pairs {
		if have == value {
			return true
		}
	}
	return false
}
