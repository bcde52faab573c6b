// Package command is what the command lines of all programs share: how they
// answer who calls them wrongly, what they print and where, and how they end.
//
//   - The result goes to standard output: text for people, or under --json one
//     JSON object and nothing else.
//   - Progress, the log of a server and errors go to standard error.
//   - An error is lower case and one line: which input, what was wrong with it,
//     got and wanted. A line "hint: " follows with what to do, where there is
//     something to do. Under --json standard output has it too, as
//     {"error":{"code","message","member","got","wanted","hint"},"exit":N}.
//   - The exit code is one of package exitcode.
//   - No private key is ever printed.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
)

// Program is what every command of one program shares.
type Program struct {
	// Name begins each line of an error.
	Name string
	// JSON is set by --json.
	JSON bool
	// Out takes results, ErrOut everything else.
	Out, ErrOut io.Writer
	// Explain fills what the program knows of its own errors, before what a
	// [Failure] says; nil: nothing.
	Explain func(err error, e *Explained)
}

// Root makes the program's first command: it holds the others, and has --json.
func (p *Program) Root(short, long string) *cobra.Command {
	root := &cobra.Command{
		Use:           p.Name,
		Short:         short,
		Long:          long,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE:          needsCommand,
	}
	root.SetOut(p.Out)
	root.SetErr(p.ErrOut)
	root.PersistentFlags().BoolVar(&p.JSON, "json", false, "print one JSON object instead of text")
	root.SetFlagErrorFunc(Usage)
	// A command that only holds others cannot be run.
	const runnable = "{{if .Runnable}}"
	root.SetUsageTemplate(strings.Replace(root.UsageTemplate(), runnable, "{{if and .Runnable (not .HasAvailableSubCommands)}}", 1))
	return root
}

// Run executes one command line, prints the error that it ends with, and returns
// the exit code.
func (p *Program) Run(ctx context.Context, root *cobra.Command, args []string) int {
	eachCommand(root, func(cmd *cobra.Command) { cmd.Flags().SortFlags = false })
	root.SetArgs(args)
	// Set where flags cannot be parsed, too: a script that asked for JSON gets it.
	p.JSON = slices.Contains(args, "--json") || slices.Contains(args, "--json=true")
	return p.report(root.ExecuteContext(ctx))
}

// eachCommand visits a command and all below it.
func eachCommand(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, child := range cmd.Commands() {
		eachCommand(child, visit)
	}
}

// Group is a command that only holds others.
func Group(use, short string, commands ...*cobra.Command) *cobra.Command {
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
	err := fmt.Errorf("%s has no command %s", cmd.CommandPath(), Quote(args[0]))
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		err = fmt.Errorf("%w, did you mean %s", err, strings.Join(near, " or "))
	}
	return Usage(cmd, err)
}

// Usage marks an error in how the command was called. A [Failure] says already
// what it is, and stays.
func Usage(cmd *cobra.Command, err error) error {
	if _, ok := errors.AsType[*Failure](err); ok {
		return err
	}
	return Fail(exitcode.Usage, "usage", "see "+cmd.CommandPath()+" --help", err)
}

// Arguments checks the number of arguments, as a usage error.
func Arguments(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if check(cmd, args) != nil {
			plural := "s"
			if len(args) == 1 {
				plural = ""
			}
			return Usage(cmd, fmt.Errorf("got %d argument%s, want %s", len(args), plural, strings.TrimSuffix(cmd.UseLine(), " [flags]")))
		}
		return nil
	}
}

// Required takes the names of flags that must be given and not be empty, and
// names all missing ones at once.
func Required(cmd *cobra.Command, names ...string) error {
	var missing []string
	for _, name := range names {
		if flag := cmd.Flag(name); !flag.Changed || flag.Value.String() == "" {
			missing = append(missing, "--"+name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return Usage(cmd, fmt.Errorf("missing %s", strings.Join(missing, ", ")))
}
