// Command muster-witness is a transparency log witness
// (https://c2sp.org/tlog-witness): it cosigns the checkpoints of the logs that
// its operator adds, as long as they only grow.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
