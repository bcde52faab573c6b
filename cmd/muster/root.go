package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
)

// run executes one command line at the time of clock, and returns the exit code.
func run(ctx context.Context, args []string, clock func() time.Time, in io.Reader, out, errOut io.Writer) int {
	a := &app{clock: clock, in: in, out: out, errOut: errOut}
	root := &cobra.Command{
		Use:   "muster",
		Short: "release, submit and verify node software in a transparency log",
		Long: `muster measures images, states and signs what they are, submits that to a
transparency log, and verifies offline what the log and its witnesses answered.

Every command takes --json, and --help says more about it.

Exit codes: 0 done, or verified; 1 checked and not verified; 2 called wrongly;
3 could not tell; 4 the log misbehaved, and the evidence is in a file.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE:          needsCommand,
	}
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print one JSON object instead of text")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usage(cmd, err) })
	section(root, "Release node software:",
		a.measureCommand(),
		a.keyCommand(),
		a.authorityCommand(),
		a.imageCommand(),
		a.releaseCommand())
	section(root, "Decide what to trust, and verify:",
		a.requirementsCommand(),
		a.policyCommand(),
		a.bundleCommand(),
		a.verifyCommand(),
		a.logCommand())
	section(root, "About this program:", a.versionCommand())
	ownWords(root)

	eachCommand(root, func(cmd *cobra.Command) { cmd.Flags().SortFlags = false })

	// Set where flags cannot be parsed, too: a script that asked for JSON gets it.
	a.json = slices.Contains(args, "--json") || slices.Contains(args, "--json=true")
	return a.report(root.ExecuteContext(ctx))
}

// ownWords adjusts what cobra itself prints: a command that only holds others
// cannot be run, and its two commands stand with ours.
func ownWords(root *cobra.Command) {
	const runnable = "{{if .Runnable}}"
	root.SetUsageTemplate(strings.Replace(root.UsageTemplate(), runnable, "{{if and .Runnable (not .HasAvailableSubCommands)}}", 1))
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	last := root.Groups()[len(root.Groups())-1].ID
	for name, short := range map[string]string{"help": "say more about a command", "completion": "print a completion script for a shell"} {
		if cmd, _, err := root.Find([]string{name}); err == nil {
			cmd.Short, cmd.GroupID = short, last
		}
	}
}

// eachCommand visits a command and all below it.
func eachCommand(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, child := range cmd.Commands() {
		eachCommand(child, visit)
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

// group is a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, RunE: needsCommand}
	cmd.AddCommand(commands...)
	return cmd
}

// needsCommand answers a group without a command, or with one that it has not.
func needsCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	cmd.SuggestionsMinimumDistance = 2
	err := fmt.Errorf("%s has no command %s", cmd.CommandPath(), quote(args[0]))
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		err = fmt.Errorf("%w, did you mean %s", err, strings.Join(near, " or "))
	}
	return usage(cmd, err)
}

// usage marks an error in how the command was called.
func usage(cmd *cobra.Command, err error) error {
	if _, ok := errors.AsType[*failure](err); ok {
		return err
	}
	return fail(exitcode.Usage, "usage", "see "+cmd.CommandPath()+" --help", err)
}

// arguments checks the number of arguments, as a usage error.
func arguments(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if check(cmd, args) != nil {
			return usage(cmd, fmt.Errorf("got %d arguments, want %s", len(args), strings.TrimSuffix(cmd.UseLine(), " [flags]")))
		}
		return nil
	}
}

// required takes the names of flags that must be given, all missing ones at once.
func required(cmd *cobra.Command, names ...string) error {
	var missing []string
	for _, name := range names {
		if !cmd.Flags().Changed(name) {
			missing = append(missing, "--"+name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return usage(cmd, fmt.Errorf("missing %s", strings.Join(missing, ", ")))
}
