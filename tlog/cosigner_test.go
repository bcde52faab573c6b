package tlog

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"errors"
	"io"
	"testing"
)

// outsideSigner signs what it is asked to with sign, whatever its public key.
type outsideSigner struct {
	public crypto.PublicKey
	sign   func(message []byte, options crypto.SignerOpts) ([]byte, error)
}

func (s outsideSigner) Public() crypto.PublicKey { return s.public }

func (s outsideSigner) Sign(_ io.Reader, message []byte, options crypto.SignerOpts) ([]byte, error) {
	return s.sign(message, options)
}

// TestCosigner: with the secret elsewhere a cosignature is byte for byte the one
// of a key that is here.
func TestCosigner(t *testing.T) {
	key := testKey(t, "w.example", TypeCosignatureEd25519)
	cosigner, err := NewCosigner(key.Verifier(), key.ed25519)
	if err != nil {
		t.Fatal(err)
	}
	if !cosigner.Verifier().Equal(key.Verifier()) {
		t.Error("the cosigner has another key")
	}
	for _, checkpoint := range []Checkpoint{
		{Origin: "log.example", Size: 5, Root: Hash{1}},
		{Origin: "log.example", Size: 5, Root: Hash{1}, Extensions: []string{"extension"}},
	} {
		want, err := key.Cosign(checkpoint, 1767225600)
		if err != nil {
			t.Fatal(err)
		}
		got, err := cosigner.Cosign(checkpoint, 1767225600)
		if err != nil || got.Name != want.Name || got.KeyID != want.KeyID || !bytes.Equal(got.Sig, want.Sig) {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
	}
	for name, bad := range map[string]struct {
		checkpoint Checkpoint
		time       uint64
	}{
		"time stamp 0":        {Checkpoint{Origin: "log.example", Size: 5}, 0},
		"line feed in origin": {Checkpoint{Origin: "log\nexample", Size: 5}, 1},
		"no origin":           {Checkpoint{Size: 5}, 1},
	} {
		if got, err := cosigner.Cosign(bad.checkpoint, bad.time); err == nil {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

// TestCosignerGivesOnWhatVerifies: whatever a signer returns, it is a signature
// of the message by the key, or nobody gets it. The message is handed over as it
// is, and begins as no message of SSH does.
func TestCosignerGivesOnWhatVerifies(t *testing.T) {
	key, other := testKey(t, "w.example", TypeCosignatureEd25519), testKey(t, "o.example", TypeCosignatureEd25519)
	failure := errors.New("the signer is away")
	for name, test := range map[string]struct {
		sign func(message []byte) ([]byte, error)
		want error
	}{
		"another key":     {func(m []byte) ([]byte, error) { return ed25519.Sign(other.ed25519, m), nil }, ErrSignature},
		"another message": {func(m []byte) ([]byte, error) { return ed25519.Sign(key.ed25519, m[1:]), nil }, ErrSignature},
		"cut short":       {func(m []byte) ([]byte, error) { return ed25519.Sign(key.ed25519, m)[:63], nil }, ErrSignature},
		"longer":          {func(m []byte) ([]byte, error) { return append(ed25519.Sign(key.ed25519, m), 0), nil }, ErrSignature},
		"nothing":         {func([]byte) ([]byte, error) { return nil, nil }, ErrSignature},
		"failure":         {func(m []byte) ([]byte, error) { return ed25519.Sign(key.ed25519, m), failure }, failure},
	} {
		asked := 0
		cosigner, err := NewCosigner(key.Verifier(), outsideSigner{key.ed25519.Public(), func(message []byte, options crypto.SignerOpts) ([]byte, error) {
			asked++
			if options.HashFunc() != 0 || !bytes.HasPrefix(message, []byte("cosignature/v1\ntime 1767225600\nlog.example\n")) {
				t.Errorf("asked to sign %q, hashed with %v", message, options.HashFunc())
			}
			return test.sign(message)
		}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := cosigner.Cosign(Checkpoint{Origin: "log.example", Size: 5}, 1767225600)
		if !errors.Is(err, test.want) || got.Sig != nil || asked != 1 {
			t.Errorf("%s: got %v, %v after %d requests, want %v", name, got, err, asked, test.want)
		}
	}
}

func TestNewCosignerRefuses(t *testing.T) {
	key, other := testKey(t, "w.example", TypeCosignatureEd25519), testKey(t, "o.example", TypeCosignatureEd25519)
	log, mldsa := testKey(t, "log.example", TypeEd25519), testKey(t, "w.example", TypeCosignatureMLDSA44)
	for want, test := range map[string]struct {
		verifier VerifierKey
		signer   crypto.Signer
	}{
		"has another key":         {key.Verifier(), other.ed25519},
		"want 0x04":               {log.Verifier(), log.ed25519},
		"ML-DSA-44 cosignature":   {mldsa.Verifier(), key.ed25519},
		"want an Ed25519 key":     {key.Verifier(), outsideSigner{public: "no key"}},
		"signer's key is a <nil>": {key.Verifier(), outsideSigner{}},
	} {
		_, err := NewCosigner(test.verifier, test.signer)
		wantError(t, err, want)
	}
}
