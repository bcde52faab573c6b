package main

import (
	"cmp"
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

// authorityPlan is what a person writes down of a first authority, in flags or in
// a JSON file: the members of the statement, with the names of key files in place
// of keys.
type authorityPlan struct {
	Origin   string        `json:"origin"`
	Issued   string        `json:"issued"`
	Expires  string        `json:"expires"`
	Channels []channelPlan `json:"channels"`
	Limits   limitsPlan    `json:"limits"`
	Roles    []rolePlan    `json:"roles"`

	// directory is what the names of key files are relative to; empty: the
	// current directory.
	directory string
}

type channelPlan struct {
	Name string `json:"name"`
	Mode string `json:"mode"`
}

type limitsPlan struct {
	PublishWithinDays int `json:"publishWithinDays"`
	ReleaseDays       int `json:"releaseDays"`
}

type rolePlan struct {
	Name string `json:"name"`
	// Keys are the names of public key files.
	Keys []string `json:"keys"`
	// Threshold is more than half of the keys if it is 0.
	Threshold int      `json:"threshold"`
	Products  []string `json:"products"`
	Kinds     []string `json:"kinds"`
	Channels  []string `json:"channels"`
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
	// The format would take it, and the log had two names for ever.
	if _, name, ok := strings.Cut(plan.Origin, "://"); ok {
		return nil, usage(cmd, fmt.Errorf("origin %s: got a scheme, want %s", quote(plan.Origin), strings.TrimSuffix(name, "/")))
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
	return authority, nil
}

// roleOf reads the keys of a role into the authority.
func (a *app) roleOf(authority *release.Authority, plan *authorityPlan, from *rolePlan) (release.Role, error) {
	role := release.Role{Name: release.RoleName(from.Name), Products: from.Products, Kinds: from.Kinds, Channels: from.Channels}
	if len(from.Keys) == 0 {
		return role, fail(exitcode.Usage, "role-without-keys", "name the public key files of those who hold it", errNoKeys)
	}
	for _, name := range from.Keys {
		path := name
		if plan.directory != "" && !filepath.IsAbs(name) {
			path = filepath.Join(plan.directory, name)
		}
		key, err := a.readPublicKey(path)
		if err != nil {
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
