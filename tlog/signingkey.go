package tlog

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"filippo.io/mldsa"
	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
)

const signingKeyPrefix = "PRIVATE+KEY+"

// SigningKey is a private note key with its name. Printed with package fmt or
// logged with log/slog it shows its public half only; String is the secret.
type SigningKey struct {
	verifier VerifierKey
	seed     [32]byte
	ed25519  ed25519.PrivateKey
	// mldsa is expanded once. Another module signs than verifies: it takes a third
	// of the time, which is most of what a cosignature costs.
	mldsa *mldsa44.PrivateKey
}

// GenerateSigningKey makes a new key.
func GenerateSigningKey(name string, t KeyType) (*SigningKey, error) {
	var seed [32]byte
	if _, err := rand.Read(seed[:]); err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	return newSigningKey(name, t, seed)
}

// ParseSigningKey reads `PRIVATE+KEY+<name>+<8 hex digits>+<base64 of type and
// seed>`, the form of golang.org/x/mod/sumdb/note for 0x01 and of
// github.com/transparency-dev/formats for 0x04 and 0x06. The hex digits are
// the key id of the public key. Its errors do not repeat the secret.
func ParseSigningKey(text string) (*SigningKey, error) {
	rest, ok := strings.CutPrefix(text, signingKeyPrefix)
	if !ok {
		return nil, errors.New("signing key: want a text that begins with " + signingKeyPrefix)
	}
	name, id, raw, err := cutKey(rest)
	if err != nil {
		// The cause would quote a part of the secret.
		return nil, errors.New("signing key: malformed: want PRIVATE+KEY+<name>+<8 hex digits>+<base64>")
	}
	if len(raw) != 1+32 {
		return nil, fmt.Errorf("signing key: got %d bytes, want a type and a seed of 32", len(raw))
	}
	key, err := newSigningKey(name, KeyType(raw[0]), [32]byte(raw[1:]))
	if err != nil {
		return nil, err
	}
	if key.verifier.KeyID != id {
		return nil, fmt.Errorf("signing key of %s: got key id %08x, want %08x for this name and key", quote(name), id, key.verifier.KeyID)
	}
	return key, nil
}

func newSigningKey(name string, t KeyType, seed [32]byte) (*SigningKey, error) {
	key := &SigningKey{seed: seed}
	var public []byte
	switch t {
	case TypeEd25519, TypeCosignatureEd25519:
		key.ed25519 = ed25519.NewKeyFromSeed(seed[:])
		public = key.ed25519.Public().(ed25519.PublicKey)
	case TypeCosignatureMLDSA44:
		private, err := mldsa.NewPrivateKey(mldsa.MLDSA44(), seed[:])
		if err != nil {
			return nil, fmt.Errorf("signing key of %s: %w", quote(name), err)
		}
		public = private.PublicKey().Bytes()
		var same *mldsa44.PublicKey
		if same, key.mldsa = mldsa44.NewKeyFromSeed(&seed); !bytes.Equal(same.Bytes(), public) {
			return nil, fmt.Errorf("signing key of %s: the two ML-DSA-44 implementations derive different keys from one seed", quote(name))
		}
	default:
		return nil, fmt.Errorf("signing key of %s: %w 0x%02x: want 0x01, 0x04 or 0x06", quote(name), ErrKeyType, byte(t))
	}
	verifier, err := NewVerifierKey(name, t, public)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	key.verifier = verifier
	return key, nil
}

// Verifier returns the public half.
func (k *SigningKey) Verifier() VerifierKey { return k.verifier }

// String returns the private key as ParseSigningKey reads it. It is a secret:
// write it to a file that only its owner reads, never to a log.
func (k *SigningKey) String() string {
	return fmt.Sprintf("%s%s+%08x+%s", signingKeyPrefix, k.verifier.Name, k.verifier.KeyID,
		base64.StdEncoding.EncodeToString(append([]byte{byte(k.verifier.Type)}, k.seed[:]...)))
}

// Format keeps the secret out of what package fmt prints, whatever the verb.
func (k *SigningKey) Format(s fmt.State, _ rune) {
	_, _ = io.WriteString(s, k.public())
}

// LogValue keeps the secret out of logs.
func (k *SigningKey) LogValue() slog.Value { return slog.StringValue(k.public()) }

func (k *SigningKey) public() string {
	if k == nil {
		return "no signing key"
	}
	return fmt.Sprintf("signing key of %s+%08x", k.verifier.Name, k.verifier.KeyID)
}

// SignNote signs a note's text with a key of type 0x01. The text must end in a
// line feed and be one that ParseNote accepts.
func (k *SigningKey) SignNote(text string) (NoteSignature, error) {
	if k.verifier.Type != TypeEd25519 {
		return NoteSignature{}, fmt.Errorf("sign note with key %s: %w %v: only 0x01 signs any text", quote(k.verifier.Name), ErrKeyType, k.verifier.Type)
	}
	if err := checkNoteText(text); err != nil {
		return NoteSignature{}, err
	}
	return k.signature(ed25519.Sign(k.ed25519, []byte(text))), nil
}

func (k *SigningKey) signature(sig []byte) NoteSignature {
	return NoteSignature{Name: k.verifier.Name, KeyID: k.verifier.KeyID, Sig: bytes.Clone(sig)}
}
