package fork_test

import (
	"errors"
	"testing"
	"time"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/fork"
	"github.com/muster-log/muster/tlog/tlogtest"
)

const origin = "log.example/acme"

var noon = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)

// grown returns a log of a number of entries.
func grown(t *testing.T, origin string, entries int) *tlogtest.Log {
	t.Helper()
	log := tlogtest.NewLog(t, origin)
	for i := range entries {
		log.Add([]byte{byte(i)})
	}
	return log
}

// forked returns a log of 7 entries and another of 7 with the first 4 in common.
func forked(t *testing.T) (*tlogtest.Log, *tlogtest.Log) {
	t.Helper()
	honest := grown(t, origin, 7)
	other := honest.Fork(4)
	other.Add([]byte("x"), []byte("y"), []byte("z"))
	return honest, other
}

// made returns evidence after a round through its file.
func made(t *testing.T) func(*fork.Evidence, error) *fork.Evidence {
	return func(e *fork.Evidence, err error) *fork.Evidence {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		data, err := e.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		read, err := fork.Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		return read
	}
}

func TestC7SameSize(t *testing.T) {
	a, b := forked(t)
	for _, size := range []uint64{5, 6, 7} {
		e := made(t)(fork.NewSameSize(a.Checkpoint(size), b.Checkpoint(size)))
		if err := e.Verify(a.Key.Verifier()); err != nil {
			t.Errorf("size %d: %v", size, err)
		}
	}
	// The order in which the two were seen makes no other file.
	first := made(t)(fork.NewSameSize(a.Checkpoint(5), b.Checkpoint(5)))
	second := made(t)(fork.NewSameSize(b.Checkpoint(5), a.Checkpoint(5)))
	if first.Checkpoints != second.Checkpoints {
		t.Error("two files for one contradiction")
	}
}

func TestC7SameSizeNearMisses(t *testing.T) {
	a, b := forked(t)
	t.Run("one root", func(t *testing.T) {
		_, err := fork.NewSameSize(a.Checkpoint(4), b.Checkpoint(4))
		wantNoContradiction(t, err)
	})
	t.Run("one root, other extension lines", func(t *testing.T) {
		extended := a.Checkpoint(4).Checkpoint
		extended.Extensions = []string{"more"}
		_, err := fork.NewSameSize(a.Checkpoint(4), a.Sign(extended))
		wantNoContradiction(t, err)
	})
	t.Run("sizes without a proof", func(t *testing.T) {
		_, err := fork.NewSameSize(a.Checkpoint(6), b.Checkpoint(7))
		wantNoContradiction(t, err)
	})
	t.Run("two origins", func(t *testing.T) {
		if e, err := fork.NewSameSize(a.Checkpoint(5), grown(t, "log.example/other", 5).Checkpoint(5)); err == nil {
			t.Errorf("got evidence %v of two logs", e.Kind)
		}
	})
	t.Run("one of them signed by somebody else", func(t *testing.T) {
		stranger := *b
		stranger.Key = tlogtest.Key(t, "stranger", tlog.TypeEd25519)
		e := made(t)(fork.NewSameSize(a.Checkpoint(5), stranger.Checkpoint(5)))
		if err := e.Verify(a.Key.Verifier()); !errors.Is(err, tlog.ErrNotSigned) {
			t.Errorf("got %v, want %v", err, tlog.ErrNotSigned)
		}
	})
	t.Run("a forged line under the log's name", func(t *testing.T) {
		forged := b.Checkpoint(5)
		forged.Note.Signatures[0].Sig[7] ^= 1
		e := made(t)(fork.NewSameSize(a.Checkpoint(5), forged))
		if err := e.Verify(a.Key.Verifier()); !errors.Is(err, tlog.ErrSignature) {
			t.Errorf("got %v, want %v", err, tlog.ErrSignature)
		}
	})
	t.Run("keys of other logs only", func(t *testing.T) {
		e := made(t)(fork.NewSameSize(a.Checkpoint(5), b.Checkpoint(5)))
		if err := e.Verify(tlogtest.Key(t, "log.example/other", tlog.TypeEd25519).Verifier()); !errors.Is(err, fork.ErrNotAccused) {
			t.Errorf("got %v, want %v", err, fork.ErrNotAccused)
		}
	})
}

