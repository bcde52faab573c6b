package tlog

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The example of https://c2sp.org/tlog-cosignature.
const exampleCheckpoint = `example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
`

func TestCheckpointSpecificationExample(t *testing.T) {
	c, err := ParseCheckpoint([]byte(exampleCheckpoint))
	if err != nil {
		t.Fatal(err)
	}
	if c.Origin != "example.com/behind-the-sofa" || c.Size != 20852163 || c.Root.String() != "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=" || len(c.Extensions) != 0 {
		t.Errorf("got %+v", c.Checkpoint)
	}
	if string(c.Marshal()) != exampleCheckpoint {
		t.Error("the bytes written differ from those read")
	}
}

func TestW2CheckpointMalformed(t *testing.T) {
	root := EmptyRoot.String()
	short := base64.StdEncoding.EncodeToString(EmptyRoot[:31])
	for name, c := range map[string]struct{ text, want string }{
		"empty":                {"", "does not end in a line feed"},
		"line feed":            {"\n", "got 1 lines"},
		"two lines":            {"o\n1\n", "got 2 lines"},
		"empty origin":         {"\n1\n" + root + "\n", "origin is empty"},
		"no last line feed":    {"o\n1\n" + root, "does not end in a line feed"},
		"size 05":              {"o\n05\n" + root + "\n", "leading zero"},
		"size 00":              {"o\n00\n" + root + "\n", "leading zero"},
		"size +5":              {"o\n+5\n" + root + "\n", "decimal digits"},
		"size -1":              {"o\n-1\n" + root + "\n", "decimal digits"},
		"size 0x5":             {"o\n0x5\n" + root + "\n", "decimal digits"},
		"size 1_0":             {"o\n1_0\n" + root + "\n", "decimal digits"},
		"size with space":      {"o\n5 \n" + root + "\n", "decimal digits"},
		"empty size":           {"o\n\n" + root + "\n", "decimal number"},
		"Arabic digits":        {"o\n٣\n" + root + "\n", "decimal digits"},
		"size 2^63":            {"o\n9223372036854775808\n" + root + "\n", "2^63-1"},
		"size 2^64-1":          {"o\n18446744073709551615\n" + root + "\n", "at most 19 digits"},
		"size 2^64":            {"o\n18446744073709551616\n" + root + "\n", "at most 19 digits"},
		"no root":              {"o\n1\n\n", "want 44"},
		"31 byte root":         {"o\n1\n" + short + "\n", "want 32"},
		"33 byte root":         {"o\n1\n" + base64.StdEncoding.EncodeToString(make([]byte, 33)) + "\n", "33 bytes, want 32"},
		"root without padding": {"o\n1\n" + strings.TrimSuffix(root, "=") + "\n", "want 44"},
		"root, loose bits":     {"o\n1\n" + root[:42] + "V=\n", "not standard base64"},
		"root with space":      {"o\n1\n" + root + " \n", "want 44"},
		"empty extension":      {"o\n1\n" + root + "\n\n", "extension line 1 is empty"},
		"empty 2nd extension":  {"o\n1\n" + root + "\nx\n\ny\n", "extension line 2 is empty"},
		"CRLF":                 {"o\r\n1\r\n" + root + "\r\n", "control character 0x0d"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseCheckpointText(c.text)
			wantError(t, err, c.want)
		})
	}
}

func TestW2CheckpointGreatestSize(t *testing.T) {
	c, err := ParseCheckpointText("o\n9223372036854775807\n" + EmptyRoot.String() + "\n")
	if err != nil || c.Size != MaxSize {
		t.Errorf("got %d, %v, want 2^63-1", c.Size, err)
	}
}

func TestNewSignedCheckpointRefusesInjectedLines(t *testing.T) {
	key := testKey(t, "log.example", TypeEd25519)
	for name, c := range map[string]Checkpoint{
		"origin":    {Origin: "o\n5", Size: 1},
		"extension": {Origin: "o", Size: 1, Extensions: []string{"a\nb"}},
		"empty":     {Origin: "", Size: 1},
	} {
		t.Run(name, func(t *testing.T) {
			sig := key.signature(make([]byte, 64))
			if name != "extension" {
				if _, err := NewSignedCheckpoint(c, sig); err == nil {
					t.Error("accepted")
				}
			}
			if _, err := testKey(t, "w.example", TypeCosignatureEd25519).Cosign(c, 1); err == nil {
				t.Error("cosigned")
			}
		})
	}
	sig := key.signature(make([]byte, 64))
	sig.Name = "a AAAAAAA=\n— b"
	if _, err := NewSignedCheckpoint(Checkpoint{Origin: "o"}, sig); err == nil {
		t.Error("accepted a signature name with a line in it")
	}
	if _, err := NewSignedCheckpoint(Checkpoint{Origin: "o"}); err == nil {
		t.Error("accepted a checkpoint without signatures")
	}
}

