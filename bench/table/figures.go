package main

import (
	"fmt"
	"strconv"
	"strings"
)

// figures are metrics by benchmark name (with -N for N cores) and unit.
type figures struct {
	processor string
	metrics   map[[2]string]float64
}

// read takes the metrics out of what go test printed.
func (f *figures) read(printed string) {
	if f.metrics == nil {
		f.metrics = map[[2]string]float64{}
	}
	for line := range strings.Lines(printed) {
		words := strings.Fields(line)
		if processor, ok := strings.CutPrefix(line, "cpu: "); ok {
			f.processor = strings.TrimSpace(processor)
		}
		if len(words) < 4 || !strings.HasPrefix(words[0], "Benchmark") {
			continue
		}
		for i := 2; i+1 < len(words); i += 2 {
			if value, err := strconv.ParseFloat(words[i], 64); err == nil {
				f.metrics[[2]string{strings.TrimPrefix(words[0], "Benchmark"), words[i+1]}] = value
			}
		}
	}
}

// take returns metrics of a benchmark, by units, in their order.
func (f *figures) take(benchmark string, units ...string) ([]float64, error) {
	values := make([]float64, len(units))
	for i, unit := range units {
		for key, value := range f.metrics {
			// go test adds the number of cores, but where it is 1.
			name, cores, _ := strings.Cut(key[0], "-")
			if key[1] == unit && (key[0] == benchmark || name == benchmark && cores != "") {
				values[i] = value
			}
		}
		if values[i] <= 0 {
			return nil, fmt.Errorf("the benchmark %s reported no %s", benchmark, unit)
		}
	}
	return values, nil
}

// row is a line of the table.
type row struct {
	what, measured, beside, besideWhat string
	ratio                              float64
	least                              bool    // wanted is the least ratio; else the greatest
	wanted                             float64 // 0: nothing was asked for
}

func (r row) String() string {
	if r.wanted == 0 {
		return fmt.Sprintf("%s\t%s\t%s\t%s\t%.2f\t\t", r.what, r.measured, r.beside, r.besideWhat, r.ratio)
	}
	word, held := "at most", r.ratio <= r.wanted
	if r.least {
		word, held = "at least", r.ratio >= r.wanted
	}
	result := "held"
	if !held {
		result = "MISSED"
	}
	return fmt.Sprintf("%s\t%s\t%s\t%s\t%.2f\t%s %.3g\t%s", r.what, r.measured, r.beside, r.besideWhat, r.ratio, word, r.wanted, result)
}

// rows makes the table of the figures.
func (f *figures) rows() ([]row, error) {
	var rows []row
	for _, loop := range []struct{ benchmark, what string }{
		{"SubmitToProofPaced", "submit to proof, one a second, p50"},
		{"SubmitToProofClosedLoop", "submit to proof, closed loop, p50"},
	} {
		v, err := f.take(loop.benchmark, "p50-ms", "tessera-p50-ms")
		if err != nil {
			return nil, err
		}
		rows = append(rows, row{loop.what, fmt.Sprintf("%.1f ms", v[0]), fmt.Sprintf("%.1f ms", v[1]), "bare Tessera log", v[0] / v[1], false, 1.3})
	}
	v, err := f.take("Submissions", "submissions/s", "verify/s")
	if err != nil {
		return nil, err
	}
	alone, err := f.take("Limits/verify", "verify/s")
	if err != nil {
		return nil, err
	}
	// A limit measured while something else ran is too low, and flatters us.
	v[1] = max(v[1], alone[0])
	rows = append(rows, row{"submissions over HTTP, 2 signatures each", fmt.Sprintf("%.0f/s", v[0]), fmt.Sprintf("%.0f/s", v[1]/2), "verifying pairs of signatures", 2 * v[0] / v[1], true, 0.5})

	for _, verdict := range []struct{ benchmark, what string }{
		{"VerifyBundle", "verify a bundle, p50"},
		{"VerifyLiveness", "verify that it is live, p50"},
		{"VerifyNode", "verify a node's answer, p50"},
	} {
		if v, err = f.take(verdict.benchmark, "p50-ms", "signatures-p50-ms", "signatures"); err != nil {
			return nil, err
		}
		rows = append(rows, row{verdict.what, fmt.Sprintf("%.2f ms", v[0]), fmt.Sprintf("%.2f ms", v[1]), fmt.Sprintf("verifying its %.0f signatures", v[2]), v[0] / v[1], false, 1.5})
	}

	if v, err = f.take("CachedVerdict/h2", "ns/plain", "ns/judged"); err != nil {
		return nil, err
	}
	rows = append(rows, row{"a request to a node that passed, p50", fmt.Sprintf("%.1f us", v[1]/1e3), fmt.Sprintf("%.1f us", v[0]/1e3), "without a verdict, loopback HTTP/2", v[1] / v[0], false, 1.02})
	if v, err = f.take("Gate", "cpu-ms"); err != nil {
		return nil, err
	}
	rows = append(rows, row{"a node's gate, processor time", fmt.Sprintf("%.1f ms", v[0]), "100 ms", "allowed, without the device mapper", v[0] / 100, false, 1})

	if v, err = f.take("ReplayAllCores", "entries/s", "signatures/entry"); err != nil {
		return nil, err
	}
	most := alone[0] / v[1]
	rows = append(rows, row{"replay a log by the rules", fmt.Sprintf("%.0f/s", v[0]), fmt.Sprintf("%.0f/s", most), fmt.Sprintf("verifying %.1f signatures each", v[1]), v[0] / most, true, 0})

	for _, cores := range []struct {
		suffix, what string
		most         float64 // cores that the process may have used, with room
	}{{"", "one core", 1.1}, {"-2", "two cores", 2.2}} {
		model, err := f.exact("Model"+cores.suffix, "MB/s")
		if err != nil {
			return nil, err
		}
		if used, err := f.exact("Model"+cores.suffix, "cores"); err != nil || used > cores.most {
			return nil, fmt.Errorf("the benchmark of %s used %.2f cores (%v)", cores.what, used, err)
		}
		sum, err := f.exact("SHA256Sum"+cores.suffix, "MB/s")
		if err != nil {
			return nil, err
		}
		rows = append(rows, row{"measure a model of 1 GiB, " + cores.what, gib(model), gib(sum), "sha256sum, one core", model / sum, true, 1})
	}
	return rows, nil
}

