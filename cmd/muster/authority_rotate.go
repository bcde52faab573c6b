package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/authority"
	"github.com/muster-log/muster/release/foreign"
)

type rotateOptions struct {
	source   inForceSource
	rotation rotation
	from     string
	out      string
	force    bool
}

func (a *app) authorityRotateCommand() *cobra.Command {
	var o rotateOptions
	cmd := &cobra.Command{
		Use:   "rotate {FILE | --log URL [--policy FILE] | --bundle FILE.muster} [--add ROLE=FILE.pub] [--remove ROLE=KEYID] [--compromised KEYID@INDEX] ... --out FILE",
		Short: "draft the next version of an authority",
		Long: `Drafts the version that follows the one in force. What no flag changes is kept, and
keys that are left without a role go. What changes is said in words before the draft
is written; with --log also what that does in the log: what is struck, and which
releases end. The root of the old version and that of the new one both sign it:
muster authority sign, status, attach, submit.

A key that was stolen: --compromised KEY@INDEX. From the authority's entry on, images,
releases and rolls at or after INDEX that needed that key are struck, for good; what
enough others signed stands, and so do authorities and withdrawals. Take the index of
the first entry that you do not trust the key's holder for: muster authority log --key
lists what the key signed, and where. 0 strikes all of it. The key also loses its
roles, unless --keep-compromised says otherwise.

A role that stands several times, for other products, kinds or channels, cannot be
named by --add, --remove and --threshold: write the authority down with muster
authority plan, edit that file, and give it to --from.

--origin names a successor log. That retires this log: nothing is admitted after it,
and every image and release is made and signed again in the new one. It wants
--retire-log besides.`,
		Args: arguments(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.source.file = args[0]
			}
			if err := o.check(cmd); err != nil {
				return err
			}
			from, err := a.findInForce(cmd, &o.source)
			if err != nil {
				return err
			}
			to, err := a.nextVersion(cmd, from, &o)
			if err != nil {
				return err
			}
			return a.draftRotation(cmd, from, to, &o)
		},
	}
	flags, r := cmd.Flags(), &o.rotation
	o.source.flags(cmd)
	flags.StringVar(&o.from, "from", "", "a JSON `FILE` of muster authority plan with the next version in it, instead of the flags that follow; - is standard input")
	flags.StringArrayVar(&r.add, "add", nil, "give a role a key, as `ROLE=FILE.pub`; may be repeated")
	flags.StringArrayVar(&r.remove, "remove", nil, "take a key from a role, as `ROLE=KEYID` or ROLE=FILE.pub; may be repeated")
	flags.StringArrayVar(&r.removeRoles, "remove-role", nil, "a `ROLE` that nobody has any more; may be repeated")
	flags.StringArrayVar(&r.thresholds, "threshold", nil, "how many keys of a role must sign, as `ROLE=NUMBER`; may be repeated")
	flags.StringArrayVar(&r.compromised, "compromised", nil, "strike what needed a key from an index on, as `KEYID@INDEX` or FILE.pub@INDEX; may be repeated")
	flags.BoolVar(&r.keepCompromised, "keep-compromised", false, "leave the keys of --compromised in their roles")
	flags.StringArrayVar(&r.channels, "channel", nil, "a new channel, or another mode for one, as `NAME=MODE`; may be repeated")
	flags.StringArrayVar(&r.removeChannels, "remove-channel", nil, "the `NAME` of a channel that ends; may be repeated")
	flags.IntVar(&r.publishWithinDays, "publish-within-days", 0, "by when after it is issued an image must be published, in `DAYS`")
	flags.IntVar(&r.releaseDays, "release-days", 0, "how long a release may last, in `DAYS`")
	flags.StringVar(&r.issued, "issued", "", "`TIME` when it is made, RFC 3339 (default: now)")
	flags.StringVar(&r.expires, "expires", "", "`TIME` when it ends: RFC 3339, a date, or days from now such as 365d (default: when the old version does)")
	flags.StringVar(&r.origin, "origin", "", "the `NAME` of the successor log; retires this one")
	flags.BoolVar(&r.retire, "retire-log", false, "yes, the log ends with this version")
	outFlags(cmd, &o.out, &o.force)
	return cmd
}