func TestC7Prefix(t *testing.T) {
	a, b := forked(t)
	for n1 := uint64(5); n1 < 7; n1++ {
		for n2 := n1 + 1; n2 <= 7; n2++ {
			e := made(t)(fork.NewPrefix(a.Checkpoint(n1), b.Checkpoint(n2), b.Root(n1), b.Consistency(n1, n2)))
			if err := e.Verify(a.Key.Verifier()); err != nil {
				t.Errorf("%d, %d: %v", n1, n2, err)
			}
		}
	}
}

func TestC7PrefixNearMisses(t *testing.T) {
	a, b := forked(t)
	tests := []struct {
		name        string
		a, b        *tlog.SignedCheckpoint
		root        tlog.Hash
		consistency []tlog.Hash
	}{
		{"consistent", a.Checkpoint(5), a.Checkpoint(7), a.Root(5), a.Consistency(5, 7)},
		{"no fork yet at the smaller size", a.Checkpoint(4), b.Checkpoint(7), b.Root(4), b.Consistency(4, 7)},
		{"sizes without a proof", a.Checkpoint(5), b.Checkpoint(7), b.Root(5), nil},
		{"a proof that leads elsewhere", a.Checkpoint(5), b.Checkpoint(7), b.Root(5), a.Consistency(5, 7)},
		{"a proof from an invented root", a.Checkpoint(5), b.Checkpoint(7), tlog.Hash{1}, b.Consistency(5, 7)},
		{"a smaller checkpoint seen later", a.Checkpoint(7), a.Checkpoint(5), a.Root(5), a.Consistency(5, 7)},
		{"one size", a.Checkpoint(5), b.Checkpoint(5), b.Root(5), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := fork.NewPrefix(tt.a, tt.b, tt.root, tt.consistency)
			wantNoContradiction(t, err)
		})
	}
	t.Run("the larger not signed by the log", func(t *testing.T) {
		stranger := *b
		stranger.Key = tlogtest.Key(t, "stranger", tlog.TypeEd25519)
		e := made(t)(fork.NewPrefix(a.Checkpoint(5), stranger.Checkpoint(7), b.Root(5), b.Consistency(5, 7)))
		if err := e.Verify(a.Key.Verifier(), stranger.Key.Verifier()); !errors.Is(err, tlog.ErrNotSigned) {
			t.Errorf("got %v, want %v", err, tlog.ErrNotSigned)
		}
	})
}

func TestC7WitnessTime(t *testing.T) {
	log := grown(t, origin, 7)
	for _, keyType := range []tlog.KeyType{tlog.TypeCosignatureEd25519, tlog.TypeCosignatureMLDSA44} {
		w := tlogtest.NewWitness(t, "w1", "Ops", keyType)
		e := made(t)(fork.NewWitnessTime(log.Checkpoint(7, w.At(noon)), log.Checkpoint(5, w.At(noon.Add(time.Second))), w.Key.Verifier()))
		if err := e.Verify(w.Key.Verifier()); err != nil {
			t.Errorf("%v: %v", keyType, err)
		}
		other := tlogtest.NewWitness(t, "w2", "Ops", keyType)
		if err := e.Verify(other.Key.Verifier(), log.Key.Verifier()); !errors.Is(err, fork.ErrNotAccused) {
			t.Errorf("%v: by another key: got %v, want %v", keyType, err, fork.ErrNotAccused)
		}
	}
	// Cosigned again and again: one pair of times that runs backwards is enough.
	w := tlogtest.NewWitness(t, "w1", "Ops", tlog.TypeCosignatureEd25519)
	often := log.Checkpoint(7, w.At(noon.Add(3*time.Second)), w.At(noon), w.At(noon.Add(9*time.Second)))
	made(t)(fork.NewWitnessTime(often, log.Checkpoint(5, w.At(noon.Add(time.Second)), w.At(noon.Add(-time.Hour))), w.Key.Verifier()))
	// The log need not have signed: the witness vouches for the size it cosigned.
	unsigned := log.Checkpoint(5, w.At(noon.Add(time.Minute)))
	unsigned.Note.Signatures = unsigned.Note.Signatures[1:]
	made(t)(fork.NewWitnessTime(often, unsigned, w.Key.Verifier()))
}

