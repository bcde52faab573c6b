package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/release"
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
	return group("authority", "state who may log what: keys, roles, channels",
		a.authorityCreateCommand(),
		a.signCommand(release.TypeAuthority),
		a.attachCommand(release.TypeAuthority),
		a.statusCommand(release.TypeAuthority),
		a.showCommand(release.TypeAuthority))
}

// roleFlags are the files and the threshold of one role.
type roleFlags struct {
	name      release.RoleName
	what      string
	files     []string
	threshold int
}

func (a *app) authorityCreateCommand() *cobra.Command {
	roles := []*roleFlags{
		{name: release.RoleRoot, what: "changes this authority"},
		{name: release.RoleImage, what: "signs images"},
		{name: release.RoleRelease, what: "signs releases"},
		{name: release.RoleWithdraw, what: "withdraws images and releases"},
		{name: release.RoleRoll, what: "signs the roll of what is live"},
		{name: release.RoleAuditor, what: "signs findings"},
	}
	var origin, issued, expires, out string
	var channels []string
	var limits release.Limits
	var force bool
	cmd := &cobra.Command{
		Use:   "create --origin NAME --root FILE.pub... --image FILE.pub... --release FILE.pub... --channel NAME=MODE... --out FILE",
		Short: "draft the first authority of a log",
		Long: `Drafts version 1 of a log's authority, which becomes entry 0 of the log and the pin
of everyone who verifies. The root keys sign it: muster authority sign.

The origin is the log's name for ever: a host name of yours and a path, without a
scheme. A channel takes images of one mode: production, research or debug.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := required(cmd, "origin", "root", "image", "release", "channel", "out"); err != nil {
				return err
			}
			authority := &release.Authority{Version: 1, Origin: origin, Keys: map[release.KeyID]release.Key{}, Limits: limits}
			if err := setDates(cmd, authority, issued, expires); err != nil {
				return err
			}
			var err error
			if authority.Channels, err = parseChannels(cmd, channels); err != nil {
				return err
			}
			for _, role := range roles {
				if err := a.addRole(cmd, authority, role); err != nil {
					return err
				}
			}
			statement, err := release.NewAuthority(authority)
			if err != nil {
				return err
			}
			return a.createDraft(statement, out, force)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&origin, "origin", "", "the log's name, such as log.example/acme")
	for _, role := range roles {
		flags.StringArrayVar(&role.files, string(role.name), nil, fmt.Sprintf("the public key file of somebody who %s; may be repeated", role.what))
		flags.IntVar(&role.threshold, string(role.name)+"-threshold", 0, fmt.Sprintf("how many %s keys must sign (default: more than half)", role.name))
	}
	flags.StringArrayVar(&channels, "channel", nil, "a channel and its mode, such as stable=production; may be repeated")
	flags.IntVar(&limits.PublishWithinDays, "publish-within-days", defaultPublishDays, "by when after it is issued an image must be published")
	flags.IntVar(&limits.ReleaseDays, "release-days", defaultReleaseDays, "how long a release may last")
	flags.StringVar(&issued, "issued", "", "when it is made, RFC 3339 (default: now)")
	flags.StringVar(&expires, "expires", "", "when it ends, RFC 3339 or a date (default: a year later)")
	outFlags(cmd, &out, &force)
	return cmd
}

func setDates(cmd *cobra.Command, authority *release.Authority, issued, expires string) (err error) {
	if authority.Issued, err = parseWhen(cmd, "issued", issued, now()); err != nil {
		return err
	}
	authority.Expires, err = parseWhen(cmd, "expires", expires, authority.Issued.AddDate(authorityYears, 0, 0))
	return err
}

// addRole reads the keys of a role; a role without keys is left out.
func (a *app) addRole(cmd *cobra.Command, authority *release.Authority, flags *roleFlags) error {
	if len(flags.files) == 0 {
		if flags.threshold != 0 {
			return usage(cmd, fmt.Errorf("--%s-threshold without --%s", flags.name, flags.name))
		}
		return nil
	}
	role := release.Role{Name: flags.name}
	for _, path := range flags.files {
		key, err := a.readPublicKey(path)
		if err != nil {
			return fmt.Errorf("--%s: %w", flags.name, err)
		}
		id := key.ID()
		if slices.Contains(role.Keys, id) {
			return usage(cmd, fmt.Errorf("--%s %s: the key %s is there already", flags.name, path, id))
		}
		authority.Keys[id] = key
		role.Keys = append(role.Keys, id)
	}
	role.Keys = sortedKeys(role.Keys)
	role.Threshold = cmp.Or(flags.threshold, len(role.Keys)/2+1)
	authority.Roles = append(authority.Roles, role)
	return nil
}

func parseChannels(cmd *cobra.Command, texts []string) ([]release.Channel, error) {
	var channels []release.Channel
	for _, text := range texts {
		name, mode, ok := strings.Cut(text, "=")
		if !ok {
			return nil, usage(cmd, fmt.Errorf("--channel %s: want NAME=MODE, such as stable=production", quote(text)))
		}
		channels = append(channels, release.Channel{Name: name, Mode: release.Mode(mode)})
	}
	return channels, nil
}

// createDraft writes the draft of a new statement and shows it.
func (a *app) createDraft(statement *release.Statement, out string, force bool) error {
	doc, err := newDocument(statement)
	if err != nil {
		return err
	}
	if err := doc.write(out, force); err != nil {
		return err
	}
	return a.printDocument(doc, "draft written to "+out+", not signed yet:")
}

// outFlags are those of every command that writes one file.
func outFlags(cmd *cobra.Command, out *string, force *bool) {
	cmd.Flags().StringVar(out, "out", "", "the file to write")
	cmd.Flags().BoolVar(force, "force", false, "overwrite the file of --out")
}

// now is this machine's clock in whole seconds, as statements have it.
func now() time.Time { return time.Now().UTC().Truncate(time.Second) }

// parseWhen reads a time of a flag: RFC 3339, a date (its first second, UTC), or
// a number of days from now such as 30d. Empty: the default.
func parseWhen(cmd *cobra.Command, flag, text string, otherwise time.Time) (time.Time, error) {
	if text == "" {
		return otherwise, nil
	}
	if when, err := release.ParseTime(text); err == nil {
		return when, nil
	}
	if date, err := time.Parse(time.DateOnly, text); err == nil {
		return date, nil
	}
	if count, ok := strings.CutSuffix(text, "d"); ok {
		if days, err := strconv.ParseUint(count, 10, 16); err == nil {
			return now().AddDate(0, 0, int(days)), nil
		}
	}
	return time.Time{}, usage(cmd, fmt.Errorf("--%s %s: want a time such as 2027-01-15T00:00:00Z, a date such as 2027-01-15, or days from now such as 30d", flag, quote(text)))
}
