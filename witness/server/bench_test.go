package server_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-log/muster/witness/server"
	"github.com/muster-log/muster/witness/witnesstest"
)

// benchmarkOrigins is how many logs grow; a power of two would hide a bad
// hash.
const benchmarkOrigins = 1000

// BenchmarkAddCheckpoint is the whole call over loopback HTTP with durability
// on: many logs that grow by one leaf a request. It reports requests a second
// and the median time of one.
func BenchmarkAddCheckpoint(b *testing.B) {
	for _, clients := range []int{1, 32} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			logs := make([]*witnesstest.Log, benchmarkOrigins)
			for i := range logs {
				logs[i] = witnesstest.NewLog(b, fmt.Sprintf("log.example/%d", i), 0)
			}
			r := start(b, server.Timeouts{}, logs...)
			// Each log is at most as far along as the others, so b.N requests
			// take each this far. All are made ahead: a log's own work is not
			// the witness's.
			requests := make([][]byte, b.N)
			for i, log := range logs[:min(len(logs), b.N)] {
				growing := witnesstest.NewLog(b, log.Origin, b.N/benchmarkOrigins+1)
				growing.Key = log.Key
				for size := 0; size*benchmarkOrigins+i < b.N; size++ {
					requests[size*benchmarkOrigins+i] = growing.Request(size, size+1).Marshal()
				}
			}
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
			times := make([]time.Duration, b.N)
			var next atomic.Int64
			var group sync.WaitGroup
			b.ResetTimer()
			for range clients {
				group.Go(func() {
					for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
						begin := time.Now()
						response, err := client.Post(r.url+"/add-checkpoint", "text/plain", bytes.NewReader(requests[i]))
						if err != nil {
							b.Error(err)
							return
						}
						answer, err := io.ReadAll(response.Body)
						response.Body.Close()
						if err != nil || response.StatusCode != http.StatusOK {
							b.Errorf("got %d %q, %v", response.StatusCode, answer, err)
							return
						}
						times[i] = time.Since(begin)
					}
				})
			}
			group.Wait()
			b.StopTimer()
			slices.Sort(times)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
			b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(times[len(times)*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}
