package witness_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/witnesstest"
)

// own returns the cosignature of a witness's key of a type on a checkpoint.
func own(tb testing.TB, keys witness.Keys, keyType tlog.KeyType, checkpoint tlog.Checkpoint, at time.Time) tlog.NoteSignature {
	tb.Helper()
	checkpoint.Extensions = nil
	lines, err := keys.Cosign(checkpoint, uint64(at.Unix()))
	if err != nil {
		tb.Fatal(err)
	}
	for i, verifier := range keys.Verifiers() {
		if verifier.Type == keyType {
			return lines[i]
		}
	}
	tb.Fatalf("no key of type %v", keyType)
	return tlog.NoteSignature{}
}

// with adds lines to a request's checkpoint.
func with(request *witness.AddCheckpoint, lines ...tlog.NoteSignature) *witness.AddCheckpoint {
	request.Checkpoint.Note.Signatures = append(request.Checkpoint.Note.Signatures, lines...)
	return request
}

var keyTypes = []tlog.KeyType{tlog.TypeCosignatureEd25519, tlog.TypeCosignatureMLDSA44}

// TestW9OwnCosignature: the state holds size 5, cosigned at start.
func TestW9OwnCosignature(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 9)
	forked := log.Fork(4)
	later := start.Add(time.Second)
	for name, c := range map[string]struct {
		of   *tlog.SignedCheckpoint
		at   time.Time
		halt bool
	}{
		"a larger size":                   {log.Checkpoint(7), start, true},
		"a larger size, long ago":         {log.Checkpoint(7), start.Add(-time.Hour), true},
		"another root at the size":        {forked.Checkpoint(5), start, true},
		"another root at the size, old":   {forked.Checkpoint(5), start.Add(-time.Hour), true},
		"the latest, later":               {log.Checkpoint(5), later, true},
		"a smaller size, later":           {log.Checkpoint(3), later, true},
		"the latest":                      {log.Checkpoint(5), start, false},
		"the latest, earlier":             {log.Checkpoint(5), start.Add(-time.Hour), false},
		"a smaller size":                  {log.Checkpoint(3), start, false},
		"a smaller size of another root":  {forked.Checkpoint(4), start, false},
		"a larger size, and an extension": {log.Checkpoint(7, "more"), start, true},
	} {
		for _, keyType := range keyTypes {
			t.Run(name+"/"+keyType.String(), func(t *testing.T) {
				keys := newKeys(t)
				w, state, _ := newWitness(t, log, func(config *witness.Config) { config.Keys = keys })
				times(t, w, log.Request(0, 5))
				line := own(t, keys, keyType, c.of.Checkpoint, c.at)
				if len(c.of.Extensions) > 0 && keyType == tlog.TypeCosignatureEd25519 {
					// That type covers them.
					lines, err := keys.Cosign(c.of.Checkpoint, uint64(c.at.Unix()))
					if err != nil {
						t.Fatal(err)
					}
					line = lines[0]
				}
				note := *c.of.Note
				checkpoint := &tlog.SignedCheckpoint{Checkpoint: c.of.Checkpoint, Note: &note}
				request := with(&witness.AddCheckpoint{OldSize: 5, Checkpoint: checkpoint}, line)
				if checkpoint.Size > 5 {
					request.Proof = log.Consistency(5, int(checkpoint.Size))
				}
				_, err := w.AddCheckpoint(t.Context(), request.Marshal())
				if halted := kindOf(err) == witness.KindRolledBack; halted != c.halt || w.Halted() != c.halt {
					t.Fatalf("got %v, halted %v; want halted %v", err, w.Halted(), c.halt)
				}
				if !c.halt {
					if len(state.unremembered) > 0 {
						t.Errorf("kept %v", state.unremembered)
					}
					return
				}
				found := state.unremembered[0]
				if found.Origin != log.Origin || found.Size != checkpoint.Size || found.Root != checkpoint.Root || found.Time != uint64(c.at.Unix()) || !bytes.Equal(found.Note, request.Checkpoint.Marshal()) {
					t.Errorf("kept %+v", found)
				}
				halts(t, w, log)
				// Another root at one size is the log's fault besides.
				if want := checkpoint.Size == 5 && checkpoint.Root != log.Root(5); want != (len(state.evidence) == 1) {
					t.Errorf("kept %d evidence", len(state.evidence))
				}
			})
		}
	}
}

// halts checks that the witness, whose state is at size 5, does nothing more but
// show what it cosigned.
func halts(t *testing.T, w *witness.Witness, log *witnesstest.Log) {
	t.Helper()
	for _, request := range []*witness.AddCheckpoint{log.Request(5, 5), log.Request(5, 7), log.Request(0, 3), {OldSize: 9, Checkpoint: log.Checkpoint(3)}} {
		answer, err := w.AddCheckpoint(t.Context(), request.Marshal())
		if kindOf(err) != witness.KindRolledBack || answer != nil {
			t.Errorf("halted, from %d to %d: got %q, %v", request.OldSize, request.Checkpoint.Size, answer, err)
		}
	}
	note, err := w.Checkpoint(t.Context(), sha256.Sum256([]byte(log.Origin)))
	if err != nil || !bytes.Contains(note, []byte(log.Root(5).String())) {
		t.Errorf("halted, the monitor gets %q, %v", note, err)
	}
}

