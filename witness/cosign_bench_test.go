package witness_test

import (
	"testing"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness/witnesstest"
)

// BenchmarkCosign makes the cosignatures of a checkpoint, both, and the Ed25519
// one alone, which is all that a second core could take off.
func BenchmarkCosign(b *testing.B) {
	log := witnesstest.NewLog(b, "log.example/a", 9)
	keys := newKeys(b)
	for name, checkpoint := range map[string]tlog.Checkpoint{"both": log.Checkpoint(9).Checkpoint, "Ed25519": log.Checkpoint(9, "extension").Checkpoint} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := keys.Cosign(checkpoint, 1800000000); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAddCheckpoint is the whole decision over a state in memory: what a
// request costs besides HTTP and the disk.
func BenchmarkAddCheckpoint(b *testing.B) {
	log := witnesstest.NewLog(b, "log.example/a", 9)
	w, state, _ := newWitness(b, log)
	if _, err := w.AddCheckpoint(b.Context(), log.Request(0, 5).Marshal()); err != nil {
		b.Fatal(err)
	}
	latest, note := state.latest, state.note
	body := log.Request(5, 9).Marshal()
	b.ReportAllocs()
	for b.Loop() {
		state.latest, state.note = latest, note
		if _, err := w.AddCheckpoint(b.Context(), body); err != nil {
			b.Fatal(err)
		}
	}
}
