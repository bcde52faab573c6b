package main

import (
	"context"
	"errors"
	"io"

	"github.com/muster-log/muster/internal/command"
	"github.com/muster-log/muster/release"
)

// What every command uses, by its short name.
var (
	usage     = command.Usage
	arguments = command.Arguments
	required  = command.Required
)

// app is what every command shares; what is printed and where, package command
// says.
type app struct{ *command.Program }

// run executes one command line and returns the exit code.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	a := &app{&command.Program{Name: "muster-log", Out: out, ErrOut: errOut, Explain: explain}}
	root := a.Root("a transparency log of signed node software releases", "")
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(a.initCommand(), a.serveCommand())
	return a.Run(ctx, root, args)
}

// explain fills what the packages below say of their errors.
func explain(err error, e *command.Explained) {
	if refusal, ok := errors.AsType[*release.Refusal](err); ok {
		e.Error.Code, e.Error.Member = string(refusal.Code), refusal.Member
		e.Error.Got, e.Error.Wanted = refusal.Got, refusal.Want
	}
	if errors.Is(err, errExists) {
		e.Error.Code = "file-exists"
	}
}

// fail makes an error with an exit code and a hint, which may be empty; its code
// is the one of the error within.
func fail(exit int, hint string, err error) error { return command.Fail(exit, "", hint, err) }

// print writes a result: value under --json, else what text writes.
func (a *app) print(value any, text func(io.Writer)) error {
	return a.Print(value, func(out io.Writer) error { text(out); return nil })
}
