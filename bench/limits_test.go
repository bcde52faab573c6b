package bench

import (
	"crypto/sha256"
	"runtime"
	"sync"
	"testing"
	"time"
)

// BenchmarkLimitHash measures the machine: SHA-256 of memory, on one core and on
// as many as the benchmark may use.
func BenchmarkLimitHash(b *testing.B) {
	blocks := make([][]byte, runtime.GOMAXPROCS(0))
	for i := range blocks {
		blocks[i] = make([]byte, 64<<20)
	}
	const gib = 1 << 30
	one, all := 0.0, 0.0
	for b.Loop() {
		begin := time.Now()
		sha256.Sum256(blocks[0])
		one = max(one, float64(len(blocks[0]))/gib/time.Since(begin).Seconds())

		begin = time.Now()
		var group sync.WaitGroup
		for _, block := range blocks {
			group.Go(func() { sha256.Sum256(block) })
		}
		group.Wait()
		all = max(all, float64(len(blocks)*len(blocks[0]))/gib/time.Since(begin).Seconds())
	}
	b.ReportMetric(one, "GiB/s")
	b.ReportMetric(all, "all-cores-GiB/s")
	b.ReportMetric(0, "ns/op")
}
