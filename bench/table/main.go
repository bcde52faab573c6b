// Command table runs the benchmarks that say what Muster costs, and prints one
// table: each figure, what it is measured against in the same run, their ratio and
// what is wanted, and below it the limits of the machine.
package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"text/tabwriter"
)

// run is one call of go test. Each has the machine to itself.
type run struct {
	packagePath, bench, benchtime string
	cpu                           string // of go test -cpu; empty: all
}

// The benchmarks, with how often each is run: enough for a stable median, and
// less than ten minutes in all on two cores.
var runs = []run{
	{"./bench", "^BenchmarkLimits$", "20x", ""},
	{"./bench", "^BenchmarkLimitHash$", "10x", ""},
	{"./bench", "^BenchmarkSubmitToProofPaced$", "30x", ""},
	{"./bench", "^BenchmarkSubmitToProofClosedLoop$", "100x", ""},
	{"./bench", "^BenchmarkSubmissions$", "20000x", ""},
	{"./bench", "^BenchmarkVerifyBundle$", "2000x", ""},
	{"./release/measure", "^Benchmark(SHA256Sum|Model)$", "3x", "1,2"},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := measure(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func measure(ctx context.Context) error {
	found := figures{}
	for _, r := range runs {
		fmt.Fprintf(os.Stderr, "%s in %s ...\n", r.bench, r.packagePath)
		args := []string{"test", "-run", "^$", "-bench", r.bench, "-benchtime", r.benchtime, "-timeout", "10m"}
		if r.cpu != "" {
			args = append(args, "-cpu", r.cpu)
		}
		command := exec.CommandContext(ctx, "go", append(args, r.packagePath)...)
		var stdout, stderr bytes.Buffer
		command.Stdout, command.Stderr = &stdout, &stderr
		if err := command.Run(); err != nil {
			return fmt.Errorf("go %s: %w\n%s%s", strings.Join(args, " "), err, &stdout, &stderr)
		}
		found.read(stdout.String())
	}
	rows, err := found.rows()
	if err != nil {
		return err
	}
	limits, err := found.limits()
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "WHAT\tMEASURED\tBESIDE\t\tRATIO\tWANTED\t")
	for _, r := range rows {
		fmt.Fprintln(table, r)
	}
	table.Flush()
	fmt.Fprintf(out, "\nThis machine (%s, %d cores): %s\n%s\n", found.processor, runtime.NumCPU(), limits, durability)
	return out.Flush()
}

// durability says under which settings the figures stand.
const durability = `Durability: an entry is on disk (fsync) before it is acknowledged, with its tiles and its bundle; anchors and the
witnesses' states are in SQLite, WAL, synchronous=FULL; a cosignature leaves a witness after its state is on disk.
Publication at most every 100 ms, for both logs; three witnesses on loopback, two of them needed, for ours.`
