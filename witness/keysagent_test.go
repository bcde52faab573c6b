package witness_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/witnesstest"
)

// TestKeysInAgent: keys whose Ed25519 key is elsewhere are written and read back,
// show what they are, and cosign once what signs for it is there.
func TestKeysInAgent(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	made, err := witness.GenerateKeysInAgent("witness.example/w1", public)
	if err != nil {
		t.Fatal(err)
	}
	file := made.Marshal()
	keys, err := witness.ParseKeys(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(keys.Marshal(), file) || !strings.HasPrefix(string(file), "SSH-AGENT+KEY+"+keys.Verifiers()[0].String()+"\nPRIVATE+KEY+") {
		t.Error("the key file read back is another")
	}
	if bytes.Count(file, []byte("PRIVATE+KEY+")) != 1 {
		t.Error("the key file holds two private keys, want the ML-DSA-44 one alone")
	}
	if got, ok := keys.InAgent(); !ok || !got.Equal(public) {
		t.Errorf("got %x, %v", got, ok)
	}
	checkpoint := tlog.Checkpoint{Origin: "log.example/a", Size: 3}
	if got, err := keys.Cosign(checkpoint, 1); !errors.Is(err, witness.ErrNoAgent) || got != nil {
		t.Errorf("without an agent: got %v, %v", got, err)
	}
	_, other, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keys.WithSigner(other); err == nil {
		t.Error("another key's signer was taken")
	}
	signing, err := keys.WithSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	log := witnesstest.NewLog(t, "log.example/a", 3)
	signed := log.Checkpoint(3)
	lines, err := signing.Cosign(signed.Checkpoint, 1767225600)
	if err != nil {
		t.Fatal(err)
	}
	cosigned, err := signed.With(lines...)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := cosigned.Cosignatures(keys.Verifiers()); err != nil || len(got) != 2 {
		t.Errorf("got %v, %v, want a cosignature by each key", got, err)
	}
	if !bytes.Equal(signing.Marshal(), file) {
		t.Error("with a signer the key file is another")
	}
	here, err := witness.GenerateKeys("witness.example/w1")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := here.InAgent(); ok {
		t.Error("a private key that is here is said to be in an agent")
	}
}

// TestParseKeysInAgentRefuses: what follows SSH-AGENT+KEY+ is a cosigner's
// Ed25519 verifier key of the witness, and errors quote nothing of it: who put a
// private key there by mistake has not published it.
func TestParseKeysInAgentRefuses(t *testing.T) {
	private := witnesstest.NewKey(t, "witness.example/w1", tlog.TypeCosignatureEd25519)
	mldsa44 := witnesstest.NewKey(t, "witness.example/w1", tlog.TypeCosignatureMLDSA44)
	vkey := private.Verifier().String()
	second := mldsa44.String() + "\n"
	const prefix = "SSH-AGENT+KEY+"
	if _, err := witness.ParseKeys([]byte(prefix + vkey + "\n" + second)); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]string{
		"private key":          prefix + private.String() + "\n" + second,
		"private key's rest":   prefix + strings.TrimPrefix(private.String(), "PRIVATE+KEY+") + "\n" + second,
		"log's key":            prefix + witnesstest.NewKey(t, "witness.example/w1", tlog.TypeEd25519).Verifier().String() + "\n" + second,
		"ML-DSA-44 key":        prefix + mldsa44.Verifier().String() + "\n" + second,
		"another name":         prefix + witnesstest.NewKey(t, "witness.example/w2", tlog.TypeCosignatureEd25519).Verifier().String() + "\n" + second,
		"nothing":              prefix + "\n" + second,
		"cut short":            prefix + vkey[:len(vkey)-4] + "\n" + second,
		"second key in agent":  prefix + vkey + "\n" + prefix + mldsa44.Verifier().String() + "\n",
		"verifier key alone":   vkey + "\n" + second,
		"space after the line": prefix + vkey + " \n" + second,
	} {
		_, err := witness.ParseKeys([]byte(file))
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		for _, secret := range []string{private.String(), mldsa44.String()} {
			if strings.Contains(err.Error(), secret[len(secret)-20:]) {
				t.Errorf("%s: the error quotes a private key: %v", name, err)
			}
		}
	}
}