func TestWithAddsALineOnce(t *testing.T) {
	c := Checkpoint{Origin: "log.example", Size: 1, Root: testLeaf(0)}
	signed := signCheckpoint(t, c, testKey(t, "log.example", TypeEd25519), 0)
	line, err := testKey(t, "w.example", TypeCosignatureEd25519).Cosign(c, 7)
	if err != nil {
		t.Fatal(err)
	}
	more, err := signed.With(line, line)
	if err != nil {
		t.Fatal(err)
	}
	again, err := more.With(line)
	if err != nil {
		t.Fatal(err)
	}
	if want := string(signed.Marshal()) + line.Line(); string(more.Marshal()) != want || string(again.Marshal()) != want {
		t.Errorf("got %q, want %q", again.Marshal(), want)
	}
}

func TestVerifySignature(t *testing.T) {
	c := Checkpoint{Origin: "log.example", Size: 1, Root: testLeaf(0)}
	logKey, other := testKey(t, "log.example", TypeEd25519), testKey(t, "log.example", TypeCosignatureMLDSA44)
	signed := signCheckpoint(t, c, logKey, 5, other)
	if err := signed.VerifySignature(logKey.Verifier()); err != nil {
		t.Error(err)
	}
	if err := signed.VerifySignature(other.Verifier()); err != nil {
		t.Errorf("log that signs with ML-DSA-44: %v", err)
	}
	if err := signed.VerifySignature(logKey.Verifier(), other.Verifier()); err != nil {
		t.Error(err)
	}
	for name, keys := range map[string][]VerifierKey{
		"no key":       nil,
		"unknown key":  {testKey(t, "log.other", TypeEd25519).Verifier()},
		"W10 origin B": {testKey(t, "other.example", TypeEd25519).Verifier()},
	} {
		if err := signed.VerifySignature(keys...); !errors.Is(err, ErrNotSigned) {
			t.Errorf("%s: got %v, want ErrNotSigned", name, err)
		}
	}
}

// A line with a known name and id that does not verify spoils the note, before
// or after a good one (tlog-witness, signed-note).
func TestW1BadLineOfKnownKey(t *testing.T) {
	c := Checkpoint{Origin: "log.example", Size: 1, Root: testLeaf(0)}
	a, b := testKey(t, "log.example", TypeEd25519), testKey(t, "log.example/2", TypeEd25519)
	good, err := a.SignNote(c.Text())
	if err != nil {
		t.Fatal(err)
	}
	bad := b.signature(make([]byte, 64))
	for _, lines := range [][]NoteSignature{{good, bad}, {bad, good}} {
		signed, err := NewSignedCheckpoint(c, lines...)
		if err != nil {
			t.Fatal(err)
		}
		if err := signed.VerifySignature(a.Verifier(), b.Verifier()); !errors.Is(err, ErrSignature) {
			t.Errorf("got %v, want ErrSignature", err)
		}
		if err := signed.VerifySignature(a.Verifier()); err != nil {
			t.Errorf("bad line of an unknown key: %v", err)
		}
	}
}

func TestW7TwoKeysOfOneNameAndID(t *testing.T) {
	c := Checkpoint{Origin: "log.example", Size: 1, Root: testLeaf(0)}
	a := testKey(t, "log.example", TypeEd25519)
	signed := signCheckpoint(t, c, a, 0)
	collision := testKey(t, "x.example", TypeEd25519).Verifier()
	collision.Name, collision.KeyID = a.Verifier().Name, a.Verifier().KeyID
	wantError(t, signed.VerifySignature(a.Verifier(), collision), "two different keys")
	if err := signed.VerifySignature(a.Verifier(), a.Verifier()); err != nil {
		t.Errorf("one key given twice: %v", err)
	}
}

