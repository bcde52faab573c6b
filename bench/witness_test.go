package bench

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	// witnessRounds is how often the two witnesses take turns; the medians count.
	witnessRounds = 9
	// roundRequests are those of a round at witnessClients, aloneRequests those of
	// one client after them.
	roundRequests, aloneRequests = 2000, 200
	witnessClients               = 32
)

// BenchmarkWitness asks muster-witness and litewitness for cosignatures, each the
// real process with its durability on, in turns: requests a second of 32 clients
// over 1,000 logs, and the median time of one client. Both get the same requests
// from the same client over connections that are kept. Ours makes an Ed25519 and an
// ML-DSA-44 cosignature, theirs an Ed25519 one, by an ssh-agent, which is the only
// way it has. Wanted: three times its requests a second, and no longer for one.
//
// One iteration is the whole comparison.
func BenchmarkWitness(b *testing.B) {
	steps := (witnessRounds*(roundRequests+aloneRequests) + witnessOrigins - 1) / witnessOrigins
	growing := newGrowing(b, witnessOrigins, steps)
	for b.Loop() {
		ourAddress, ourKeys, ourPID := ourWitness(b, growing.keys, witnessFlags...)
		theirAddress, theirKey := theirWitness(b, growing.keys)
		ours, theirs := growing.load(ourAddress, ourKeys...), growing.load(theirAddress, theirKey)
		var rates, alone [2][]float64
		for round := range witnessRounds + 1 {
			for i, load := range []*witnessLoad{ours, theirs} {
				if round == 0 { // every log's first checkpoint, which needs no proof
					load.run(b, witnessClients, witnessOrigins)
					continue
				}
				took, _ := load.run(b, witnessClients, roundRequests)
				rates[i] = append(rates[i], roundRequests/took.Seconds())
				_, median := load.run(b, 1, aloneRequests)
				alone[i] = append(alone[i], median)
			}
		}
		ours.check(b, 1)
		theirs.check(b, 1)
		b.Logf("requests/s, ours and theirs: %.0f, %.0f; p50 in ms of one client: %.3f, %.3f", rates[0], rates[1], alone[0], alone[1])
		b.ReportMetric(middle(rates[0]), "requests/s")
		b.ReportMetric(middle(rates[1]), "litewitness-requests/s")
		b.ReportMetric(middle(rates[0])/middle(rates[1]), "times-litewitness")
		b.ReportMetric(middle(alone[0]), "p50-ms")
		b.ReportMetric(middle(alone[1]), "litewitness-p50-ms")
		b.ReportMetric(middle(alone[0])/middle(alone[1]), "p50-of-litewitness")
		b.ReportMetric(processTime(b, ourPID)/float64(ours.sent), "cpu-us/request")
	}
	b.ReportMetric(0, "ns/op")
}

// witnessFlags put our limits above what is asked for. They stay in force.
var witnessFlags = []string{"--rate", "100000", "--origin-rate", "1000"}

// processTime is what another process has used of the processor, in microseconds.
func processTime(tb testing.TB, pid int) float64 {
	tb.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		tb.Fatal(err)
	}
	// The name, which may hold anything, is in parentheses; user and system time
	// are the 12th and 13th field after it, in hundredths of a second.
	_, fields, _ := strings.Cut(string(stat), ") ")
	var ticks uint64
	for _, field := range strings.Fields(fields)[11:13] {
		one, err := strconv.ParseUint(field, 10, 64)
		if err != nil {
			tb.Fatal(err)
		}
		ticks += one
	}
	return float64(ticks) * 1e4
}

// middle is the median.
func middle(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}
