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
	// cores is GOMAXPROCS; empty: all. It is not go test's -cpu, whose first value
	// has no effect on benchmarks with B.Loop: they run once, before it is set
	// (Go 1.26).
	cores string
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
	{"./bench", "^BenchmarkVerifyLiveness$", "2000x", ""},
	{"./release/register", "^BenchmarkReplayAllCores$", "10x", ""},
	{"./release/measure", "^Benchmark(SHA256Sum|Model)$", "5x", "1"},
	{"./release/measure", "^Benchmark(SHA256Sum|Model)$", "5x", "2"},
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
		command := exec.CommandContext(ctx, "go", append(args, r.packagePath)...)
		if r.cores != "" {
			command.Env = append(os.Environ(), "GOMAXPROCS="+r.cores)
		}
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
	if busy := found.busy(runtime.NumCPU()); busy != "" {
		fmt.Fprintf(out, "\nNOT A MEASUREMENT: %s.\n", busy)
	}
	return out.Flush()
}

// durability says under which settings the figures stand.
const durability = `Durability: an entry is acknowledged after its bundle, tiles and tree state are written with O_SYNC and their
directories synced; anchors and the witnesses' states are in SQLite, WAL, synchronous FULL; a cosignature leaves a
witness after its state is committed. Publication at most every 100 ms, for both logs; ours has three witnesses on
loopback, of which two are needed.`
