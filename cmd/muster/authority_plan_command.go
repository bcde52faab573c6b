package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/release"
)

func (a *app) authorityPlanCommand() *cobra.Command {
	var source inForceSource
	var out string
	var force bool
	cmd := &cobra.Command{
		Use:   "plan {FILE | --log URL [--policy FILE] | --bundle FILE.muster} --out FILE",
		Short: "write an authority down as a JSON file to edit, for rotate --from",
		Long: `Writes an authority down as a plan: a JSON file with all that can be changed in it,
indented, to be edited and given to muster authority rotate --from. Keys stand there
by their ids; one that is added is named by the file of its public key, relative to
the plan.`,
		Args: arguments(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				source.file = args[0]
			}
			if err := source.check(cmd, false); err != nil {
				return err
			}
			if err := required(cmd, "out"); err != nil {
				return err
			}
			if err := checkFree(out, force); err != nil {
				return err
			}
			found, err := a.findInForce(cmd, &source)
			if err != nil {
				return err
			}
			return a.writePlan(found, out, force)
		},
	}
	source.flags(cmd)
	outFlags(cmd, &out, &force)
	return cmd
}

// planOf writes an authority down. Its date is left out: the next version has one
// of its own.
func planOf(authority *release.Authority) *authorityPlan {
	plan := &authorityPlan{
		Origin:  authority.Origin,
		Expires: release.FormatTime(authority.Expires),
		Limits:  limitsPlan{authority.Limits.PublishWithinDays, authority.Limits.ReleaseDays},
	}
	for _, channel := range authority.Channels {
		plan.Channels = append(plan.Channels, channelPlan{channel.Name, string(channel.Mode)})
	}
	for _, role := range release.ByDuty(authority.Roles) {
		planned := rolePlan{Name: string(role.Name), Threshold: role.Threshold, Products: role.Products, Kinds: role.Kinds, Channels: role.Channels}
		for _, id := range role.Keys {
			planned.Keys = append(planned.Keys, id.String())
		}
		plan.Roles = append(plan.Roles, planned)
	}
	for _, bad := range authority.Compromised {
		plan.Compromised = append(plan.Compromised, compromisedPlan{bad.KeyID, bad.Origin, bad.From})
	}
	return plan
}

func (a *app) writePlan(found *inForce, out string, force bool) error {
	plan := planOf(found.authority)
	data, err := json.MarshalIndent(plan, "", "  ")
	if err != nil {
		return err
	}
	if err := writeNew(out, append(data, '\n'), publicMode, force); err != nil {
		return err
	}
	result := struct {
		File    string         `json:"file"`
		Version int            `json:"version"`
		Digest  release.Digest `json:"digest"`
		Plan    *authorityPlan `json:"plan"`
		Basis   string         `json:"basis"`
	}{out, found.authority.Version, found.digest, plan, found.basis}
	return a.print(result, func(p *page) {
		p.line("version %d of the authority of %s is written down in %s", result.Version, plan.Origin, out)
		p.field("from", "%s", result.Basis)
		for _, role := range plan.Roles {
			for i, key := range role.Keys {
				if id, err := release.ParseDigest(key); err == nil {
					p.field(first(i, "role "+role.Name), "%s", p.names.of(id))
				}
			}
		}
		p.line("edit it, and draft the next version: muster authority rotate ... --from %s --out FILE", out)
	})
}

// plannedVersion makes the next version of a plan.
func (a *app) plannedVersion(cmd *cobra.Command, from *inForce, path string) (*release.Authority, error) {
	to, err := next(from)
	if err != nil {
		return nil, err
	}
	plan, err := a.readAuthorityPlan(path)
	if err != nil {
		return nil, err
	}
	plan.known = from.authority.Keys
	planned, err := a.authorityOf(cmd, plan)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	planned.Version, planned.Previous = to.Version, to.Previous
	if plan.Expires == "" {
		planned.Expires = to.Expires
	}
	return planned, nil
}