// changing are the flags that say what changes, and that --from stands instead of.
var changing = []string{"add", "remove", "remove-role", "threshold", "compromised", "keep-compromised", "channel", "remove-channel", "publish-within-days", "release-days", "issued", "expires", "origin"}

func (o *rotateOptions) check(cmd *cobra.Command) error {
	if err := o.source.check(cmd, false); err != nil {
		return err
	}
	if err := required(cmd, "out"); err != nil {
		return err
	}
	changes := 0
	for _, name := range changing {
		if !cmd.Flags().Changed(name) {
			continue
		}
		if o.from != "" {
			return usage(cmd, fmt.Errorf("--%s beside --from: say it in %s", name, o.from))
		}
		changes++
	}
	if changes == 0 && o.from == "" {
		return usage(cmd, errors.New("got nothing to change; to let it last longer, give --expires"))
	}
	return checkFree(o.out, o.force)
}

// nextVersion makes the next version, by flags or by a plan, and holds it to what
// every log asks.
func (a *app) nextVersion(cmd *cobra.Command, from *inForce, o *rotateOptions) (*release.Authority, error) {
	var to *release.Authority
	var err error
	if o.from != "" {
		to, err = a.plannedVersion(cmd, from, o.from)
	} else {
		to, err = a.rotate(cmd, from, &o.rotation)
	}
	if err != nil {
		return nil, err
	}
	if err := checkOrigin(cmd, to.Origin); err != nil {
		return nil, err
	}
	if to.Origin != from.authority.Origin && !o.rotation.retire {
		return nil, fail(exitcode.Usage, "retires-log", "add --retire-log if you mean that; nodes reboot into images that are made and signed again for the new log",
			fmt.Errorf("origin %s is another than %s: with this version the log %s ends", quote(to.Origin), from.authority.Origin, from.authority.Origin))
	}
	if to.Origin == from.authority.Origin && o.rotation.retire {
		return nil, usage(cmd, errors.New("--retire-log without --origin, the name of the successor log"))
	}
	if now := a.now(); !to.Expires.After(now) {
		return nil, fail(exitcode.Usage, "expires-passed", "give --expires, such as 365d", fmt.Errorf("expires %s has passed", release.FormatTime(to.Expires)))
	}
	return to, settleKeys(to)
}

// settleKeys drops keys without a role, and refuses roles that could never sign.
func settleKeys(to *release.Authority) error {
	role := authority.Settle(to)
	if role == nil {
		return nil
	}
	what := fmt.Sprintf("role %s%s", role.Name, scope(*role))
	if len(role.Keys) > 0 {
		return fail(exitcode.Refused, string(release.CodeThreshold), fmt.Sprintf("add a key with --add %s=FILE.pub, or lower the threshold with --threshold %s=%d", role.Name, role.Name, len(role.Keys)),
			fmt.Errorf("%s has %s left, and needs %d", what, count(len(role.Keys), "key"), role.Threshold))
	}
	hint := fmt.Sprintf("add a key with --add %s=FILE.pub, or end the role with --remove-role %s", role.Name, role.Name)
	if role.Name == release.RoleRoot {
		hint = "add a key with --add root=FILE.pub, or lower the threshold with --threshold root=NUMBER"
	}
	return fail(exitcode.Refused, "role-without-keys", hint, fmt.Errorf("%s has no keys left", what))
}

// rotationJSON is what rotate prints besides the draft.
type rotationJSON struct {
	documentJSON
	Changes      []authorityChange `json:"changes"`
	Warnings     []danger          `json:"warnings"`
	Consequences *consequences     `json:"consequences,omitempty"`
	Basis        string            `json:"basis"`
}

