package bench

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
)

const (
	// memoryOrigins is how many logs the witness follows, memoryAllowed what it may
	// take for them, in MiB.
	memoryOrigins, memoryAllowed = 10_000, 100
)

// followMany has a witness process of its own follow 10,000 logs and cosign for
// each, reads its metrics and its page as an operator would, and returns its
// resident memory then and at its highest, in MiB.
func followMany(tb testing.TB) (resident, peak float64) {
	tb.Helper()
	growing := newGrowing(tb, memoryOrigins, 0)
	metrics := freeAddress(tb)
	address, keys, pid := ourWitness(tb, growing.keys, append(witnessFlags, "--metrics", metrics)...)
	load := growing.load(address, keys...)
	load.run(tb, witnessClients, memoryOrigins)
	scraped := get(tb, "http://"+metrics+"/metrics")
	last := growing.keys[memoryOrigins-1].Name
	if lines := strings.Count(scraped, "\n"); lines < memoryOrigins || !strings.Contains(scraped, `"`+last+`"`) {
		tb.Fatalf("the metrics have %d lines, want one for each of %d logs", lines, memoryOrigins)
	}
	get(tb, "http://"+address+"/")
	load.check(tb, 100)
	return memory(tb, pid, "VmRSS"), memory(tb, pid, "VmHWM")
}

// get reads a page that must be there.
func get(tb testing.TB, url string) string {
	tb.Helper()
	response, err := http.Get(url)
	if err != nil {
		tb.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		tb.Fatalf("%s: got %d %.200q, %v", url, response.StatusCode, body, err)
	}
	return string(body)
}

// memory reads a line of what the kernel says of a process, in MiB.
func memory(tb testing.TB, pid int, name string) float64 {
	tb.Helper()
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if words := strings.Fields(lines.Text()); len(words) == 3 && words[0] == name+":" && words[2] == "kB" {
			kib, err := strconv.ParseFloat(words[1], 64)
			if err != nil {
				tb.Fatal(err)
			}
			return kib / 1024
		}
	}
	tb.Fatalf("no %s of process %d", name, pid)
	return 0
}

// BenchmarkWitnessMemory reports what 10,000 logs cost the witness. Wanted: under
// 100 MiB.
func BenchmarkWitnessMemory(b *testing.B) {
	for b.Loop() {
		resident, peak := followMany(b)
		b.ReportMetric(resident, "resident-MiB")
		b.ReportMetric(peak, "peak-MiB")
	}
	b.ReportMetric(0, "ns/op")
}
