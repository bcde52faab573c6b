package tlog

import (
	"encoding/hex"
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var bothCosigners = []KeyType{TypeCosignatureEd25519, TypeCosignatureMLDSA44}

func TestCosignatures(t *testing.T) {
	c := Checkpoint{Origin: "log.example", Size: 3, Root: treeHash(testLeaves(3))}
	logKey := testKey(t, "log.example", TypeEd25519)
	a, b := testKey(t, "a.example", TypeCosignatureEd25519), testKey(t, "b.example", TypeCosignatureMLDSA44)
	stranger := testKey(t, "s.example", TypeCosignatureEd25519)
	signed := signCheckpoint(t, c, logKey, 1700000000, a, stranger, b)
	got, err := signed.Cosignatures([]VerifierKey{b.Verifier(), a.Verifier()})
	if err != nil {
		t.Fatal(err)
	}
	want := []Cosignature{{a.Verifier(), 1700000000}, {b.Verifier(), 1700000000}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestCosignatureKeyMadeByHand(t *testing.T) {
	c := Checkpoint{Origin: "log.example", Size: 1, Root: testLeaf(0)}
	w := testKey(t, "w.example", TypeCosignatureMLDSA44)
	signed := signCheckpoint(t, c, testKey(t, "log.example", TypeEd25519), 5, w)
	key := w.Verifier()
	byHand := VerifierKey{Name: key.Name, KeyID: key.KeyID, Type: key.Type, Public: key.Public}
	if got, err := signed.Cosignatures([]VerifierKey{byHand}); err != nil || len(got) != 1 {
		t.Errorf("got %v, %v", got, err)
	}
	byHand.Public = byHand.Public[1:]
	if _, err := signed.Cosignatures([]VerifierKey{byHand}); err == nil {
		t.Error("accepted a short key")
	}
}

func TestC6DuplicateLinesCountOnce(t *testing.T) {
	c := Checkpoint{Origin: "log.example", Size: 1, Root: testLeaf(0)}
	for _, keyType := range bothCosigners {
		w := testKey(t, "w.example", keyType)
		early, err := w.Cosign(c, 5)
		if err != nil {
			t.Fatal(err)
		}
		again, err := w.Cosign(c, 5) // ML-DSA: another line that says the same
		if err != nil {
			t.Fatal(err)
		}
		late, err := w.Cosign(c, 9)
		if err != nil {
			t.Fatal(err)
		}
		lines := []NoteSignature{late, early, early, again}
		for len(lines) < MaxSignatures {
			lines = append(lines, early)
		}
		signed, err := NewSignedCheckpoint(c, lines...)
		if err != nil {
			t.Fatal(err)
		}
		got, err := signed.Cosignatures([]VerifierKey{w.Verifier()})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]Cosignature{{w.Verifier(), 9}, {w.Verifier(), 5}}, got); diff != "" {
			t.Errorf("%v: %s", keyType, diff)
		}
	}
}

func TestCosignaturesRefused(t *testing.T) {
	c := Checkpoint{Origin: "log.example", Size: 3, Root: testLeaf(0)}
	for _, keyType := range bothCosigners {
		w := testKey(t, "w.example", keyType)
		good, err := w.Cosign(c, 1700000000)
		if err != nil {
			t.Fatal(err)
		}
		with := func(change func(sig []byte) []byte) NoteSignature {
			line := good
			line.Sig = change(append([]byte(nil), good.Sig...))
			return line
		}
		flip := func(at int) func([]byte) []byte {
			return func(sig []byte) []byte { sig[at] ^= 1; return sig }
		}
		for name, line := range map[string]NoteSignature{
			"other time":        with(flip(7)),
			"other signature":   with(flip(20)),
			"last byte":         with(flip(len(good.Sig) - 1)),
			"time 0":            with(func(sig []byte) []byte { clear(sig[:8]); return sig }),
			"time 2^63":         with(func(sig []byte) []byte { sig[0] = 0x80; return sig }),
			"cut off":           with(func(sig []byte) []byte { return sig[:len(sig)-1] }),
			"a byte too many":   with(func(sig []byte) []byte { return append(sig, 0) }),
			"time stamp alone":  with(func(sig []byte) []byte { return sig[:8] }),
			"one byte":          with(func(sig []byte) []byte { return sig[:1] }),
			"without its time":  with(func(sig []byte) []byte { return sig[8:] }),
			"signature all 0":   with(func(sig []byte) []byte { clear(sig[8:]); return sig }),
			"signature all 255": with(func(sig []byte) []byte { return append(sig[:8], bytesOf(0xff, len(sig)-8)...) }),
		} {
			t.Run(keyType.String()+"/"+name, func(t *testing.T) {
				// The good line beside the bad one does not heal it.
				signed, err := NewSignedCheckpoint(c, good, line)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := signed.Cosignatures([]VerifierKey{w.Verifier()}); err == nil {
					t.Errorf("accepted: %v", got)
				}
			})
		}
		for name, other := range map[string]Checkpoint{
			"other size": {Origin: c.Origin, Size: 4, Root: c.Root},
			"other root": {Origin: c.Origin, Size: 3, Root: testLeaf(1)},
		} {
			signed, err := NewSignedCheckpoint(other, good)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := signed.Cosignatures([]VerifierKey{w.Verifier()}); !errors.Is(err, ErrSignature) {
				t.Errorf("%v, %s: got %v, want ErrSignature", keyType, name, err)
			}
		}
	}
}

func bytesOf(b byte, n int) []byte {
	s := make([]byte, n)
	for i := range s {
		s[i] = b
	}
	return s
}

func TestCosignTimes(t *testing.T) {
	w := testKey(t, "w.example", TypeCosignatureEd25519)
	c := Checkpoint{Origin: "log.example", Size: 1, Root: testLeaf(0)}
	for _, bad := range []uint64{0, 1 << 63, 1<<64 - 1} {
		if _, err := w.Cosign(c, bad); err == nil {
			t.Errorf("cosigned at %d", bad)
		}
	}
	for _, good := range []uint64{1, MaxSize} {
		signed := signCheckpoint(t, c, testKey(t, "log.example", TypeEd25519), good, w)
		got, err := signed.Cosignatures([]VerifierKey{w.Verifier()})
		if err != nil || got[0].Time != good {
			t.Errorf("got %v, %v, want time %d", got, err, good)
		}
	}
}

func TestW13MLDSADoesNotCoverExtensionLines(t *testing.T) {
	c := Checkpoint{Origin: "log.example", Size: 1, Root: testLeaf(0)}
	extended := c
	extended.Extensions = []string{"extension"}

	w := testKey(t, "w.example", TypeCosignatureMLDSA44)
	if _, err := w.Cosign(extended, 5); !errors.Is(err, ErrExtension) {
		t.Errorf("cosigned: %v", err)
	}
	line, err := w.Cosign(c, 5)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := NewSignedCheckpoint(extended, line)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signed.Cosignatures([]VerifierKey{w.Verifier()}); !errors.Is(err, ErrExtension) {
		t.Errorf("got %v, want ErrExtension", err)
	}

	ed := testKey(t, "w.example", TypeCosignatureEd25519)
	if line, err = ed.Cosign(extended, 5); err != nil {
		t.Fatal(err)
	}
	if signed, err = NewSignedCheckpoint(extended, line); err != nil {
		t.Fatal(err)
	}
	if _, err := signed.Cosignatures([]VerifierKey{ed.Verifier()}); err != nil {
		t.Errorf("an 0x04 cosignature covers extension lines: %v", err)
	}
}

func TestMLDSALengthsOfNames(t *testing.T) {
	w := testKey(t, "w.example", TypeCosignatureMLDSA44)
	long := string(bytesOf('o', MaxKeyName))
	if _, err := w.Cosign(Checkpoint{Origin: long}, 5); err != nil {
		t.Errorf("origin of 255 bytes: %v", err)
	}
	if _, err := w.Cosign(Checkpoint{Origin: long + "o"}, 5); err == nil {
		t.Error("cosigned an origin of 256 bytes")
	}
}

// The cosigned messages, written out by hand from the specification.
func TestCosignedMessage(t *testing.T) {
	c := Checkpoint{Origin: "log.example", Size: 258, Root: EmptyRoot}
	ed := testKey(t, "w.example", TypeCosignatureEd25519).Verifier()
	got, err := ed.cosignedMessage(c, c.Text(), 1679315147)
	if err != nil {
		t.Fatal(err)
	}
	if want := "cosignature/v1\ntime 1679315147\nlog.example\n258\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"; string(got) != want {
		t.Errorf("0x04: got %q, want %q", got, want)
	}
	mldsa := testKey(t, "w.example", TypeCosignatureMLDSA44).Verifier()
	if got, err = mldsa.cosignedMessage(c, c.Text(), 1679315147); err != nil {
		t.Fatal(err)
	}
	want := "737562747265652f76310a00" + // subtree/v1\n\0
		"09" + "772e6578616d706c65" + // w.example
		"00000000641850cb" + // 1679315147
		"0b" + "6c6f672e6578616d706c65" + // log.example
		"0000000000000000" + "0000000000000102" + // start, end
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	if hex.EncodeToString(got) != want {
		t.Errorf("0x06: got %x, want %s", got, want)
	}
}

// TestCosignConcurrently: one expanded key signs for many requests at once.
func TestCosignConcurrently(t *testing.T) {
	key := testKey(t, "w.example", TypeCosignatureMLDSA44)
	var group sync.WaitGroup
	for i := range uint64(8) {
		group.Go(func() {
			for size := range uint64(8) {
				c := Checkpoint{Origin: "log.example", Size: size, Root: testLeaf(int(i))}
				line, err := key.Cosign(c, 5+i)
				if err != nil {
					t.Error(err)
					return
				}
				signed, err := NewSignedCheckpoint(c, line)
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := signed.Cosignatures([]VerifierKey{key.Verifier()}); err != nil || len(got) != 1 || got[0].Time != 5+i {
					t.Errorf("got %v, %v", got, err)
				}
			}
		})
	}
	group.Wait()
}