// witnessRows are those of the witness, beside litewitness in the same run.
func (f *figures) witnessRows() ([]row, error) {
	v, err := f.take("Witness", "requests/s", "litewitness-requests/s", "p50-ms", "litewitness-p50-ms")
	if err != nil {
		return nil, err
	}
	memory, err := f.take("WitnessMemory", "resident-MiB", "peak-MiB")
	if err != nil {
		return nil, err
	}
	const allowed = 100 // MiB
	return []row{
		{"cosigned over HTTP, 32 clients, 1,000 logs", fmt.Sprintf("%.0f/s", v[0]), fmt.Sprintf("%.0f/s", v[1]), "litewitness", v[0] / v[1], true, 3},
		{"cosigned over HTTP, one client, p50", fmt.Sprintf("%.2f ms", v[2]), fmt.Sprintf("%.2f ms", v[3]), "litewitness", v[2] / v[3], false, 1},
		{"witness of 10,000 logs, resident memory", fmt.Sprintf("%.0f MiB", memory[0]), fmt.Sprintf("%d MiB", allowed), fmt.Sprintf("allowed; its peak was %.0f MiB", memory[1]), memory[0] / allowed, false, 1},
	}, nil
}

// exact returns a metric of a benchmark at exactly one number of cores.
func (f *figures) exact(name, unit string) (float64, error) {
	value := f.metrics[[2]string{name, unit}]
	if value <= 0 {
		return 0, fmt.Errorf("the benchmark %s reported no %s", name, unit)
	}
	return value, nil
}

// gib writes go test's MB/s, which are of 10^6 bytes, in GiB/s.
func gib(megabytes float64) string { return fmt.Sprintf("%.2f GiB/s", megabytes*1e6/(1<<30)) }

// leastScaling is the least share of what one core hashes that each core must still
// hash when all do, for the machine to count as free.
const leastScaling = 0.8

// busy says why the figures are worth nothing: other work had the cores. Empty: it
// did not show.
func (f *figures) busy(cores int) string {
	hash, err := f.take("LimitHash", "GiB/s", "all-cores-GiB/s")
	if err != nil {
		return err.Error()
	}
	if want := leastScaling * float64(cores) * hash[0]; hash[1] < want {
		return fmt.Sprintf("%d cores together hashed %.2f GiB/s, want at least %.2f: something else ran meanwhile, or these are no whole cores", cores, hash[1], want)
	}
	return ""
}

// limits says what the machine can do at best.
func (f *figures) limits() (string, error) {
	verify, err := f.take("Limits/verify", "verify/s")
	if err != nil {
		return "", err
	}
	fsync, err := f.take("Limits/fsync", "p50-ms")
	if err != nil {
		return "", err
	}
	hash, err := f.take("LimitHash", "GiB/s", "all-cores-GiB/s")
	if err != nil {
		return "", err
	}
	sign, err := f.take("Limits/sign", "ed25519/s", "mldsa44/s")
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("Ed25519 %.0f verifications/s on all cores; cosignatures %.0f/s by Ed25519, %.0f/s by ML-DSA-44, on all;\nSHA-256 %.2f GiB/s on one core, %.2f on all; append and fsync p50 %.2f ms.", verify[0], sign[0], sign[1], hash[0], hash[1], fsync[0]), nil
}
