// Command muster is what people use: it measures images, states and signs what
// they are, submits that to a log, and checks what a log answers. Every command
// is a noun and a verb; docs/cli.md goes through them in the order of the work.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

func main() {
	cobra.EnableCommandSorting = false // help keeps the order of the work
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], time.Now, os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
