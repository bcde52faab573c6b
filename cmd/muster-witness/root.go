package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
)

// What is printed, and where: results go to standard output, as text for
// people or, under --json, as one JSON object; the log of serve and errors go
// to standard error, errors in one line that says what was wrong, with which
// input, and what to do. Under --json a failure is besides an object with the
// member error on standard output. No private key is ever printed.

// app is what every command shares.
type app struct {
	json        bool
	out, errOut io.Writer
}

// run executes one command line and returns the exit code.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	a := &app{out: out, errOut: errOut}
	root := &cobra.Command{
		Use:           "muster-witness",
		Short:         "a transparency log witness: cosigns checkpoints that only grow",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errOut)
	root.CompletionOptions.DisableDefaultCmd = true
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print one JSON object instead of text")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usage(cmd, err) })
	root.AddCommand(a.keyCommand(), a.logCommand(), a.serveCommand())

	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitcode.Verified
	}
	if strings.HasPrefix(err.Error(), "unknown command") {
		err = &exitcode.Error{Code: exitcode.Usage, Err: fmt.Errorf("%w; see muster-witness --help", err)}
	}
	if code := exitcode.Of(err); a.json || wantsJSON(args) {
		json.NewEncoder(out).Encode(map[string]any{"error": err.Error(), "exitCode": code})
	}
	fmt.Fprintf(errOut, "muster-witness: %v\n", err)
	return exitcode.Of(err)
}

// wantsJSON finds --json where the flags could not be parsed.
func wantsJSON(args []string) bool {
	for _, arg := range args {
		if arg == "--json" || arg == "--json=true" {
			return true
		}
	}
	return false
}

// usage marks an error in how the command was called.
func usage(cmd *cobra.Command, err error) error {
	return &exitcode.Error{Code: exitcode.Usage, Err: fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
}

// arguments checks the number of arguments, as a usage error.
func arguments(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usage(cmd, err)
		}
		return nil
	}
}

// required takes the values of flags that must be given.
func required(cmd *cobra.Command, names ...string) error {
	for _, name := range names {
		if cmd.Flag(name).Value.String() == "" {
			return usage(cmd, fmt.Errorf("--%s is missing", name))
		}
	}
	return nil
}

// group is a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(commands...)
	return cmd
}

// print writes a result: value under --json, else what text writes.
func (a *app) print(value any, text func(io.Writer)) error {
	if a.json {
		encoder := json.NewEncoder(a.out)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(value)
	}
	text(a.out)
	return nil
}
