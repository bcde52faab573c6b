package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/authority"
)

// rotation is what the flags of authority rotate change.
type rotation struct {
	add, remove, removeRoles, thresholds []string
	compromised                          []string
	keepCompromised                      bool
	channels, removeChannels             []string
	publishWithinDays, releaseDays       int
	issued, expires, origin              string
	retire                               bool
}

// next returns the next version of an authority, with nothing changed yet.
func next(from *inForce) (*release.Authority, error) {
	changed, err := authority.Next(from.authority, from.digest)
	if err != nil {
		return nil, fail(exitcode.Refused, string(release.CodeRange), "begin a new log with a new first authority: everyone who verifies needs the new pin", err)
	}
	return changed, nil
}

// rotate applies the flags to the next version.
func (a *app) rotate(cmd *cobra.Command, from *inForce, r *rotation) (*release.Authority, error) {
	to, err := next(from)
	if err != nil {
		return nil, err
	}
	if to.Issued, err = a.parseWhen(cmd, "issued", r.issued, a.now()); err != nil {
		return nil, err
	}
	if to.Expires, err = a.parseWhen(cmd, "expires", r.expires, to.Expires); err != nil {
		return nil, err
	}
	to.Limits.PublishWithinDays = cmp.Or(r.publishWithinDays, to.Limits.PublishWithinDays)
	to.Limits.ReleaseDays = cmp.Or(r.releaseDays, to.Limits.ReleaseDays)
	for _, step := range []struct {
		values []string
		apply  func(*cobra.Command, *inForce, *release.Authority, *rotation, string) error
	}{
		{r.compromised, a.listCompromised},
		{r.removeRoles, removeRole},
		{r.remove, a.removeKey},
		{r.add, a.addKey},
		{r.thresholds, setThreshold},
		{r.removeChannels, removeChannel},
		{r.channels, setChannel},
	} {
		for _, value := range step.values {
			if err := step.apply(cmd, from, to, r, value); err != nil {
				return nil, err
			}
		}
	}
	to.Origin = cmp.Or(r.origin, to.Origin)
	return to, nil
}

// listCompromised takes KEY@INDEX. The key loses its roles, unless that is asked
// otherwise.
func (a *app) listCompromised(cmd *cobra.Command, _ *inForce, to *release.Authority, r *rotation, value string) error {
	at := strings.LastIndexByte(value, '@')
	if at < 0 {
		return usage(cmd, fmt.Errorf("--compromised %s: want KEYID@INDEX or FILE.pub@INDEX; what the key signed, and where: muster authority log --key", quote(value)))
	}
	from, err := strconv.ParseUint(value[at+1:], 10, 53)
	if err != nil {
		return usage(cmd, fmt.Errorf("--compromised %s: after @ want the index from which on nothing counts that needs the key, such as @12; 0 strikes all", quote(value)))
	}
	id, _, err := a.keyOf("compromised", value[:at])
	if err != nil {
		return err
	}
	entry := release.Compromised{KeyID: id, Origin: to.Origin, From: from}
	if slices.Contains(to.Compromised, entry) {
		return usage(cmd, fmt.Errorf("--compromised %s: is listed already", quote(value)))
	}
	to.Compromised = append(to.Compromised, entry)
	if r.keepCompromised {
		return nil
	}
	for i := range to.Roles {
		to.Roles[i].Keys = slices.DeleteFunc(to.Roles[i].Keys, func(have release.KeyID) bool { return have == id })
	}
	return nil
}

// addKey takes ROLE=FILE.pub. A role that is not there is made: of everything, and
// more than half of its keys must sign.
func (a *app) addKey(cmd *cobra.Command, _ *inForce, to *release.Authority, r *rotation, value string) error {
	name, path, ok := strings.Cut(value, "=")
	if !ok {
		return usage(cmd, fmt.Errorf("--add %s: want ROLE=FILE.pub", quote(value)))
	}
	if !slices.ContainsFunc(roleDuties, func(known roleDuty) bool { return string(known.name) == name }) {
		return usage(cmd, fmt.Errorf("--add %s: got role %s, want one of %s", quote(value), quote(name), dutyNames()))
	}
	key, err := a.readPublicKey(path)
	if err != nil {
		return fmt.Errorf("--add: %w", err)
	}
	if err := checkRole(release.RoleName(name), key, path); err != nil {
		return fmt.Errorf("--add: %w", err)
	}
	role, err := roleNamed(cmd, "add", to, name)
	if err != nil {
		return err
	}
	id := key.ID()
	if role == nil {
		added := 0
		for _, other := range r.add {
			if strings.HasPrefix(other, name+"=") {
				added++
			}
		}
		to.Roles = append(to.Roles, release.Role{Name: release.RoleName(name), Threshold: added/2 + 1})
		role = &to.Roles[len(to.Roles)-1]
	}
	if slices.Contains(role.Keys, id) {
		return usage(cmd, fmt.Errorf("--add %s: role %s has the key %s already", quote(value), name, id))
	}
	role.Keys = append(role.Keys, id)
	to.Keys[id] = key
	return nil
}

