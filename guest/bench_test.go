//go:build system

package guest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"
)

// BenchmarkOpen boots machines that open a model of 64 MiB and one of 4 GiB, which is
// all zeros, and reports the median of the processor time that the node has used when
// its images are open. It must not grow with the model. Boots of the two sizes take
// turns, so that what else the computer does falls on both.
func BenchmarkOpen(b *testing.B) {
	const boots = 5
	builder := newBuilder(b)
	evil := builder.system("ungated-os", content{programs: []string{"ungated"}, units: map[string]string{"node.service": ungatedUnit}})
	sizes := []int64{64 << 20, 4 << 30}
	var machines []machine
	var releases []string
	images := make([]string, len(sizes))
	for i, size := range sizes {
		name := fmt.Sprintf("model%d", size>>20)
		images[i] = builder.zeros(name, size)
		builder.step(name)
		releases = append(releases, builder.release(name, "firmware", name, "ungated-os"))
	}
	builder.startRoll()
	for i, release := range releases {
		machines = append(machines, builder.machine(evil, builder.bundle(release), map[string]string{fmt.Sprintf("model%d", sizes[i]>>20): images[i]}))
	}
	used := make([][]float64, len(sizes))
	took := make([][]float64, len(sizes))
	for n := range boots {
		for i, m := range machines {
			b.Run(fmt.Sprintf("%dMiB/%d", sizes[i]>>20, n+1), func(b *testing.B) {
				began := time.Now()
				r := m.start(b)
				r.evidence()
				took[i] = append(took[i], time.Since(began).Seconds())
				microseconds, err := strconv.Atoi(found(b, r.printed(), `ungated: used (\d+) us`))
				if err != nil {
					b.Fatal(err)
				}
				used[i] = append(used[i], float64(microseconds)/1000)
			})
		}
	}
	for i, size := range sizes {
		b.Logf("model of %4d MiB: processor time %.0f ms (%.0f), evidence after %.1f s (%.1f)", size>>20, median(used[i]), used[i], median(took[i]), took[i])
	}
}

func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}

// zeros makes and logs a model that is one file of zeros, whose image takes no more
// of the disk than its hash tree.
func (b *builder) zeros(name string, size int64) string {
	b.t.Helper()
	made := cached(b.t, name, []string{"1", strconv.FormatInt(size, 10)}, func(path string) {
		model := filepath.Join(path, name)
		if err := os.MkdirAll(model, 0o755); err != nil {
			b.t.Fatal(err)
		}
		weights := filepath.Join(model, "weights.bin")
		write(b.t, weights, nil)
		if err := os.Truncate(weights, size); err != nil {
			b.t.Fatal(err)
		}
		image := filepath.Join(path, name+".img")
		b.muster("measure", "model", model, "--image", image, "--out", filepath.Join(path, name+".measurement.json"))
		output(b.t, "", nil, "fallocate", "--dig-holes", image)
	})
	measurement, err := os.ReadFile(filepath.Join(made, name+".measurement.json"))
	if err != nil {
		b.t.Fatal(err)
	}
	write(b.t, filepath.Join(b.path, name+".measurement.json"), measurement)
	b.logImage(name)
	return filepath.Join(made, name+".img")
}