// TestW9NeverCosigned: any cosignature of its own is news to a witness that
// remembers nothing of the log.
func TestW9NeverCosigned(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 3)
	for _, size := range []int{0, 3} {
		keys := newKeys(t)
		w, _, _ := newWitness(t, log, func(config *witness.Config) { config.Keys = keys })
		request := log.Request(0, size)
		line := own(t, keys, tlog.TypeCosignatureEd25519, request.Checkpoint.Checkpoint, start.Add(-time.Hour))
		if _, err := w.AddCheckpoint(t.Context(), with(request, line).Marshal()); kindOf(err) != witness.KindRolledBack {
			t.Errorf("size %d: got %v", size, err)
		}
	}
}

// TestW9ForgedOwnLines: whatever stands under the witness's name and does not
// verify is ignored, not kept and not given back; a good one among many is found.
func TestW9ForgedOwnLines(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 9)
	other := newKeys(t) // of the same name
	for _, keyType := range keyTypes {
		t.Run(keyType.String(), func(t *testing.T) {
			keys := newKeys(t)
			w, state, _ := newWitness(t, log, func(config *witness.Config) { config.Keys = keys })
			times(t, w, log.Request(0, 5))
			request := log.Request(5, 7)
			good := own(t, keys, keyType, request.Checkpoint.Checkpoint, start)
			anothers := own(t, other, keyType, request.Checkpoint.Checkpoint, start)
			anothers.KeyID = good.KeyID
			var forged []tlog.NoteSignature
			for i := range 20 {
				flipped := good
				flipped.Sig = slices.Clone(good.Sig)
				flipped.Sig[(i*7)%len(flipped.Sig)] ^= 1
				forged = append(forged, flipped)
			}
			for _, length := range []int{1, 7, 8, 9, 71} {
				forged = append(forged, tlog.NoteSignature{Name: good.Name, KeyID: good.KeyID, Sig: good.Sig[:length]})
			}
			timeless := good
			timeless.Sig = append(make([]byte, 8), good.Sig[8:]...)
			forged = append(forged, anothers, timeless, own(t, keys, keyType, log.Checkpoint(9).Checkpoint, start))
			answer, err := w.AddCheckpoint(t.Context(), with(request, forged...).Marshal())
			if err != nil {
				t.Fatal(err)
			}
			if lines, kept := bytes.Count(answer, []byte("\n")), bytes.Count(state.note, []byte("\n— ")); w.Halted() || lines != 2 || kept != 3 {
				t.Errorf("halted %v, %d lines in the answer and %d kept, want 2 and 3", w.Halted(), lines, kept)
			}
			for _, line := range forged {
				if text := []byte(line.Line()); bytes.Contains(answer, text) || bytes.Contains(state.note, text) {
					t.Errorf("a forged line of %d bytes is in the answer or kept", len(line.Sig))
				}
			}
			request = log.Request(7, 8)
			good = own(t, keys, keyType, request.Checkpoint.Checkpoint, start)
			if _, err := w.AddCheckpoint(t.Context(), with(request, append(forged, good)...).Marshal()); kindOf(err) != witness.KindRolledBack {
				t.Errorf("a good line after %d others: got %v", len(forged), err)
			}
		})
	}
}

// TestW9OnlyTheLogHalts: who cannot sign for the log halts nothing.
func TestW9OnlyTheLogHalts(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 9)
	stranger := witnesstest.NewLog(t, "log.example/a", 9)
	keys := newKeys(t)
	w, _, _ := newWitness(t, log, func(config *witness.Config) { config.Keys = keys })
	request := stranger.Request(0, 9)
	request = with(request, own(t, keys, tlog.TypeCosignatureEd25519, request.Checkpoint.Checkpoint, start))
	if _, err := w.AddCheckpoint(t.Context(), request.Marshal()); kindOf(err) != witness.KindNotSigned || w.Halted() {
		t.Errorf("got %v, halted %v", err, w.Halted())
	}
}

// TestHaltThatCannotBeKept: the witness halts all the same, and what was found
// is kept as soon as that is possible.
func TestHaltThatCannotBeKept(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 9)
	keys := newKeys(t)
	w, state, _ := newWitness(t, log, func(config *witness.Config) { config.Keys = keys })
	times(t, w, log.Request(0, 5))
	state.haltFailure = errors.New("disk full")
	request := log.Request(5, 7)
	line := own(t, keys, tlog.TypeCosignatureEd25519, request.Checkpoint.Checkpoint, start)
	if _, err := w.AddCheckpoint(t.Context(), with(request, line).Marshal()); kindOf(err) != witness.KindRolledBack {
		t.Fatal(err)
	}
	state.halted = false // as if the state had forgotten
	halts(t, w, log)
	state.haltFailure = nil
	halts(t, w, log)
	if len(state.unremembered) != 1 || state.unremembered[0].Size != 7 {
		t.Errorf("kept %+v, want the finding once", state.unremembered)
	}
}

// TestHaltedMeanwhile: a request that was judged before the halt does not get
// through after it.
func TestHaltedMeanwhile(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 9)
	w, state, _ := newWitness(t, log)
	times(t, w, log.Request(0, 5))
	state.before = func(m *memory) { m.halted = true }
	if answer, err := w.AddCheckpoint(t.Context(), log.Request(5, 7).Marshal()); kindOf(err) != witness.KindRolledBack || answer != nil {
		t.Errorf("got %q, %v", answer, err)
	}
}