// removeKey takes ROLE=KEYID or ROLE=FILE.pub.
func (a *app) removeKey(cmd *cobra.Command, _ *inForce, to *release.Authority, _ *rotation, value string) error {
	name, text, ok := strings.Cut(value, "=")
	if !ok {
		return usage(cmd, fmt.Errorf("--remove %s: want ROLE=KEYID or ROLE=FILE.pub", quote(value)))
	}
	id, _, err := a.keyOf("remove", text)
	if err != nil {
		return err
	}
	role, err := roleNamed(cmd, "remove", to, name)
	if err != nil {
		return err
	}
	if role == nil || !slices.Contains(role.Keys, id) {
		return usage(cmd, fmt.Errorf("--remove %s: role %s has no key %s", quote(value), quote(name), id))
	}
	role.Keys = slices.DeleteFunc(role.Keys, func(have release.KeyID) bool { return have == id })
	return nil
}

func removeRole(cmd *cobra.Command, _ *inForce, to *release.Authority, _ *rotation, name string) error {
	role, err := roleNamed(cmd, "remove-role", to, name)
	if err != nil {
		return err
	}
	if role == nil {
		return usage(cmd, fmt.Errorf("--remove-role %s: there is no such role", quote(name)))
	}
	to.Roles = slices.DeleteFunc(to.Roles, func(have release.Role) bool { return string(have.Name) == name })
	return nil
}

func setThreshold(cmd *cobra.Command, _ *inForce, to *release.Authority, _ *rotation, value string) error {
	name, text, _ := strings.Cut(value, "=")
	threshold, err := strconv.Atoi(text)
	if err != nil || threshold < 1 {
		return usage(cmd, fmt.Errorf("--threshold %s: want ROLE=NUMBER, such as release=2", quote(value)))
	}
	role, err := roleNamed(cmd, "threshold", to, name)
	if err != nil {
		return err
	}
	if role == nil {
		return usage(cmd, fmt.Errorf("--threshold %s: there is no role %s", quote(value), quote(name)))
	}
	role.Threshold = threshold
	return nil
}

func setChannel(cmd *cobra.Command, _ *inForce, to *release.Authority, _ *rotation, value string) error {
	name, mode, ok := strings.Cut(value, "=")
	if !ok {
		return usage(cmd, fmt.Errorf("--channel %s: want NAME=MODE, such as stable=production", quote(value)))
	}
	changed := release.Channel{Name: name, Mode: release.Mode(mode)}
	if i := slices.IndexFunc(to.Channels, func(have release.Channel) bool { return have.Name == name }); i >= 0 {
		to.Channels[i] = changed
	} else {
		to.Channels = append(to.Channels, changed)
	}
	return nil
}

func removeChannel(cmd *cobra.Command, _ *inForce, to *release.Authority, _ *rotation, name string) error {
	before := len(to.Channels)
	to.Channels = slices.DeleteFunc(to.Channels, func(have release.Channel) bool { return have.Name == name })
	if len(to.Channels) == before {
		return usage(cmd, fmt.Errorf("--remove-channel %s: there is no such channel", quote(name)))
	}
	return nil
}

// roleNamed finds the one role of a name; nil: there is none. One that repeats is
// not told apart by its name.
func roleNamed(cmd *cobra.Command, flag string, of *release.Authority, name string) (*release.Role, error) {
	var found *release.Role
	for i := range of.Roles {
		if string(of.Roles[i].Name) != name {
			continue
		}
		if found != nil {
			return nil, fail(exitcode.Usage, "role-repeated", "write it down: muster authority plan, edit that file, and give it to --from",
				fmt.Errorf("--%s: there are %d roles %s, which differ by what they are limited to", flag, countRoles(of.Roles, release.RoleName(name)), name))
		}
		found = &of.Roles[i]
	}
	return found, nil
}

// keyOf reads KEYID or FILE.pub; of a key id the key itself is not known.
func (a *app) keyOf(flag, text string) (release.KeyID, *release.Key, error) {
	if id, err := release.ParseDigest(text); err == nil {
		return id, nil, nil
	}
	key, err := a.readPublicKey(text)
	if errors.Is(err, fs.ErrNotExist) {
		return release.KeyID{}, nil, fail(exitcode.Usage, "no-such-file", "give a key id as show prints it, or the file of the public key",
			fmt.Errorf("--%s: %s: no such file, and no key id of 64 digits", flag, quote(text)))
	}
	if err != nil {
		return release.KeyID{}, nil, fmt.Errorf("--%s: %w", flag, err)
	}
	return key.ID(), &key, nil
}
