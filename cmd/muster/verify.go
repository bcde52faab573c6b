package main

import (
	"bytes"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/command"
	"github.com/muster-log/muster/internal/exitcode"
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
	cmd := a.verifyBundleCommand("verify")
	cmd.Long += "\n\nmuster verify FILE is short for muster verify bundle FILE."
	// It can be run, and holds commands: both usage lines stand.
	cmd.SetUsageTemplate(new(cobra.Command).UsageTemplate())
	cmd.AddCommand(a.verifyBundleCommand("bundle"), a.verifyNodeCommand(), a.verifyEvidenceCommand(), a.verifyRecordCommand(), a.verifyForkCommand())
	return cmd
}

// bundleBegins is the beginning of every proof bundle.
var bundleBegins = []byte(`{"anchors":`)

const verdictCodes = `Exit codes: 0 every required check passed; 1 a check failed; 3 a required check
could not be made; 4 the log misbehaved, and the evidence is in a file.`

// verifyBundleCommand is the command that judges a proof bundle, by either name.
func (a *app) verifyBundleCommand(name string) *cobra.Command {
	var files trustFiles
	var memoryFile string
	cmd := &cobra.Command{
		Use:   name + " FILE" + bundle.Extension + " --policy FILE --requirements FILE",
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

` + verdictCodes,
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
			if !bytes.HasPrefix(data, bundleBegins) {
				if err := otherVerify(args[0], data); err != nil {
					return err
				}
			}
			exit := exitcode.Verified
			var verdict *verify.Verdict
			if memoryFile == "" {
				verdict, exit = a.judgeAlone(data, trust)
			} else if verdict, exit, err = a.judgeAndRemember(cmd.Context(), data, trust, memoryFile); err != nil {
				return err
			}
			return a.printVerdict(verdict, exit)
		},
	}
	files.flags(cmd)
	memoryFlag(cmd, &memoryFile)
	return cmd
}

func memoryFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVar(path, "memory", "", "the file of what you remember, made at the first use (default: nothing is remembered or compared)")
}

// printVerdict prints a verdict, and ends with its exit code.
func (a *app) printVerdict(verdict *verify.Verdict, exit int) error {
	if err := a.print(verdict, func(p *page) { verdictWords(p, verdict) }); err != nil {
		return err
	}
	if exit != exitcode.Verified {
		return command.Verdict(exit)
	}
	return nil
}
