package bench

import (
	"context"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/tlog"
)

// reportProofs reports the medians of both logs, in milliseconds.
func reportProofs(b *testing.B, ours, theirs []time.Duration) {
	our, their := median(ours), median(theirs)
	b.ReportMetric(our, "p50-ms")
	b.ReportMetric(their, "tessera-p50-ms")
	b.ReportMetric(our/their, "times-tessera")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkSubmitToProofPaced submits one entry a second to each log and waits
// for its verified proof: ours over HTTP, with three witnesses; Tessera's in
// process, with none. Wanted: a p50 under 50 ms.
func BenchmarkSubmitToProofPaced(b *testing.B) {
	s, peer := newSite(b), newBare(b)
	var ours, theirs []time.Duration
	tick := time.NewTicker(time.Second / 2)
	defer tick.Stop()
	for b.Loop() {
		entry := s.entry()
		<-tick.C
		ours = append(ours, timed(b, func() error { return s.prove(entry) }))
		<-tick.C
		theirs = append(theirs, timed(b, func() error { return peer.prove(context.Background(), entry) }))
	}
	reportProofs(b, ours, theirs)
}

// BenchmarkSubmitToProofClosedLoop submits the next entry as soon as the last is
// proved, to the one log and then to the other. Wanted: at most 1.3 times
// Tessera.
func BenchmarkSubmitToProofClosedLoop(b *testing.B) {
	s, peer := newSite(b), newBare(b)
	entries := make([][]byte, b.N)
	for i := range entries {
		entries[i] = s.entry()
	}
	var ours, theirs []time.Duration
	b.ResetTimer()
	for _, entry := range entries {
		ours = append(ours, timed(b, func() error { return s.prove(entry) }))
	}
	for _, entry := range entries {
		theirs = append(theirs, timed(b, func() error { return peer.prove(context.Background(), entry) }))
	}
	reportProofs(b, ours, theirs)
}

// BenchmarkSubmissions posts entries with two Ed25519 signatures each over many
// connections, each until it is published, and reports how many a second the log
// takes beside how many signatures this machine can verify. Client, server,
// search index and witnesses share its cores. Wanted: a share of at least 0.5.
func BenchmarkSubmissions(b *testing.B) {
	s := newSite(b)
	submissions(b, s, connections, func() func(entry []byte) error { return dial(b, s.address).submit })
}

// BenchmarkSubmitInProcess is the same without HTTP and without waiting for the
// publication: what admission and the storage take.
func BenchmarkSubmitInProcess(b *testing.B) {
	s := newSite(b)
	submissions(b, s, log.DefaultQueue, func() func(entry []byte) error {
		return func(entry []byte) error { _, err := s.log.Submit(context.Background(), entry); return err }
	})
}

// submissions submits b.N entries, so many at once. The share of verifying is given by the clock,
// against the mean of what the machine did before and after, and by the time of
// the processor, which does not depend on who else uses it meanwhile.
func submissions(b *testing.B, s *site, concurrent int, submitter func() func(entry []byte) error) {
	entries := make([][]byte, b.N)
	for i := range entries {
		entries[i] = s.entry()
	}
	processor := processorTime(b)
	before := verifications(time.Second)
	verifying := (processorTime(b) - processor) / time.Duration(before)
	submitters := make([]func(entry []byte) error, min(concurrent, b.N))
	for i := range submitters {
		submitters[i] = submitter()
	}
	var next atomic.Int64
	var group sync.WaitGroup
	processor = processorTime(b)
	b.ResetTimer()
	for _, submit := range submitters {
		group.Go(func() {
			for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
				if err := submit(entries[i]); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	if err := s.indexed(); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	submitting := (processorTime(b) - processor) / time.Duration(b.N)
	limit := (before + verifications(time.Second)) / 2
	rate := float64(b.N) / b.Elapsed().Seconds()
	b.ReportMetric(rate, "submissions/s")
	b.ReportMetric(limit, "verify/s")
	b.ReportMetric(2*rate/limit, "share-of-verify")
	b.ReportMetric(float64(submitting)/float64(time.Microsecond), "cpu-us/submission")
	b.ReportMetric(2*float64(verifying)/float64(submitting), "cpu-share-of-verify")
	b.ReportMetric(0, "ns/op")
}

// processorTime is what this process has used of the processor.
func processorTime(tb testing.TB) time.Duration {
	tb.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkLimits measures the machine: Ed25519 verifications and cosignatures of
// both kinds a second on all cores, and how long an append of 1 KiB to a file and
// its fsync take.
func BenchmarkLimits(b *testing.B) {
	b.Run("verify", func(b *testing.B) {
		var rate float64
		for b.Loop() {
			rate = max(rate, verifications(200*time.Millisecond))
		}
		b.ReportMetric(rate, "verify/s")
		b.ReportMetric(0, "ns/op")
	})
	b.Run("sign", func(b *testing.B) {
		ed25519s, mldsas := cosigning(b, tlog.TypeCosignatureEd25519), cosigning(b, tlog.TypeCosignatureMLDSA44)
		var best [2]float64
		for b.Loop() {
			best[0] = max(best[0], onAllCores(100*time.Millisecond, ed25519s))
			best[1] = max(best[1], onAllCores(100*time.Millisecond, mldsas))
		}
		b.ReportMetric(best[0], "ed25519/s")
		b.ReportMetric(best[1], "mldsa44/s")
		b.ReportMetric(0, "ns/op")
	})
	b.Run("fsync", func(b *testing.B) {
		file, err := os.Create(filepath.Join(b.TempDir(), "file"))
		if err != nil {
			b.Fatal(err)
		}
		defer file.Close()
		block := make([]byte, 1024)
		var times []time.Duration
		for b.Loop() {
			times = append(times, timed(b, func() error {
				if _, err := file.Write(block); err != nil {
					return err
				}
				return file.Sync()
			}))
		}
		b.ReportMetric(median(times), "p50-ms")
		b.ReportMetric(0, "ns/op")
	})
}

// verifications is how many Ed25519 signatures of 1 KiB all cores verify a
// second, measured over a duration.
func verifications(over time.Duration) float64 {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		panic(err) // the system's randomness does not fail
	}
	message := make([]byte, 1024)
	signature := ed25519.Sign(private, message)
	return onAllCores(over, func() bool { return ed25519.Verify(public, message, signature) })
}

// cosigning makes one cosignature a call.
func cosigning(tb testing.TB, keyType tlog.KeyType) func() bool {
	tb.Helper()
	key, err := tlog.GenerateSigningKey("witness.example/bench", keyType)
	if err != nil {
		tb.Fatal(err)
	}
	checkpoint := tlog.Checkpoint{Origin: origin, Size: firstSize, Root: tlog.LeafHash(nil)}
	return func() bool {
		_, err := key.Cosign(checkpoint, 1)
		return err == nil
	}
}

// onAllCores is how often a second all cores together do a thing, measured over a
// duration.
func onAllCores(over time.Duration, do func() bool) float64 {
	var count atomic.Int64
	var group sync.WaitGroup
	begin := time.Now()
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for time.Since(begin) < over {
				if do() {
					count.Add(1)
				}
			}
		})
	}
	group.Wait()
	return float64(count.Load()) / time.Since(begin).Seconds()
}
