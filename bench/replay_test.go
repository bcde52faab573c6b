package bench

import (
	"context"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/log/logtest"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/tlogtest"
)

// replayed is how many entries a start reads.
const replayed = 20_000

// away is a Cosigner that reaches nobody.
type away struct{}

func (away) Cosign(ctx context.Context, _ []byte, _ func(context.Context, uint64) ([]tlog.Hash, error)) ([]byte, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (away) Probe(context.Context, []byte, func(context.Context, uint64) ([]tlog.Hash, error)) error {
	return nil
}

func (away) Witnesses() []log.WitnessStatus { return nil }

// BenchmarkReplay opens a log of many entries, each with two Ed25519 signatures:
// a start verifies them all. It reports entries a second, the share of what the
// machine can verify, and what an entry leaves in memory.
func BenchmarkReplay(b *testing.B) {
	storage, issuer := logtest.NewStorage(), logtest.NewIssuer(b, origin)
	s := &site{tb: b, issuer: issuer}
	entries := [][]byte{issuer.Authority}
	for range replayed {
		entries = append(entries, s.entry())
	}
	if _, err := storage.Append(b.Context(), func(uint64) ([][]byte, error) { return entries, nil }); err != nil {
		b.Fatal(err)
	}
	before := verifications(time.Second)
	var memory runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&memory)
	heap := memory.HeapAlloc
	b.ResetTimer()
	for b.Loop() {
		opened, err := log.Open(b.Context(), log.Config{
			Origin: origin, Key: tlogtest.Key(b, origin, tlog.TypeEd25519), Appender: storage, Anchors: storage, HighWater: new(logtest.HighWater),
			Cosigner: away{}, Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		runtime.GC()
		runtime.ReadMemStats(&memory)
		b.ReportMetric(float64(memory.HeapAlloc-heap)/replayed, "B/entry")
		if status := opened.Status(); status.Size != replayed+1 {
			b.Fatalf("size %d", status.Size)
		}
		opened.Close()
		b.StartTimer()
	}
	limit := (before + verifications(time.Second)) / 2
	rate := replayed * float64(b.N) / b.Elapsed().Seconds()
	b.ReportMetric(rate, "entries/s")
	b.ReportMetric(2*rate/limit, "share-of-verify")
	b.ReportMetric(0, "ns/op")
}
