package pages

import (
	"fmt"
	"strings"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/compare"
)

// changes says in words what a version of the authority changes of the one before.
func changes(before, now *release.Authority) []fact {
	var lines []fact
	for _, change := range compare.Authorities(before, now) {
		line := changeFact(&change, before, now)
		line.Same = len(lines) > 0 && lines[len(lines)-1].Name == line.Name
		lines = append(lines, line)
	}
	return lines
}

// changeFact says one difference.
func changeFact(c *compare.AuthorityChange, from, to *release.Authority) fact {
	before, after := c.Before, c.After
	text := func(name, format string, args ...any) fact {
		return fact{Name: name, Text: fmt.Sprintf(format, args...)}
	}
	ofKey := func(name, format string, args ...any) fact {
		return fact{Name: name, Digest: c.KeyID.String(), Text: fmt.Sprintf(format, args...)}
	}
	switch c.Code {
	case compare.AuthorityOrigin:
		return text("Log", "retires %s in favour of %s", before.Origin, after.Origin)
	case compare.AuthorityExpires:
		return text("Expires", "%s; was %s", instantText(to.Expires), instantText(from.Expires))
	case compare.AuthorityLimits:
		return text("Limits", "%s; before, %s", limitsText(after.Limits), limitsText(before.Limits))
	case compare.ChannelAdded:
		return text("Channel added", "%s, for images of mode %s", after.Channel.Name, after.Channel.Mode)
	case compare.ChannelMode:
		return text("Channel changed", "%s, for images of mode %s; before, of mode %s", after.Channel.Name, after.Channel.Mode, before.Channel.Mode)
	case compare.ChannelRemoved:
		return text("Channel removed", "%s, for images of mode %s", before.Channel.Name, before.Channel.Mode)
	case compare.RoleRemoved:
		return text("Role removed", "%s", roleText(before.Role))
	case compare.RoleAdded:
		return text("Role added", "%s", roleText(after.Role))
	case compare.RoleScope:
		return text("Role limited", "%s: %s; before, %s", after.Role.Name, scopeText(after.Role), scopeText(before.Role))
	case compare.RoleThreshold:
		return text("Threshold", "%s; before, %d", roleText(after.Role), before.Role.Threshold)
	case compare.RoleKeyRemoved:
		return ofKey("Key removed", "from role %s%s, %s", after.Role.Name, scope(*after.Role), from.Keys[c.KeyID].Format)
	case compare.RoleKeyAdded:
		return ofKey("Key added", "to role %s%s, %s", after.Role.Name, scope(*after.Role), to.Keys[c.KeyID].Format)
	case compare.KeyListed:
		return ofKey("Key added", "to no role, %s", to.Keys[c.KeyID].Format)
	case compare.KeyUnlisted:
		return ofKey("Key removed", "which had no role, %s", from.Keys[c.KeyID].Format)
	case compare.KeyCompromised:
		return ofKey("Compromised", "in %s from entry %d on", after.Compromised.Origin, after.Compromised.From)
	case compare.CompromisedMoved:
		return ofKey("Compromised", "in %s from entry %d on; before, from entry %d on%s", after.Compromised.Origin, after.Compromised.From, before.Compromised.From,
			stays(after.Compromised.From > before.Compromised.From))
	case compare.CompromisedLifted:
		return ofKey("Listed no more", "as compromised in %s from entry %d on%s", before.Compromised.Origin, before.Compromised.From, stays(true))
	}
	return text("Changed", "%s", c.Code)
}

// stays says that no version takes back what an earlier one struck.
func stays(lifted bool) string {
	if lifted {
		return "; what that struck stays struck"
	}
	return ""
}

// roleText describes a role, but not whose it is.
func roleText(role *release.Role) string {
	return fmt.Sprintf("%s: %d of %s%s", role.Name, role.Threshold, plural(len(role.Keys), "key", "keys"), scope(*role))
}

// scopeText says to what a role is limited where a sentence needs a word for all.
func scopeText(role *release.Role) string {
	if text := strings.TrimPrefix(scope(*role), "; "); text != "" {
		return text
	}
	return "not limited"
}
