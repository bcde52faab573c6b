package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/authority"
)

// danger is something in an authority that its holders should mean.
type danger struct {
	Code authority.Code `json:"code"`
	Text string         `json:"text"`
}

// dangers says what is dangerous in an authority, at a time.
func (a *app) dangers(stated *release.Authority, now time.Time) []danger {
	return a.inWords(authority.Dangers(stated, now, a.person), stated)
}

// useless says which roles of an authority admit nothing.
func (a *app) useless(stated *release.Authority) []danger {
	return a.inWords(authority.Useless(stated), stated)
}

func (a *app) inWords(dangers []authority.Danger, of *release.Authority) []danger {
	found := []danger{}
	for _, one := range dangers {
		found = append(found, danger{one.Code, a.dangerWords(&one, of)})
	}
	return found
}

// dangerWords says a danger.
func (a *app) dangerWords(d *authority.Danger, of *release.Authority) string {
	role := release.Role{}
	if d.Role != nil {
		role = *d.Role
	}
	switch d.Code {
	case authority.Expired:
		return fmt.Sprintf("it expired %s: only its successor and withdrawals are admitted", release.FormatTime(of.Expires))
	case authority.ExpiresSoon:
		return fmt.Sprintf("it expires %s, in %s: then nothing but its successor and withdrawals is admitted, and rolls stop", release.FormatTime(of.Expires), count(d.Left, "day"))
	case authority.VersionsRunOut:
		return fmt.Sprintf("%s left: after version %d only a new log with a new first authority helps", count(d.Left, "version"), release.MaxAuthorityVersion)
	case authority.RoleCoversNothing:
		return fmt.Sprintf("role %s%s admits nothing: %s", role.Name, scope(role), uselessWords[d.Why])
	case authority.RootAlone:
		return fmt.Sprintf("one root key alone changes everything here: %s", a.shortList(d.Keys))
	case authority.RootLost:
		return fmt.Sprintf("all %d root keys must sign: with one of them lost, this authority can never be changed", role.Threshold)
	case authority.RootKeyInUse:
		return fmt.Sprintf("root %s also in role %s, and used, where a root key lies safe: %s", plural(len(d.Keys), "key"), role.Name, a.shortList(d.Keys))
	case authority.ReleaseAlone:
		return fmt.Sprintf("one key alone releases%s: %s", scope(role), a.shortList(d.Keys))
	case authority.OnePerson:
		return fmt.Sprintf("%s alone meets role %s, with several keys by the names of their files", plainName(d.Person), role.Name)
	case authority.KeyFormat:
		return fmt.Sprintf("key %s of role %s is of format %s: only who has a verifier for it can judge what it signs", a.shortList(d.Keys), role.Name, of.Keys[d.Keys[0]].Format)
	case authority.RollKeyShared:
		return fmt.Sprintf("key %s signs the roll, on a machine that is always on, and is in role %s too", a.shortList(d.Keys), role.Name)
	case authority.OneKey:
		return fmt.Sprintf("a single key both states images and releases them: %s", a.shortList(d.Keys))
	case authority.RolesUnlimited:
		names := make([]string, len(d.Names))
		for i, name := range d.Names {
			names[i] = string(name)
		}
		return "not limited to a product: " + strings.Join(names, ", ")
	case authority.NoWithdrawRole:
		return "there is no withdraw role: only the root withdraws, which takes its threshold in an emergency"
	case authority.NoRollRole:
		return "there is no roll role: nobody can sign what is live, and clients that require a roll accept nothing"
	case authority.NoImageRole:
		return "there is no image role: no image can be logged"
	case authority.NoReleaseRole:
		return "there is no release role: no release can be logged"
	case authority.CompromisedInRole:
		return fmt.Sprintf("role %s has key %s, which is listed as compromised", role.Name, a.shortList(d.Keys))
	}
	return string(d.Code)
}

// uselessWords say why a role admits nothing.
var uselessWords = map[authority.Why]string{
	authority.ImageHasNoChannel:   "an image has no channel",
	authority.ReleaseHasNoKind:    "a release has no kind",
	authority.ChannelNotListed:    "none of its channels stands in channels",
	authority.RollHasNeither:      "a roll has neither kind nor channel",
	authority.WithdrawnHasNotBoth: "an image has no channel, and a release no kind",
}

// person says whose a key is: the keys of one person are those whose files' names begin
// alike, up to a dot, a hyphen, an underscore or an at sign, such as ana-laptop.pub and
// ana-yubikey.pub.
func (a *app) person(id release.KeyID) string {
	name := a.names[id]
	if end := strings.IndexAny(name, ".-_@"); end > 0 {
		return name[:end]
	}
	return name
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
