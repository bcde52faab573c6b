package pages

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-log/muster/release"
)

// changes says in words what a version of the authority changes of the one before.
func changes(before, now *release.Authority) []fact {
	var lines []fact
	say := func(name, text string) {
		lines = append(lines, fact{Name: name, Text: text, Same: len(lines) > 0 && lines[len(lines)-1].Name == name})
	}
	if before.Origin != now.Origin {
		say("Log", "retires "+before.Origin+" in favour of "+now.Origin)
	}
	if !before.Expires.Equal(now.Expires) {
		say("Expires", instantText(now.Expires)+", before "+instantText(before.Expires))
	}
	old, fresh := rolesOf(before), rolesOf(now)
	for _, role := range slices.Concat(old, fresh) {
		if !slices.Contains(old, role) {
			say("Role added", role)
		} else if !slices.Contains(fresh, role) {
			say("Role removed", role)
		}
	}
	for _, id := range sortedKeys(now) {
		if _, held := before.Keys[id]; !held {
			lines = append(lines, fact{Name: "Key added", Digest: id.String(), Text: keyText(now, id)})
		}
	}
	for _, id := range sortedKeys(before) {
		if _, held := now.Keys[id]; !held {
			lines = append(lines, fact{Name: "Key removed", Digest: id.String(), Text: keyText(before, id)})
		}
	}
	for _, id := range sortedKeys(now) {
		if _, held := before.Keys[id]; held && rolesHeld(before, id) != rolesHeld(now, id) {
			lines = append(lines, fact{Name: "Key moved", Digest: id.String(), Text: "from " + rolesHeld(before, id) + " to " + rolesHeld(now, id)})
		}
	}
	for _, bad := range now.Compromised {
		if !slices.Contains(before.Compromised, bad) {
			lines = append(lines, fact{Name: "Compromised", Digest: bad.KeyID.String(), Text: fmt.Sprintf("in %s from entry %d on", bad.Origin, bad.From)})
		}
	}
	for _, channel := range slices.Concat(before.Channels, now.Channels) {
		if text := channel.Name + ", for images of mode " + string(channel.Mode); !slices.Contains(before.Channels, channel) {
			say("Channel added", text)
		} else if !slices.Contains(now.Channels, channel) {
			say("Channel removed", text)
		}
	}
	if before.Limits != now.Limits {
		say("Limits", limitsText(now.Limits)+"; before, "+limitsText(before.Limits))
	}
	return lines
}

// rolesOf describes every role, but not whose it is.
func rolesOf(a *release.Authority) []string {
	var texts []string
	for _, role := range a.Roles {
		texts = append(texts, string(role.Name)+": "+strconv.Itoa(role.Threshold)+" of "+plural(len(role.Keys), "key", "keys")+scope(role))
	}
	return texts
}

func sortedKeys(a *release.Authority) []release.KeyID {
	ids := make([]release.KeyID, 0, len(a.Keys))
	for id := range a.Keys {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, release.KeyID.Compare)
	return ids
}

// keyText says of which roles and format a key is.
func keyText(a *release.Authority, id release.KeyID) string {
	return rolesHeld(a, id) + ", " + string(a.Keys[id].Format)
}

func rolesHeld(a *release.Authority, id release.KeyID) string {
	roles := signerOf(id, []*release.Authority{a}).Roles
	if len(roles) == 0 {
		return "no role"
	}
	return strings.Join(roles, " and ")
}
