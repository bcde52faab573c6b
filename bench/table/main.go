// Command table runs the benchmarks that say what Muster costs, and prints one
// table: each figure, what it is measured against in the same run, their ratio and
// what is wanted, and below it the limits of the machine.
//
// With the argument "witness" it runs those of the witness alone.
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
	// witness: it is of the witness alone, or of the machine.
	witness bool
}

// The benchmarks, with how often each is run: enough for a stable median, and
// less than ten minutes in all on two cores.
var runs = []run{
	{"./bench", "^BenchmarkLimits$", "20x", "", true},
	{"./bench", "^BenchmarkLimitHash$", "10x", "", true},
	{"./bench", "^BenchmarkSubmitToProofPaced$", "30x", "", false},
	{"./bench", "^BenchmarkSubmitToProofClosedLoop$", "100x", "", false},
	{"./bench", "^BenchmarkSubmissions$", "20000x", "", false},
	{"./bench", "^BenchmarkVerifyBundle$", "2000x", "", false},
	{"./bench", "^BenchmarkVerifyLiveness$", "2000x", "", false},
	{"./bench", "^BenchmarkVerifyNode$", "2000x", "", false},
	{"./bench", "^BenchmarkGate$", "200x", "", false},
	{"./client", "^BenchmarkCachedVerdict$/^h2$", "20000x", "", false},
	{"./bench", "^BenchmarkWitness$", "1x", "", true},
	{"./bench", "^BenchmarkWitnessMemory$", "1x", "", true},
	{"./release/register", "^BenchmarkReplayAllCores$", "10x", "", false},
	{"./release/measure", "^Benchmark(SHA256Sum|Model)$", "5x", "1", false},
	{"./release/measure", "^Benchmark(SHA256Sum|Model)$", "5x", "2", false},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := measure(ctx, len(os.Args) > 1 && os.Args[1] == "witness"); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func measure(ctx context.Context, witnessAlone bool) error {
	found := figures{}
	for _, r := range runs {
		if witnessAlone && !r.witness {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s in %s ...\n", r.bench, r.packagePath)
		args := []string{"test", "-tags", "system", "-run", "^$", "-bench", r.bench, "-benchtime", r.benchtime, "-timeout", "10m"}
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
	rows, err := found.witnessRows()
	if err != nil {
		return err
	}
	if !witnessAlone {
		others, err := found.rows()
		if err != nil {
			return err
		}
		rows = append(others, rows...)
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
	fmt.Fprintf(out, "\nThis machine (%s, %d cores): %s\n", found.processor, runtime.NumCPU(), limits)
	if !witnessAlone {
		out.WriteString(durability)
	}
	out.WriteString(witnessDurability)
	if busy := found.busy(runtime.NumCPU()); busy != "" {
		fmt.Fprintf(out, "\nNOT A MEASUREMENT: %s.\n", busy)
	}
	return out.Flush()
}

// durability says under which settings the figures of the log stand.
const durability = `Durability: an entry is acknowledged after its bundle, tiles and tree state are written with O_SYNC and their
directories synced; anchors and the witnesses' states are in SQLite, WAL, synchronous FULL; a cosignature leaves a
witness after its state is committed. Publication at most every 100 ms, for both logs; ours has three witnesses on
loopback, of which two are needed.
`

// witnessDurability says under which those of the witness stand.
const witnessDurability = `Cosigned: a cosignature leaves muster-witness after the commit of its state (SQLite, WAL, synchronous FULL) and then the
sync of its anchor, which all share who wait; there are two, by Ed25519 and by ML-DSA-44; its limits on rates are in
force, above what is asked for. litewitness is as it comes: SQLite, WAL, synchronous FULL (it sets nothing, and that is
what its SQLite is compiled with), a commit and its sync for each request, no anchor; one cosignature, by Ed25519, made by
an ssh-agent. Each log grows by 37 leaves a request, from 100,000.
`
