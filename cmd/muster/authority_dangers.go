package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
)

// fewVersions is how many versions may be left before that is worth a warning.
const fewVersions = 3

// danger is something in an authority that its holders should mean.
type danger struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// dangers finds what is dangerous in an authority, at a time. Persons are told
// apart by the names of their key files, where --names gives some.
func (a *app) dangers(authority *release.Authority, now time.Time) []danger {
	found := []danger{}
	add := func(code, format string, args ...any) {
		found = append(found, danger{code, fmt.Sprintf(format, args...)})
	}
	switch left := authority.Expires.Sub(now); {
	case left <= 0:
		add("expired", "it expired %s: only its successor and withdrawals are admitted", release.FormatTime(authority.Expires))
	case left <= register.ExpiryAlarm:
		add("expires-soon", "it expires %s, in %s: then nothing but its successor and withdrawals is admitted, and rolls stop", release.FormatTime(authority.Expires), count(int(left.Hours()/24), "day"))
	}
	if left := release.MaxAuthorityVersion - authority.Version; left <= fewVersions {
		add("versions-run-out", "%s left: after version %d only a new log with a new first authority helps", count(left, "version"), release.MaxAuthorityVersion)
	}
	found = append(found, uselessRoles(authority)...)
	a.rootDangers(authority, add)
	a.roleDangers(authority, add)
	for _, role := range []struct {
		name release.RoleName
		text string
	}{
		{release.RoleWithdraw, "there is no withdraw role: only the root withdraws, which takes its threshold in an emergency"},
		{release.RoleRoll, "there is no roll role: nobody can sign what is live, and clients that require a roll accept nothing"},
		{release.RoleImage, "there is no image role: no image can be logged"},
		{release.RoleRelease, "there is no release role: no release can be logged"},
	} {
		if countRoles(authority.Roles, role.name) == 0 {
			add("no-"+string(role.name)+"-role", "%s", role.text)
		}
	}
	for _, bad := range authority.Compromised {
		for _, role := range byDuty(authority.Roles) {
			if slices.Contains(role.Keys, bad.KeyID) {
				add("compromised-key-in-role", "role %s has key %s, which is listed as compromised", role.Name, a.short(bad.KeyID))
			}
		}
	}
	return found
}

func (a *app) rootDangers(authority *release.Authority, add func(code, format string, args ...any)) {
	root := rootOf(authority)
	switch {
	case root.Threshold == 1:
		add("root-alone", "one root key alone changes everything here: %s", a.shortList(root.Keys))
	case root.Threshold == len(root.Keys):
		add("root-lost", "all %d root keys must sign: with one of them lost, this authority can never be changed", root.Threshold)
	}
	for _, role := range byDuty(authority.Roles) {
		if role.Name == release.RoleRoot {
			continue
		}
		shared := slices.DeleteFunc(slices.Clone(role.Keys), func(id release.KeyID) bool { return !slices.Contains(root.Keys, id) })
		if len(shared) > 0 {
			add("root-key-in-use", "root %s also in role %s, and used, where a root key lies safe: %s", plural(len(shared), "key"), role.Name, a.shortList(shared))
		}
	}
}