// draftRotation says what changes, and writes the draft.
func (a *app) draftRotation(cmd *cobra.Command, from *inForce, to *release.Authority, o *rotateOptions) error {
	statement, err := release.NewAuthority(to)
	if err == nil {
		err = foreign.CheckRoles(to)
	}
	if err != nil && o.from != "" {
		return inPlan(to, o.from, err)
	}
	if err != nil {
		return flagValue(cmd, err)
	}
	result := rotationJSON{Changes: a.compareAuthorities(from.authority, to), Warnings: a.rotationWarnings(from, to), Basis: from.basis}
	if from.history != nil {
		if result.Consequences, err = from.history.suppose(statement, a.now()); err != nil {
			return fmt.Errorf("the log would refuse it, whoever signs: %w", err)
		}
	}
	if err := a.announce(func(p *page) {
		p.line("version %d of the authority of %s follows version %d, from %s", to.Version, from.authority.Origin, from.authority.Version, from.basis)
		if len(result.Changes) == 0 {
			p.line("nothing changes but its version and its date")
		}
		for i, change := range result.Changes {
			p.field(first(i, "changes"), "%s", change.Text)
		}
		result.Consequences.describe(p, "authority")
		for _, warning := range result.Warnings {
			p.line("warning: %s", warning.Text)
		}
	}); err != nil {
		return err
	}
	doc, err := newDocument(statement)
	if err != nil {
		return err
	}
	if err := doc.write(o.out, o.force); err != nil {
		return err
	}
	result.documentJSON = doc.json()
	return a.print(result, func(p *page) {
		p.line("draft written to %s, not signed yet:", o.out)
		doc.describe(p)
		p.line("next: %d of the old root keys and %d of the new ones sign: muster authority sign %s --key KEY", authority.Root(from.authority).Threshold, authority.Root(to).Threshold, o.out)
		p.line("drafts of images, releases and withdrawals that name the old version must be made again once it is logged")
	})
}

// rotationWarnings are the dangers of the new version that the old one did not
// have, and those of the step itself. The rest muster authority check says.
func (a *app) rotationWarnings(from *inForce, to *release.Authority) []danger {
	now := a.now()
	before := a.dangers(from.authority, now)
	warnings := slices.DeleteFunc(a.dangers(to, now), func(d danger) bool {
		return d.Code == authority.RolesUnlimited || d.Code != authority.ExpiresSoon && slices.Contains(before, d)
	})
	add := func(code authority.Code, format string, args ...any) {
		warnings = append(warnings, danger{code, fmt.Sprintf(format, args...)})
	}
	old, kept := authority.Root(from.authority), 0
	for _, id := range old.Keys {
		if slices.Contains(authority.Root(to).Keys, id) {
			kept++
		}
	}
	if kept < old.Threshold {
		add("old-root-goes", "only %d of the old root keys stay, and %d of the old ones must sign this: who loses the role signs a last time", kept, old.Threshold)
	}
	for _, bad := range to.Compromised {
		if bad.Origin != to.Origin || slices.Contains(from.authority.Compromised, bad) {
			continue
		}
		known := len(from.links) == 0
		for _, link := range from.links {
			_, has := link.Authority.Keys[bad.KeyID]
			known = known || has
		}
		if !known {
			add("compromised-key-unknown", "no version of the authority has the key %s: listing it strikes nothing", bad.KeyID)
		}
		if from.history != nil && bad.From > from.history.checkpoint.Size {
			add("compromised-ahead", "the log has size %d: from index %d on nothing is there yet to be struck", from.history.checkpoint.Size, bad.From)
		}
	}
	if to.Origin != from.authority.Origin {
		add("log-retired", "this version ends the log %s: whatever is submitted after it is void; the successor %s begins with muster-log init --successor-of", from.authority.Origin, to.Origin)
	}
	return warnings
}

// checkOrigin refuses an origin with a scheme: the format would take it, and the
// log had two names for ever.
func checkOrigin(cmd *cobra.Command, origin string) error {
	if _, name, ok := strings.Cut(origin, "://"); ok {
		return usage(cmd, fmt.Errorf("origin %s: got a scheme, want %s", quote(origin), strings.TrimSuffix(name, "/")))
	}
	return nil
}
