package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/foreign"
)

const (
	// authorityYears is how long a new authority lasts by default. Its successor
	// takes a root ceremony; a year keeps that in practice.
	authorityYears = 1
	// defaultPublishDays and defaultReleaseDays are the limits by default: a
	// month to publish what was logged, a quarter until a release is renewed.
	defaultPublishDays = 30
	defaultReleaseDays = 90
)

func (a *app) authorityCommand() *cobra.Command {
	return a.namingKeys(group("authority", "state who may log what: keys, roles, channels",
		a.authorityCreateCommand(),
		a.authorityRotateCommand(),
		a.authorityPlanCommand(),
		a.authorityCheckCommand(),
		a.signCommand(release.TypeAuthority),
		a.paeCommand(release.TypeAuthority),
		a.attachCommand(release.TypeAuthority),
		a.statusCommand(release.TypeAuthority),
		a.submitCommand(release.TypeAuthority),
		a.authorityLogCommand(),
		a.showCommand(release.TypeAuthority)))
}

// roleDuties are the roles that a first authority can have, in the order of the
// flags, and what each may do.
var roleDuties = []roleDuty{
	{release.RoleRoot, "changes this authority"},
	{release.RoleImage, "signs images"},
	{release.RoleRelease, "signs releases"},
	{release.RoleWithdraw, "withdraws images and releases"},
	{release.RoleRoll, "signs the roll of what is live"},
	{release.RoleAuditor, "signs findings"},
}

type roleDuty struct {
	name release.RoleName
	duty string
}

// dutyNames lists the names of all roles.
func dutyNames() string {
	names := make([]string, len(roleDuties))
	for i, role := range roleDuties {
		names[i] = string(role.name)
	}
	return strings.Join(names, ", ")
}

type authorityOptions struct {
	plan     authorityPlan
	from     string
	channels []string
	// roles are in the order of roleDuties.
	roles []rolePlan
	out   string
	force bool
}

func (a *app) authorityCreateCommand() *cobra.Command {
	o := authorityOptions{plan: newAuthorityPlan(), roles: make([]rolePlan, len(roleDuties))}
	cmd := &cobra.Command{
		Use:   "create {--from FILE | --origin NAME --root FILE.pub... --image FILE.pub... --release FILE.pub... --channel NAME=MODE...} --out FILE",
		Short: "draft the first authority of a log",
		Long: `Drafts version 1 of a log's authority, which becomes entry 0 of the log and the pin
of everyone who verifies. The root keys sign it: muster authority sign.

The origin is the log's name for ever: a host name of yours and a path, without a
scheme. A channel takes images of one mode: production, research or debug.

With --from all of it stands in a JSON file instead, which can also limit a role to
products, kinds or channels, and have a role several times:

  {"origin": "log.example/acme", "expires": "2027-11-24",
   "channels": [{"name": "stable", "mode": "production"}],
   "limits": {"publishWithinDays": 30, "releaseDays": 90},
   "roles": [
    {"name": "root", "keys": ["ana.pub", "ben.pub", "cleo.pub"], "threshold": 2},
    {"name": "image", "keys": ["ci.pub"], "threshold": 1, "kinds": ["os"]},
    {"name": "release", "keys": ["ana.pub", "ben.pub", "cleo.pub"], "threshold": 2}]}

Key files are relative to that file. What may be left out: issued (now), expires (a
year later), limits (as above), threshold (more than half of the keys), products,
kinds and channels of a role (all of them).`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(cmd); err != nil {
				return err
			}
			if err := checkFree(o.out, o.force); err != nil {
				return err
			}
			authority, err := a.newAuthority(cmd, &o)
			if err != nil {
				return err
			}
			statement, err := release.NewAuthority(authority)
			if err == nil {
				err = foreign.CheckRoles(authority)
			}
			if err != nil && o.from != "" {
				return inPlan(authority, o.from, err)
			}
			if err != nil {
				return flagValue(cmd, err)
			}
			for _, danger := range a.useless(authority) {
				a.say("warning: %s", danger.Text)
			}
			return a.createDraft(statement, o.out, o.force)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.from, "from", "", "a JSON `FILE` with all of the following in it; - is standard input")
	flags.StringVar(&o.plan.Origin, "origin", "", "the log's `NAME`, such as log.example/acme")
	for i, role := range roleDuties {
		o.roles[i].Name = string(role.name)
		flags.StringArrayVar(&o.roles[i].Keys, string(role.name), nil, fmt.Sprintf("the public key `FILE` of somebody who %s; may be repeated", role.duty))
		flags.IntVar(&o.roles[i].Threshold, string(role.name)+"-threshold", 0, fmt.Sprintf("how many %s keys must sign, a `NUMBER` (default: more than half)", role.name))
	}
	flags.StringArrayVar(&o.channels, "channel", nil, "a channel and its mode as `NAME=MODE`, such as stable=production; may be repeated")
	flags.IntVar(&o.plan.Limits.PublishWithinDays, "publish-within-days", defaultPublishDays, "by when after it is issued an image must be published, in `DAYS`")
	flags.IntVar(&o.plan.Limits.ReleaseDays, "release-days", defaultReleaseDays, "how long a release may last, in `DAYS`")
	flags.StringVar(&o.plan.Issued, "issued", "", "`TIME` when it is made, RFC 3339 (default: now)")
	flags.StringVar(&o.plan.Expires, "expires", "", "`TIME` when it ends, RFC 3339 or a date (default: a year later)")
	outFlags(cmd, &o.out, &o.force)
	return cmd
}

// check holds the flags to the two ways of calling the command.
func (o *authorityOptions) check(cmd *cobra.Command) error {
	if o.from == "" {
		return required(cmd, "origin", "root", "image", "release", "channel", "out")
	}
	names := []string{"origin", "channel", "publish-within-days", "release-days", "issued", "expires"}
	for _, role := range roleDuties {
		names = append(names, string(role.name), string(role.name)+"-threshold")
	}
	for _, name := range names {
		if cmd.Flags().Changed(name) {
			return usage(cmd, fmt.Errorf("--%s beside --from: say it in %s", name, o.from))
		}
	}
	return required(cmd, "out")
}

// newAuthority makes the authority of the flags or of the file of --from.
func (a *app) newAuthority(cmd *cobra.Command, o *authorityOptions) (*release.Authority, error) {
	if o.from != "" {
		plan, err := a.readAuthorityPlan(o.from)
		if err != nil {
			return nil, err
		}
		authority, err := a.authorityOf(cmd, plan)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.from, err)
		}
		return authority, nil
	}
	for _, text := range o.channels {
		name, mode, ok := strings.Cut(text, "=")
		if !ok {
			return nil, usage(cmd, fmt.Errorf("--channel %s: want NAME=MODE, such as stable=production", quote(text)))
		}
		o.plan.Channels = append(o.plan.Channels, channelPlan{name, mode})
	}
	for _, role := range o.roles {
		if len(role.Keys) > 0 {
			o.plan.Roles = append(o.plan.Roles, role)
		} else if role.Threshold != 0 {
			return nil, usage(cmd, fmt.Errorf("--%s-threshold without --%s", role.Name, role.Name))
		}
	}
	return a.authorityOf(cmd, &o.plan)
}

// errNoKeys refuses a role that nobody holds.
var errNoKeys = errors.New("no keys")
