package index_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/storage/index"
)

// benchmarkSize is how many records the benchmarks work on, in batches of one
// entry bundle.
const (
	benchmarkSize = 100_000
	bundle        = 256
)

func filled(b *testing.B) *index.Index {
	x := open(b, filepath.Join(b.TempDir(), "index.db"))
	for from := uint64(0); from < benchmarkSize; from += bundle {
		add(b, x, examples(from, min(from+bundle, benchmarkSize)))
	}
	return x
}

func BenchmarkAdd100k(b *testing.B) {
	records := examples(0, benchmarkSize)
	for b.Loop() {
		x := open(b, filepath.Join(b.TempDir(), "index.db"))
		for from := 0; from < benchmarkSize; from += bundle {
			add(b, x, records[from:min(from+bundle, benchmarkSize)])
		}
	}
	b.ReportMetric(float64(benchmarkSize)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkRead100k(b *testing.B) {
	x := filled(b)
	b.Run("digest", func(b *testing.B) {
		for b.Loop() {
			want := rand.Uint64N(benchmarkSize)
			matches, err := x.Find(b.Context(), log.DigestQuery{Prefix: digest(fmt.Sprint("entry ", want)).String(), Before: benchmarkSize, Limit: 10})
			if err != nil || len(matches) != 1 || matches[0].Index != want {
				b.Fatal(matches, err)
			}
		}
	})
	for name, query := range map[string]log.Query{
		"newest":         {},
		"releases":       {Type: release.TypeRelease},
		"product":        {Product: "acme/ai"},
		"text-name":      {Text: "model-7"},
		"text-version":   {Text: "1.5"},
		"text-one":       {Text: "1.99998"},
		"text-none":      {Text: "nothing-is-called-so"},
		"text-type-none": {Text: "1.", Type: release.TypeAuthority},
	} {
		query.Before, query.Limit = math.MaxUint64, 50
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := x.List(b.Context(), query); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
