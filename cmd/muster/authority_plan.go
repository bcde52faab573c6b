package main

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
)

// maxPlan bounds the file of authority create --from in bytes: an authority has
// at most 16 KiB.
const maxPlan = 64 << 10

// authorityPlan is what a person writes down of an authority, in flags or in a
// JSON file: the members of the statement, with the names of key files in place of
// keys.
type authorityPlan struct {
	Origin      string            `json:"origin"`
	Issued      string            `json:"issued,omitempty"`
	Expires     string            `json:"expires"`
	Channels    []channelPlan     `json:"channels"`
	Limits      limitsPlan        `json:"limits"`
	Roles       []rolePlan        `json:"roles"`
	Compromised []compromisedPlan `json:"compromised,omitempty"`

	// directory is what the names of key files are relative to; empty: the
	// current directory.
	directory string
	// known are the keys of the version before, which can be named by their ids.
	known map[release.KeyID]release.Key
}

type channelPlan struct {
	Name string `json:"name"`
	Mode string `json:"mode"`
}

type limitsPlan struct {
	PublishWithinDays int `json:"publishWithinDays"`
	ReleaseDays       int `json:"releaseDays"`
}

type compromisedPlan struct {
	KeyID release.KeyID `json:"keyid"`
	// Origin is the authority's own if it is empty.
	Origin string `json:"origin,omitempty"`
	From   uint64 `json:"from"`
}

type rolePlan struct {
	Name string `json:"name"`
	// Keys are the names of public key files; of keys that the version before has,
	// their ids do.
	Keys []string `json:"keys"`
	// Threshold is more than half of the keys if it is 0.
	Threshold int      `json:"threshold"`
	Products  []string `json:"products,omitempty"`
	Kinds     []string `json:"kinds,omitempty"`
	Channels  []string `json:"channels,omitempty"`
}

// newAuthorityPlan returns a plan with what is assumed where nothing is said.
func newAuthorityPlan() authorityPlan {
	return authorityPlan{Limits: limitsPlan{PublishWithinDays: defaultPublishDays, ReleaseDays: defaultReleaseDays}}
}

// readAuthorityPlan reads the file of --from. What it says of roles and times is
// checked when the authority is made of it.
func (a *app) readAuthorityPlan(path string) (*authorityPlan, error) {
	data, err := a.readFile(path, "authority's plan", maxPlan)
	if err != nil {
		return nil, err
	}
	plan := newAuthorityPlan()
	if err := decodeJSON(data, &plan, true); err != nil {
		return nil, fail(exitcode.Usage, "plan-form", "see the example of muster authority create --help", fmt.Errorf("%s: %w", path, err))
	}
	if path != stdinName {
		plan.directory = filepath.Dir(path)
	}
	return &plan, nil
}

// authorityOf makes version 1 of an authority.
func (a *app) authorityOf(cmd *cobra.Command, plan *authorityPlan) (*release.Authority, error) {
	if err := checkOrigin(cmd, plan.Origin); err != nil {
		return nil, err
	}
	authority := &release.Authority{
		Version: 1,
		Origin:  plan.Origin,
		Keys:    map[release.KeyID]release.Key{},
		Limits:  release.Limits{PublishWithinDays: plan.Limits.PublishWithinDays, ReleaseDays: plan.Limits.ReleaseDays},
	}
	var err error
	if authority.Issued, err = a.parseWhen(cmd, "issued", plan.Issued, a.now()); err != nil {
		return nil, err
	}
	if authority.Expires, err = a.parseWhen(cmd, "expires", plan.Expires, authority.Issued.AddDate(authorityYears, 0, 0)); err != nil {
		return nil, err
	}
	for _, channel := range plan.Channels {
		authority.Channels = append(authority.Channels, release.Channel{Name: channel.Name, Mode: release.Mode(channel.Mode)})
	}
	for i := range plan.Roles {
		role, err := a.roleOf(authority, plan, &plan.Roles[i])
		if err != nil {
			return nil, fmt.Errorf("role %s: %w", quote(plan.Roles[i].Name), err)
		}
		authority.Roles = append(authority.Roles, role)
	}
	for _, bad := range plan.Compromised {
		authority.Compromised = append(authority.Compromised, release.Compromised{KeyID: bad.KeyID, Origin: cmp.Or(bad.Origin, plan.Origin), From: bad.From})
	}
	return authority, nil
}

// inPlan turns the refusal of an authority that was made of a file into an error of that
// file. Its roles stand there in the order of the person who wrote it, and in the
// statement in another one: the role that is refused alone, too, is the one meant.
func inPlan(authority *release.Authority, path string, err error) error {
	refusal, ok := errors.AsType[*release.Refusal](err)
	if !ok {
		return err
	}
	named := *refusal
	named.Member = strings.TrimPrefix(refusal.Member, "predicate.")
	list, rest, ok := strings.Cut(named.Member, "[")
	if _, below, cut := strings.Cut(rest, "]"); ok && cut {
		named.Member = list + below
		for i, role := range authority.Roles {
			alone := *authority
			alone.Roles = []release.Role{role}
			_, err := release.NewAuthority(&alone)
			if one, ok := errors.AsType[*release.Refusal](err); ok && list == "roles" && one.Code == refusal.Code && one.Member == "predicate.roles[0]"+below {
				named.Member = fmt.Sprintf("roles[%d]%s", i, below)
				break
			}
		}
	}
	return fail(exitcode.Usage, string(refusal.Code), "correct it in that file; muster authority create --help has an example", fmt.Errorf("%s: %w", path, &named))
}

// roleOf reads the keys of a role into the authority.
func (a *app) roleOf(authority *release.Authority, plan *authorityPlan, from *rolePlan) (release.Role, error) {
	role := release.Role{Name: release.RoleName(from.Name), Products: from.Products, Kinds: from.Kinds, Channels: from.Channels}
	if len(from.Keys) == 0 {
		return role, fail(exitcode.Usage, "role-without-keys", "name the public key files of those who hold it", errNoKeys)
	}
	for _, name := range from.Keys {
		path, key, err := a.plannedKey(plan, name)
		if err != nil {
			return role, err
		}
		if err := checkRole(role.Name, key, path); err != nil {
			return role, err
		}
		id := key.ID()
		if slices.Contains(role.Keys, id) {
			return role, fail(exitcode.Usage, "key-repeated", "give every key once", fmt.Errorf("%s: the key %s is there already", path, id))
		}
		authority.Keys[id] = key
		role.Keys = append(role.Keys, id)
	}
	role.Keys = sortedBy(role.Keys, nil)
	role.Threshold = cmp.Or(from.Threshold, len(role.Keys)/2+1)
	if role.Threshold < 1 || role.Threshold > len(role.Keys) {
		return role, fail(exitcode.Usage, string(release.CodeThreshold), "", fmt.Errorf("threshold %d, want 1 to the number of its keys, %d", role.Threshold, len(role.Keys)))
	}
	return role, nil
}

// plannedKey reads a key that a plan names: a file of it, or the id of one that
// the version before has.
func (a *app) plannedKey(plan *authorityPlan, name string) (string, release.Key, error) {
	if id, err := release.ParseDigest(name); err == nil {
		if key, ok := plan.known[id]; ok {
			return name, key, nil
		}
		return name, release.Key{}, fail(exitcode.Usage, "key-unknown", "name the file of its public key", fmt.Errorf("the version before has no key %s", id))
	}
	path := name
	if plan.directory != "" && !filepath.IsAbs(name) {
		path = filepath.Join(plan.directory, name)
	}
	key, err := a.readPublicKey(path)
	return path, key, err
}