func TestC4KindsOfSignatureDoNotMix(t *testing.T) {
	c := Checkpoint{Origin: "log.example", Size: 1, Root: testLeaf(0)}
	seed := testKey(t, "log.example", TypeEd25519).seed
	logKey, err := newSigningKey("log.example", TypeEd25519, seed)
	if err != nil {
		t.Fatal(err)
	}
	cosigner, err := newSigningKey("log.example", TypeCosignatureEd25519, seed)
	if err != nil {
		t.Fatal(err)
	}
	if logKey.Verifier().KeyID == cosigner.Verifier().KeyID {
		t.Fatal("0x01 and 0x04 of one raw key have one id")
	}
	logLine, err := logKey.SignNote(c.Text())
	if err != nil {
		t.Fatal(err)
	}
	cosignature, err := cosigner.Cosign(c, 5)
	if err != nil {
		t.Fatal(err)
	}

	t.Run("log signature as cosignature", func(t *testing.T) {
		signed, _ := NewSignedCheckpoint(c, logLine)
		got, err := signed.Cosignatures([]VerifierKey{cosigner.Verifier()})
		if err != nil || len(got) != 0 {
			t.Errorf("got %v, %v, want none", got, err)
		}
		relabelled := logLine
		relabelled.KeyID = cosigner.Verifier().KeyID
		relabelled.Sig = append(make([]byte, 7), append([]byte{5}, logLine.Sig...)...)
		signed, _ = NewSignedCheckpoint(c, relabelled)
		if _, err := signed.Cosignatures([]VerifierKey{cosigner.Verifier()}); !errors.Is(err, ErrSignature) {
			t.Errorf("relabelled: got %v, want ErrSignature", err)
		}
	})
	t.Run("cosignature as log signature", func(t *testing.T) {
		signed, _ := NewSignedCheckpoint(c, cosignature)
		if err := signed.VerifySignature(logKey.Verifier()); !errors.Is(err, ErrNotSigned) {
			t.Errorf("got %v, want ErrNotSigned", err)
		}
		relabelled := cosignature
		relabelled.KeyID = logKey.Verifier().KeyID
		for _, sig := range [][]byte{cosignature.Sig, cosignature.Sig[8:]} {
			relabelled.Sig = sig
			signed, _ = NewSignedCheckpoint(c, relabelled)
			if err := signed.VerifySignature(logKey.Verifier()); !errors.Is(err, ErrSignature) {
				t.Errorf("relabelled, %d bytes: got %v, want ErrSignature", len(sig), err)
			}
		}
	})
	t.Run("0x01 key as 0x04", func(t *testing.T) {
		signed, _ := NewSignedCheckpoint(c, logLine)
		if _, err := signed.Cosignatures([]VerifierKey{logKey.Verifier()}); !errors.Is(err, ErrKeyType) {
			t.Errorf("got %v, want ErrKeyType", err)
		}
		signed, _ = NewSignedCheckpoint(c, cosignature)
		if _, err := signed.Cosignatures([]VerifierKey{cosigner.Verifier(), logKey.Verifier()}); !errors.Is(err, ErrKeyType) {
			t.Errorf("without a line of it: got %v, want ErrKeyType", err)
		}
		if _, err := logKey.Cosign(c, 5); !errors.Is(err, ErrKeyType) {
			t.Errorf("a 0x01 key cosigned: %v", err)
		}
	})
}

func TestC5RightKeyOtherOrigin(t *testing.T) {
	witness := testKey(t, "w.example", TypeCosignatureMLDSA44)
	ed := testKey(t, "w.example", TypeCosignatureEd25519)
	a := Checkpoint{Origin: "a.example", Size: 1, Root: testLeaf(0)}
	b := a
	b.Origin = "b.example"
	for _, key := range []*SigningKey{witness, ed} {
		line, err := key.Cosign(a, 5)
		if err != nil {
			t.Fatal(err)
		}
		replayed, err := NewSignedCheckpoint(b, line)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := replayed.Cosignatures([]VerifierKey{key.Verifier()}); !errors.Is(err, ErrSignature) {
			t.Errorf("%v: got %v, want ErrSignature", key.Verifier().Type, err)
		}
	}
}

func TestHashText(t *testing.T) {
	text, err := testLeaf(0).MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var h Hash
	if err := h.UnmarshalText(text); err != nil || h != testLeaf(0) {
		t.Errorf("got %s, %v", h, err)
	}
	if err := h.UnmarshalText([]byte("AAAA")); err == nil {
		t.Error("accepted 3 bytes")
	}
}

func FuzzParseCheckpoint(f *testing.F) {
	f.Add([]byte(exampleCheckpoint))
	f.Add(fmt.Appendf(nil, "o\n0\n%s\nextension\n\n— a AAAAAAA=\n", EmptyRoot))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseCheckpoint(data)
		if err != nil {
			return
		}
		if string(c.Marshal()) != string(data) {
			t.Errorf("read %q, wrote %q", data, c.Marshal())
		}
		if c.Text() != c.Note.Text {
			t.Errorf("read text %q, wrote %q", c.Note.Text, c.Text())
		}
		again, err := NewSignedCheckpoint(c.Checkpoint, c.Note.Signatures...)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c, again); diff != "" {
			t.Error(diff)
		}
	})
}
