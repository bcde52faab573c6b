package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/command"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/authority"
	"github.com/muster-log/muster/release/register"
)

func (a *app) authorityCheckCommand() *cobra.Command {
	var source inForceSource
	cmd := &cobra.Command{
		Use:   "check FILE [--previous FILE | --log URL [--policy FILE] | --bundle FILE.muster]",
		Short: "explain an authority: who can do what, and what is dangerous in it",
		Long: `Says in words who can do what under an authority, and what its holders should mean
when they sign it: single keys, shared keys, roles that are missing, an end that is
near. With --names, keys of one person are found by the names of their files: those
that begin alike up to a dot, a hyphen, an underscore or an at sign.

Compared with the version before, which --previous, --log or --bundle gives, it says
what changes, and whether it can follow: exit code 0, or 1 if no log would take it,
whoever signs. Dangers do not change the exit code. Who has signed, and who is
missing, muster authority status says.`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !source.none() {
				if err := source.check(cmd, false); err != nil {
					return err
				}
			}
			doc, err := a.readDocument(args[0], release.TypeAuthority)
			if err != nil {
				return err
			}
			return a.checkAuthority(cmd, doc, &source)
		},
	}
	source.flags(cmd)
	cmd.Flags().StringVar(&source.file, "previous", "", "the `FILE` of the version before")
	return cmd
}

// duty is what somebody can do under an authority.
type duty struct {
	Role string `json:"role"`
	// Does says what the role does, and to what it is limited.
	Does string `json:"does"`
	// Who says how many of whom.
	Who string `json:"who"`
}

// checkedAuthority is what check prints.
type checkedAuthority struct {
	Digest  release.Digest `json:"digest"`
	Version int            `json:"version"`
	Origin  string         `json:"origin"`
	Expires string         `json:"expires"`
	Duties  []duty         `json:"duties"`
	Dangers []danger       `json:"dangers"`
	// Follows says how it follows the version before; nil if none was given.
	Follows *succession `json:"follows,omitempty"`
}

// succession compares an authority with the version before.
type succession struct {
	Version      int               `json:"version"`
	Digest       release.Digest    `json:"digest"`
	Basis        string            `json:"basis"`
	Changes      []authorityChange `json:"changes"`
	Consequences *consequences     `json:"consequences,omitempty"`
	// InForce: it is that very version, and not its successor.
	InForce bool         `json:"inForce"`
	Refused *termProblem `json:"refused,omitempty"`
}

func (a *app) checkAuthority(cmd *cobra.Command, doc *document, source *inForceSource) error {
	stated := doc.statement.Predicate.(*release.Authority)
	result := checkedAuthority{Digest: doc.digest(), Version: stated.Version, Origin: stated.Origin, Expires: release.FormatTime(stated.Expires),
		Duties: a.duties(stated), Dangers: a.dangers(stated, a.now())}
	if !source.none() {
		before, err := a.findInForce(cmd, source)
		if err != nil {
			return err
		}
		result.Follows = a.follows(doc, stated, before)
	}
	err := a.print(result, func(p *page) { result.describe(p) })
	if err == nil && result.Follows != nil && result.Follows.Refused != nil {
		return command.Verdict(exitcode.Refused)
	}
	return err
}

// follows judges a version by the one before: with a log by every rule of the
// register but the signatures, without one by number and digest.
func (a *app) follows(doc *document, stated *release.Authority, before *inForce) *succession {
	s := &succession{Version: before.authority.Version, Digest: before.digest, Basis: before.basis, InForce: before.digest == doc.digest(),
		Changes: a.compareAuthorities(before.authority, stated)}
	if s.InForce {
		return s
	}
	var err error
	if before.history != nil {
		s.Consequences, err = before.history.suppose(doc.statement, a.now())
	} else {
		err = a.checkNext(stated, before)
	}
	if err != nil {
		s.Refused = problemOf(err)
	}
	return s
}

// checkNext judges that an authority can be the next version after another.
func (a *app) checkNext(stated *release.Authority, before *inForce) error {
	if want := before.authority.Version + 1; stated.Version != want {
		return release.Refuse(register.CodeVersionNotNext, "predicate.version", fmt.Sprint(stated.Version), fmt.Sprint(want))
	}
	// Only version 1 has no previous, and that follows nothing.
	if *stated.Previous != before.digest {
		return release.Refuse(register.CodePreviousNotInForce, "predicate.previous", stated.Previous.String(), before.digest.String())
	}
	return nil
}

// problemOf is a refusal as results carry it.
func problemOf(err error) *termProblem {
	problem := &termProblem{Code: release.CodeOf(err), Text: oneLine(err.Error())}
	if refusal, ok := errors.AsType[*release.Refusal](err); ok {
		problem.Member = refusal.Member
	}
	return problem
}

// duties says who can do what.
func (a *app) duties(stated *release.Authority) []duty {
	does := map[release.RoleName]string{}
	for _, role := range roleDuties {
		does[role.name] = role.duty
	}
	duties := []duty{}
	for _, role := range release.ByDuty(stated.Roles) {
		said := does[role.Name]
		switch role.Name {
		case release.RoleRoot:
			said += ", and withdraws anything"
		case release.RoleRelease:
			said += channelWords(authority.Reached(stated, &role))
		}
		duties = append(duties, duty{string(role.Name), said + scope(role), a.who(role)})
	}
	return duties
}

// channelWords says which channels a release role reaches, and what they take.
func channelWords(reached []release.Channel) string {
	if len(reached) == 0 {
		return ", in no channel that there is"
	}
	var words []string
	for _, channel := range reached {
		words = append(words, fmt.Sprintf("%s (%s images)", channel.Name, channel.Mode))
	}
	return " in " + strings.Join(words, ", ")
}

// who says how many of whom must act together.
func (a *app) who(role release.Role) string {
	switch {
	case len(role.Keys) == 1:
		return a.shortList(role.Keys) + " alone"
	case role.Threshold == 1:
		return "any one of " + a.shortList(role.Keys)
	case role.Threshold == len(role.Keys):
		return "all of " + a.shortList(role.Keys) + " together"
	}
	return fmt.Sprintf("any %d of %s together", role.Threshold, a.shortList(role.Keys))
}

func (c *checkedAuthority) describe(p *page) {
	p.line("authority %s", c.Digest)
	p.field("log", "%s, version %d", c.Origin, c.Version)
	p.field("expires", "%s", c.Expires)
	p.line("who can do what")
	for _, duty := range c.Duties {
		p.field(duty.Role, "%s: %s", duty.Who, duty.Does)
	}
	if len(c.Dangers) == 0 {
		p.line("nothing dangerous found")
	}
	for _, danger := range c.Dangers {
		p.line("careful: %s (%s)", danger.Text, danger.Code)
	}
	if c.Follows != nil {
		c.Follows.describe(p, c.Version)
	}
}

func (s *succession) describe(p *page, version int) {
	p.line("compared with version %d, %s", s.Version, s.Digest)
	p.field("from", "%s", s.Basis)
	if s.InForce {
		p.line("it is that version, which is in force")
		return
	}
	if len(s.Changes) == 0 {
		p.field("changes", "nothing but version and date")
	}
	for i, change := range s.Changes {
		p.field(first(i, "changes"), "%s", change.Text)
	}
	s.Consequences.describe(p, "authority")
	if s.Refused != nil {
		p.line("refused: %s", s.Refused.Text)
		p.line("no log takes it after version %d, whoever signs", s.Version)
		return
	}
	p.line("version %d can follow version %d; who has signed: muster authority status", version, s.Version)
}
