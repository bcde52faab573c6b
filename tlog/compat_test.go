package tlog

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	formatslog "github.com/transparency-dev/formats/log"
	formatsnote "github.com/transparency-dev/formats/note"
	formatsproof "github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/note"
)

// The keys and signatures of golang.org/x/mod/sumdb/note and
// github.com/transparency-dev/formats are read here, and ours there.

func TestModNoteReadsOurs(t *testing.T) {
	key := testKey(t, "log.example", TypeEd25519)
	sig, err := key.SignNote("text\n")
	if err != nil {
		t.Fatal(err)
	}
	ours := Note{Text: "text\n", Signatures: []NoteSignature{sig}}
	verifier, err := note.NewVerifier(key.Verifier().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := note.Open(ours.Marshal(), note.VerifierList(verifier)); err != nil {
		t.Error(err)
	}
	signer, err := note.NewSigner(key.String())
	if err != nil {
		t.Fatal(err)
	}
	if signer.Name() != "log.example" || signer.KeyHash() != key.Verifier().KeyID {
		t.Errorf("got signer %s+%08x", signer.Name(), signer.KeyHash())
	}
}

func TestWeReadModNote(t *testing.T) {
	skey, vkey, err := note.GenerateKey(nil, "log.example")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := note.Sign(&note.Note{Text: "text\n"}, signer)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParseVerifierKey(vkey)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseNote(signed)
	if err != nil {
		t.Fatal(err)
	}
	if err := key.VerifyNote(got.Text, got.Signatures[0]); err != nil {
		t.Error(err)
	}
	if signing, err := ParseSigningKey(skey); err != nil || !signing.Verifier().Equal(key) || signing.String() != skey {
		t.Errorf("signing key: %v", err)
	}
}

func TestFormatsReadsOurCosignatures(t *testing.T) {
	c := Checkpoint{Origin: "log.example", Size: 3, Root: treeHash(testLeaves(3))}
	logKey := testKey(t, "log.example", TypeEd25519)
	logVerifier, err := note.NewVerifier(logKey.Verifier().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, keyType := range bothCosigners {
		w := testKey(t, "w.example", keyType)
		signed := signCheckpoint(t, c, logKey, 1700000000, w)
		verifier, err := formatsnote.NewVerifierForCosignatureV1(w.Verifier().String())
		if err != nil {
			t.Fatal(err)
		}
		got, _, n, err := formatslog.ParseCheckpoint(signed.Marshal(), "log.example", logVerifier, verifier)
		if err != nil {
			t.Fatal(err)
		}
		if got.Size != 3 || Hash(got.Hash) != c.Root || len(n.Sigs) != 2 {
			t.Errorf("%v: got %+v with %d good signatures, want 2", keyType, got, len(n.Sigs))
		}
		if at, err := formatsnote.CoSigV1Timestamp(n.Sigs[1]); err != nil || at.Unix() != 1700000000 {
			t.Errorf("%v: got time %v, %v", keyType, at, err)
		}
	}
}

func TestWeReadFormatsCosignatures(t *testing.T) {
	mldsaKey, mldsaVerifier, err := formatsnote.GenerateMLDSAKey("w.example")
	if err != nil {
		t.Fatal(err)
	}
	ed := testKey(t, "w.example", TypeCosignatureEd25519)
	for skey, vkey := range map[string]string{
		mldsaKey:    mldsaVerifier,
		ed.String(): ed.Verifier().String(),
	} {
		ours, err := ParseSigningKey(skey)
		if err != nil {
			t.Fatal(err)
		}
		if ours.Verifier().String() != vkey || ours.String() != skey {
			t.Errorf("got key %s, want %s", ours.Verifier(), vkey)
		}
		signer, err := formatsnote.NewSignerForCosignatureV1(skey)
		if err != nil {
			t.Fatal(err)
		}
		c := Checkpoint{Origin: "log.example", Size: 3, Root: testLeaf(0)}
		before := uint64(time.Now().Unix())
		signed, err := note.Sign(&note.Note{Text: c.Text()}, signer)
		if err != nil {
			t.Fatal(err)
		}
		read, err := ParseCheckpoint(signed)
		if err != nil {
			t.Fatal(err)
		}
		got, err := read.Cosignatures([]VerifierKey{ours.Verifier()})
		if err != nil || len(got) != 1 || got[0].Time < before || got[0].Time != binary.BigEndian.Uint64(read.Note.Signatures[0].Sig) {
			t.Errorf("got %v, %v", got, err)
		}
	}
}

func TestFormatsReadsOurProof(t *testing.T) {
	p := testProof(t, []byte("extra"))
	var theirs formatsproof.TLogProof
	if err := theirs.Unmarshal(p.Marshal()); err != nil {
		t.Fatal(err)
	}
	if theirs.Index != 4 || string(theirs.ExtraData) != "extra" || len(theirs.Hashes) != len(p.Inclusion) {
		t.Errorf("got %+v", theirs)
	}
	if got := string(theirs.Marshal()); got != string(p.Marshal()) {
		t.Errorf("they write %q, we %q", got, p.Marshal())
	}
}

func BenchmarkVerifyProof(b *testing.B) {
	for _, keyType := range bothCosigners {
		b.Run(fmt.Sprintf("3x%#02x", byte(keyType)), func(b *testing.B) {
			leaves := testLeaves(10000)
			c := Checkpoint{Origin: "log.example", Size: 10000, Root: treeHash(leaves)}
			logKey := testKey(b, "log.example", TypeEd25519)
			var witnesses []*SigningKey
			var keys []VerifierKey
			for i := range 3 {
				w := testKey(b, fmt.Sprintf("w%d.example", i), keyType)
				witnesses, keys = append(witnesses, w), append(keys, w.Verifier())
			}
			p := &Proof{Index: 1234, Inclusion: path(1234, leaves),
				Checkpoint: signCheckpoint(b, c, logKey, 5, witnesses...).Marshal()}
			data, leaf := p.Marshal(), leaves[1234]
			for b.Loop() {
				p, err := ParseProof(data)
				if err != nil {
					b.Fatal(err)
				}
				signed, err := p.Verify(leaf)
				if err != nil {
					b.Fatal(err)
				}
				if err := signed.VerifySignature(logKey.Verifier()); err != nil {
					b.Fatal(err)
				}
				if got, err := signed.Cosignatures(keys); err != nil || len(got) != 3 {
					b.Fatal(got, err)
				}
			}
		})
	}
}

// BenchmarkEd25519 is the floor of BenchmarkVerifyProof with Ed25519, four
// times over.
func BenchmarkEd25519(b *testing.B) {
	key := testKey(b, "log.example", TypeEd25519)
	sig, err := key.SignNote("text\n")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := key.Verifier().VerifyNote("text\n", sig); err != nil {
			b.Fatal(err)
		}
	}
}