// roleDangers finds what single keys and single persons can do.
func (a *app) roleDangers(authority *release.Authority, add func(code, format string, args ...any)) {
	for _, role := range byDuty(authority.Roles) {
		if role.Name == release.RoleRelease && role.Threshold == 1 {
			add("release-alone", "one key alone releases%s: %s", scope(role), a.shortList(role.Keys))
		}
		if person := a.onePerson(role); person != "" {
			add("one-person", "%s alone meets role %s, with several keys by the names of their files", person, role.Name)
		}
		for _, id := range a.names.sorted(role.Keys) {
			switch format := authority.Keys[id].Format; format {
			case release.FormatOpenPGP, release.FormatX509:
				add("key-format", "key %s of role %s is of format %s: only who has a verifier for it can judge what it signs", a.short(id), role.Name, format)
			}
			if role.Name != release.RoleRoll {
				continue
			}
			for _, other := range byDuty(authority.Roles) {
				if other.Name != release.RoleRoll && slices.Contains(other.Keys, id) {
					add("roll-key-shared", "key %s signs the roll, on a machine that is always on, and is in role %s too", a.short(id), other.Name)
				}
			}
		}
	}
	if whole := alone(authority); len(whole) > 0 {
		add("one-key", "a single key both states images and releases them: %s", a.shortList(whole))
	}
	var everywhere []string
	for _, role := range byDuty(authority.Roles) {
		if role.Name != release.RoleRoot && len(role.Products) == 0 {
			everywhere = append(everywhere, string(role.Name))
		}
	}
	if len(everywhere) > 0 {
		add("roles-unlimited", "not limited to a product: %s", strings.Join(slices.Compact(everywhere), ", "))
	}
}

// uselessRoles finds roles that admit nothing: an entry without a kind or a channel
// is covered by an empty list alone, and a release's channel must stand in channels.
func uselessRoles(authority *release.Authority) []danger {
	found := []danger{}
	for _, role := range byDuty(authority.Roles) {
		kinds, channels := len(role.Kinds) > 0, len(role.Channels) > 0
		text := ""
		switch role.Name {
		case release.RoleImage:
			if channels {
				text = "an image has no channel"
			}
		case release.RoleRelease:
			if kinds {
				text = "a release has no kind"
			} else if channels && channelWords(authority, role) == noChannel {
				text = "none of its channels stands in channels"
			}
		case release.RoleRoll:
			if kinds || channels {
				text = "a roll has neither kind nor channel"
			}
		case release.RoleWithdraw:
			if kinds && channels {
				text = "an image has no channel, and a release no kind"
			}
		}
		if text != "" {
			found = append(found, danger{"role-covers-nothing", fmt.Sprintf("role %s%s admits nothing: %s", role.Name, scope(role), text)})
		}
	}
	return found
}

// alone returns the keys that alone meet both an image and a release role.
func alone(authority *release.Authority) []release.KeyID {
	meets := func(id release.KeyID, name release.RoleName) bool {
		return slices.ContainsFunc(authority.Roles, func(role release.Role) bool {
			return role.Name == name && role.Threshold == 1 && slices.Contains(role.Keys, id)
		})
	}
	var found []release.KeyID
	for id := range authority.Keys {
		if meets(id, release.RoleImage) && meets(id, release.RoleRelease) {
			found = append(found, id)
		}
	}
	return sortedBy(found, nil)
}

// onePerson returns who meets a threshold of several keys alone: the keys of one
// person are those whose files' names begin alike, up to a dot, a hyphen, an
// underscore or an at sign, such as ana-laptop.pub and ana-yubikey.pub.
func (a *app) onePerson(role release.Role) string {
	if role.Threshold < 2 {
		return ""
	}
	keys := map[string]int{}
	for _, id := range role.Keys {
		name, ok := a.names[id]
		if !ok {
			continue
		}
		if end := strings.IndexAny(name, ".-_@"); end > 0 {
			name = name[:end]
		}
		keys[name]++
		if keys[name] >= role.Threshold {
			return plainName(name)
		}
	}
	return ""
}

// rootOf is the root role, which stands exactly once.
func rootOf(authority *release.Authority) release.Role {
	for _, role := range authority.Roles {
		if role.Name == release.RoleRoot {
			return role
		}
	}
	return release.Role{Name: release.RoleRoot}
}

// shortDigits are enough of a key id to find it in a list.
const shortDigits = 16

// short names a key in a sentence: what it is called, or the beginning of its id.
func (a *app) short(id release.KeyID) string {
	if name, ok := a.names[id]; ok {
		return plainName(name)
	}
	return id.String()[:shortDigits] + "..."
}

func (a *app) shortList(ids []release.KeyID) string {
	var names []string
	for _, id := range a.names.sorted(ids) {
		names = append(names, a.short(id))
	}
	return list(names)
}
