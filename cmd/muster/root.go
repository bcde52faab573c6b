package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/command"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/log/remote"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog/bundle"
)

// What every command uses, by its short name.
var (
	group     = command.Group
	usage     = command.Usage
	arguments = command.Arguments
	required  = command.Required
	fail      = command.Fail
	oneLine   = command.OneLine
	quote     = command.Quote
)

const long = `muster measures images, states and signs what they are, submits that to a
transparency log, and verifies offline what the log and its witnesses answered.

Every command takes --json, and --help says more about it.

Exit codes: 0 done, or verified; 1 checked and not verified; 2 called wrongly;
3 could not tell; 4 the log misbehaved, and the evidence is in a file.`

// run executes one command line at the time of clock, and returns the exit code.
func run(ctx context.Context, args []string, clock func() time.Time, in io.Reader, out, errOut io.Writer) int {
	a := &app{Program: &command.Program{Name: "muster", Out: out, ErrOut: errOut, Explain: explain}, clock: clock, in: in, interrupted: ctx.Done()}
	root := a.Root("release, submit and verify node software in a transparency log", long)
	root.SetIn(in)
	section(root, "Release node software:",
		a.measureCommand(),
		a.keyCommand(),
		a.authorityCommand(),
		a.imageCommand(),
		a.releaseCommand(),
		a.withdrawalCommand(),
		a.rollCommand())
	section(root, "Decide what to trust, and verify:",
		a.requirementsCommand(),
		a.policyCommand(),
		a.bundleCommand(),
		a.verifyCommand(), a.proxyCommand(),
		a.memoryCommand(),
		a.logCommand())
	section(root, "About this program:", a.versionCommand())
	ownWords(root)
	return a.Run(ctx, root, args)
}

// ownWords has cobra's two commands stand with ours.
func ownWords(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	last := root.Groups()[len(root.Groups())-1].ID
	for name, short := range map[string]string{"help": "say more about a command", "completion": "print a completion script for a shell"} {
		if cmd, _, err := root.Find([]string{name}); err == nil {
			cmd.Short, cmd.GroupID = short, last
		}
	}
}

// section adds commands under a title of the help.
func section(root *cobra.Command, title string, commands ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: title, Title: title})
	for _, cmd := range commands {
		cmd.GroupID = title
	}
	root.AddCommand(commands...)
}

// explain fills what the packages below say of their errors.
func explain(err error, e *command.Explained) {
	if refusal, ok := errors.AsType[*release.Refusal](err); ok {
		e.Exit = exitcode.Refused
		e.Error.Code, e.Error.Member = string(refusal.Code), refusal.Member
		e.Error.Got, e.Error.Wanted = refusal.Got, refusal.Want
	}
	if missing, ok := errors.AsType[*fs.PathError](err); ok && errors.Is(missing, fs.ErrNotExist) {
		e.Exit, e.Error.Code = exitcode.Usage, "no-such-file"
	}
	if malformed, ok := errors.AsType[*bundle.Error](err); ok {
		e.Exit = exitcode.Refused
		e.Error.Code, e.Error.Member = "bundle-form", malformed.Member
		e.Error.Got, e.Error.Wanted = malformed.Got, malformed.Want
	}
	if status, ok := errors.AsType[*remote.StatusError](err); ok {
		e.Error.Code = "log-status"
		if status.Code != "" {
			e.Error.Code = status.Code
		}
		if status.Code == "not-published" {
			e.Error.Hint = "ask again in a second; if it stays so, the log waits for its witnesses"
		}
		e.Error.Member, e.Error.Got, e.Error.Wanted = status.Member, status.Got, status.Want
	}
	if _, ok := errors.AsType[*url.Error](err); ok {
		e.Error.Hint = "the log may be away: check its URL, or try again later"
	}
	if _, ok := errors.AsType[*remote.PendingError](err); ok {
		e.Exit, e.Error.Code = exitcode.Unknown, "not-published-yet"
		e.Error.Hint = "the entry is safe; run the same command again later, it gets the same index"
	}
}