func TestC7WitnessTimeNearMisses(t *testing.T) {
	log, other := grown(t, origin, 7), grown(t, "log.example/other", 7)
	w := tlogtest.NewWitness(t, "w1", "Ops", tlog.TypeCosignatureEd25519)
	w2 := tlogtest.NewWitness(t, "w2", "Ops", tlog.TypeCosignatureEd25519)
	later := noon.Add(time.Second)
	tests := []struct {
		name           string
		earlier, later *tlog.SignedCheckpoint
		contradiction  bool // some other error
	}{
		{"it grew", log.Checkpoint(5, w.At(noon)), log.Checkpoint(7, w.At(later)), false},
		{"the same second", log.Checkpoint(7, w.At(noon)), log.Checkpoint(5, w.At(noon)), false},
		{"a smaller checkpoint seen later, cosigned before", log.Checkpoint(7, w.At(later)), log.Checkpoint(5, w.At(noon)), false},
		{"one size twice", log.Checkpoint(5, w.At(noon)), log.Checkpoint(5, w.At(later)), false},
		{"one witness's times on two origins", log.Checkpoint(7, w.At(noon)), other.Checkpoint(5, w.At(later)), true},
		{"two witnesses", log.Checkpoint(7, w.At(noon)), log.Checkpoint(5, w2.At(later)), true},
		{"the log's own signature is no cosignature", log.Checkpoint(7, w.At(noon)), log.Checkpoint(5), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := fork.NewWitnessTime(tt.earlier, tt.later, w.Key.Verifier())
			if err == nil {
				t.Fatal("got evidence")
			}
			if !tt.contradiction {
				wantNoContradiction(t, err)
			}
		})
	}
	t.Run("a forged cosignature", func(t *testing.T) {
		forged := log.Checkpoint(5, w.At(later))
		forged.Note.Signatures[1].Sig[7] ^= 1 // the time stamp's last byte
		if _, err := fork.NewWitnessTime(log.Checkpoint(7, w.At(noon)), forged, w.Key.Verifier()); !errors.Is(err, tlog.ErrSignature) {
			t.Errorf("got %v, want %v", err, tlog.ErrSignature)
		}
	})
	t.Run("a log key is no witness", func(t *testing.T) {
		if _, err := fork.NewWitnessTime(log.Checkpoint(7, w.At(noon)), log.Checkpoint(5, w.At(later)), log.Key.Verifier()); !errors.Is(err, tlog.ErrKeyType) {
			t.Errorf("got %v, want %v", err, tlog.ErrKeyType)
		}
	})
}

func wantNoContradiction(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, fork.ErrNoContradiction) {
		t.Errorf("got %v, want %v", err, fork.ErrNoContradiction)
	}
}

// TestVerifyLog: a log's origin need not be the name of its key, if the reader
// says whose the key is.
func TestVerifyLog(t *testing.T) {
	key, other := tlogtest.Key(t, "key.example", tlog.TypeEd25519), tlogtest.Key(t, "log.example/a", tlog.TypeEd25519)
	sign := func(root byte) *tlog.SignedCheckpoint {
		checkpoint := tlog.Checkpoint{Origin: "log.example/a", Size: 5, Root: tlog.Hash{root}}
		signature, err := key.SignNote(checkpoint.Text())
		if err != nil {
			t.Fatal(err)
		}
		signed, err := tlog.ParseCheckpoint((&tlog.Note{Text: checkpoint.Text(), Signatures: []tlog.NoteSignature{signature}}).Marshal())
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	e, err := fork.NewSameSize(sign(1), sign(2))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.VerifyLog(key.Verifier()); err != nil {
		t.Error(err)
	}
	if err := e.VerifyLog(other.Verifier()); !errors.Is(err, tlog.ErrNotSigned) {
		t.Errorf("another key: got %v", err)
	}
	if err := e.VerifyLog(); !errors.Is(err, tlog.ErrNotSigned) {
		t.Errorf("no key: got %v", err)
	}
	if err := e.Verify(key.Verifier()); !errors.Is(err, fork.ErrNotAccused) {
		t.Errorf("without anybody's word: got %v", err)
	}
}
