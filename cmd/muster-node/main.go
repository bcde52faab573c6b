// Command muster-node is what runs on a node: it checks the machine in the initrd,
// stands as a gate before its work, and answers clients that ask for evidence.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/muster-log/muster/internal/command"
	"github.com/muster-log/muster/node"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// app is what every command shares; what is printed and where, package command says.
type app struct{ *command.Program }

// run executes one command line and returns the exit code, of package node.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	a := &app{&command.Program{Name: "muster-node", Out: out, ErrOut: errOut}}
	root := a.Root("a node: checks itself, gates its work, shows clients what it runs",
		"Exit codes: 0 passed, 121 refused, 122 called or configured wrongly, 123 could not tell. After gate has executed a command, the exit code is the command's.")
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(a.checkCommand(), a.gateCommand(), a.serveCommand())
	return node.Exit(a.Run(ctx, root, args))
}
