package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/command"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog/bundle"
	"github.com/muster-log/muster/tlog/policy"
	"github.com/muster-log/muster/verify"
)

// trustFiles are the two files of a relying party.
type trustFiles struct {
	policy, requirements string
}

func (f *trustFiles) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.policy, "policy", "", "the trust policy: log, witnesses, quorum (C2SP tlog-policy)")
	cmd.Flags().StringVar(&f.requirements, "requirements", "", "the requirements file, from muster requirements create")
}

// read joins the two files; what cannot protect or cannot work is refused.
func (f *trustFiles) read(a *app, cmd *cobra.Command) (*verify.Trust, error) {
	if err := required(cmd, "policy", "requirements"); err != nil {
		return nil, err
	}
	policyFile, err := a.readFile(f.policy, "policy", policy.MaxPolicy)
	if err != nil {
		return nil, err
	}
	requirementsFile, err := a.readFile(f.requirements, "requirements", verify.MaxRequirements)
	if err != nil {
		return nil, err
	}
	trust, err := verify.ParseTrust(policyFile, requirementsFile)
	if err != nil {
		for _, file := range []struct {
			path string
			data []byte
			want string
		}{{f.policy, policyFile, "a policy"}, {f.requirements, requirementsFile, "requirements"}} {
			if wrong := wrongFile(file.path, file.data, file.want, nil); wrong != nil {
				return nil, wrong
			}
		}
		return nil, fail(exitcode.Refused, trustCode(err), trustHint(err), fmt.Errorf("%s and %s: %w", f.policy, f.requirements, err))
	}
	return trust, nil
}

func (a *app) verifyCommand() *cobra.Command {
	var files trustFiles
	var memoryFile string
	cmd := &cobra.Command{
		Use:   "verify FILE" + bundle.Extension + " --policy FILE --requirements FILE",
		Short: "judge a release offline by its proof bundle",
		Long: `Judges the release in a proof bundle by what you trust: log.policy and
requirements.json. No network is used. It says nothing about any machine: that
takes evidence.

With --memory it also compares the bundle with what that file remembers, and
remembers what it has verified: so no log and no node leads you back, and a log
that shows you two histories is found out. Give the same file every time. The
first time it is made, and the check consistency says first-seen.

Evidence of misbehaviour is written beside that file; without --memory, into the
working directory: then it is of a witness that the bundle itself proves to lie.

Exit codes: 0 every required check passed; 1 a check failed; 3 a required check
could not be made; 4 the log misbehaved, and the evidence is in a file.`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			trust, err := files.read(a, cmd)
			if err != nil {
				return err
			}
			// One byte more than a bundle has is enough to be refused as one.
			data, err := a.readBeginning(args[0], "bundle", bundle.MaxSize+1)
			if err != nil {
				return err
			}
			exit := exitcode.Verified
			var verdict *verify.Verdict
			if memoryFile == "" {
				verdict, exit = a.judgeAlone(data, trust)
			} else if verdict, exit, err = a.judgeAndRemember(cmd.Context(), data, trust, memoryFile); err != nil {
				return err
			}
			if err := a.print(verdict, func(p *page) { verdictWords(p, verdict) }); err != nil {
				return err
			}
			if exit != exitcode.Verified {
				return command.Verdict(exit)
			}
			return nil
		},
	}
	// It can be run, and holds a command: both usage lines stand.
	cmd.SetUsageTemplate(new(cobra.Command).UsageTemplate())
	files.flags(cmd)
	cmd.Flags().StringVar(&memoryFile, "memory", "", "the file of what you remember, made at the first use (default: nothing is remembered or compared)")
	cmd.AddCommand(a.verifyForkCommand())
	return cmd
}

// verdictWords says a verdict in words: what was judged, each check, the result.
func verdictWords(p *page, v *verify.Verdict) {
	if v.Judged.Release != nil {
		p.line("release %s of %s in channel %s", v.Judged.Release.Version, v.Judged.Release.Product, v.Judged.Release.Channel)
		p.field("digest", "%s", v.Judged.Digest)
		p.field("log", "%s, entry %d of %d", quote(v.Judged.Origin), v.Judged.Index, v.Judged.Size)
		if authority := v.Judged.Authority; authority != nil {
			p.field("authority", "version %d", authority.Version)
		}
		if !v.Judged.Witnessed.IsZero() {
			p.field("witnessed", "since %s", release.FormatTime(v.Judged.Witnessed))
		}
		if roll := v.Judged.Roll; roll != nil {
			age := "without its anchor, so of no age"
			if !roll.Since.IsZero() {
				age = "its age is " + roll.Age.Round(time.Second).String()
			}
			p.field("roll", "entry %d, of size %d, issued %s, %s", roll.Index, roll.Roll.Size, release.FormatTime(roll.Roll.Issued), age)
		}
		for i, image := range v.Judged.Images {
			p.field(first(i, "images"), "%s/%s %s, %s", image.Image.Kind, image.Image.Name, image.Image.Version, image.Digest)
		}
	}
	p.line("checks")
	for _, check := range v.Checks {
		found := check.Found
		if check.Status == verify.StatusFail && check.Expected != "" {
			found = fmt.Sprintf("got %s, want %s", orNothing(found), check.Expected)
		}
		if v.Result == verify.Unknown && check.Decisive() {
			found += " (required: this makes the result unknown)"
		}
		p.row("  "+string(check.Status), string(check.Code), found)
	}
	switch v.Result {
	case verify.Pass:
		p.line("result: pass, about the %s", v.About)
	case verify.Fail:
		p.line("result: fail, do not use this %s", v.About)
	default:
		p.line("result: unknown, a required check could not be made")
	}
	if !v.Deadline.IsZero() {
		p.line("this verdict ends at %s", release.FormatTime(v.Deadline))
	}
}

func orNothing(text string) string {
	if text == "" {
		return "nothing"
	}
	return text
}
