package main

import (
	"context"
	"io"

	"github.com/muster-log/muster/internal/command"
)

// app is what every command shares; what is printed and where, package command
// says.
type app struct{ *command.Program }

// run executes one command line and returns the exit code.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	a := &app{&command.Program{Name: "muster-witness", Out: out, ErrOut: errOut}}
	root := a.Root("a transparency log witness: cosigns checkpoints that only grow", "")
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(a.keyCommand(), a.logCommand(), a.serveCommand(), a.evidenceCommand(), a.recoverCommand())
	return a.Run(ctx, root, args)
}
