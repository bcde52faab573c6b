package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
)

// What is printed, and where: results go to standard output, as text for
// people or, under --json, as one JSON object; the log of serve and errors go
// to standard error, errors in one line that says what was wrong, with which
// input, and what to do, in a line "hint: " after it where that is longer.
// Under --json a failure is besides an object with the member error on standard
// output. No private key is ever printed.

// app is what every command shares.
type app struct {
	json        bool
	out, errOut io.Writer
}

// run executes one command line and returns the exit code.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	a := &app{out: out, errOut: errOut}
	root := &cobra.Command{
		Use:           "muster-log",
		Short:         "a transparency log of signed node software releases",
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
	root.AddCommand(a.initCommand(), a.serveCommand())

	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitcode.Verified
	}
	if strings.HasPrefix(err.Error(), "unknown command") {
		err = &exitcode.Error{Code: exitcode.Usage, Err: fmt.Errorf("%w; see muster-log --help", err)}
	}
	return a.report(err, a.json || wantsJSON(args))
}

// report prints an error and returns its exit code.
func (a *app) report(err error, asJSON bool) int {
	code, hint := exitcode.Of(err), ""
	if hinted, ok := errors.AsType[*hintError](err); ok {
		hint = hinted.hint
	}
	if asJSON {
		failure := struct {
			Error    string `json:"error"`
			Hint     string `json:"hint,omitempty"`
			ExitCode int    `json:"exitCode"`
		}{err.Error(), hint, code}
		encoder := json.NewEncoder(a.out)
		encoder.SetEscapeHTML(false)
		encoder.Encode(failure)
	}
	fmt.Fprintf(a.errOut, "muster-log: %v\n", err)
	if hint != "" {
		fmt.Fprintf(a.errOut, "hint: %s\n", hint)
	}
	return code
}

// hintError is an error with what to do about it.
type hintError struct {
	err  error
	hint string
}

func (e *hintError) Error() string { return e.err.Error() }

// Unwrap returns the error itself.
func (e *hintError) Unwrap() error { return e.err }

// fail makes an error with an exit code and a hint, which may be empty.
func fail(code int, hint string, err error) error {
	return &hintError{err: &exitcode.Error{Code: code, Err: err}, hint: hint}
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

// required takes the names of flags that must be given, all missing ones at once.
func required(cmd *cobra.Command, names ...string) error {
	var missing []string
	for _, name := range names {
		if !cmd.Flags().Changed(name) || cmd.Flag(name).Value.String() == "" {
			missing = append(missing, "--"+name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return usage(cmd, fmt.Errorf("missing %s", strings.Join(missing, ", ")))
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

// logger writes to standard error, under --json one object a line.
func (a *app) logger(verbose bool) *slog.Logger {
	options := &slog.HandlerOptions{Level: slog.LevelInfo}
	if verbose {
		options.Level = slog.LevelDebug
	}
	if a.json {
		return slog.New(slog.NewJSONHandler(a.errOut, options))
	}
	return slog.New(slog.NewTextHandler(a.errOut, options))
}
