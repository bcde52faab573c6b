package tlog

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"filippo.io/mldsa"

	"github.com/muster-log/muster/internal/ed25519key"
)

// KeyType is the signature type identifier byte of a note key.
type KeyType byte

const (
	// TypeEd25519 signs a note's text, as logs do.
	TypeEd25519 KeyType = 0x01
	// TypeCosignatureEd25519 cosigns a checkpoint with a time stamp. It does
	// not cover the cosigner's name: one key for each cosigner.
	TypeCosignatureEd25519 KeyType = 0x04
	// TypeCosignatureMLDSA44 cosigns a checkpoint with a time stamp, secure
	// against quantum computers. It does not cover extension lines.
	TypeCosignatureMLDSA44 KeyType = 0x06
)

// MaxKeyName is the greatest length of a key name in bytes: an ML-DSA-44
// cosignature can name no longer cosigner or origin.
const MaxKeyName = 255

// ErrKeyType reports a key whose type has no use here.
var ErrKeyType = errors.New("unknown key type")

// String names the type and its identifier byte.
func (t KeyType) String() string {
	switch t {
	case TypeEd25519:
		return "Ed25519 (0x01)"
	case TypeCosignatureEd25519:
		return "Ed25519 cosignature (0x04)"
	case TypeCosignatureMLDSA44:
		return "ML-DSA-44 cosignature (0x06)"
	}
	return fmt.Sprintf("unknown (0x%02x)", byte(t))
}

// Cosigns reports whether keys of this type make cosignatures.
func (t KeyType) Cosigns() bool {
	return t == TypeCosignatureEd25519 || t == TypeCosignatureMLDSA44
}

// VerifierKey is the public key of a note signer with its name.
type VerifierKey struct {
	Name   string
	KeyID  uint32
	Type   KeyType
	Public []byte

	// prepared is the decoded ML-DSA key: decoding costs as much as a check.
	prepared *mldsa.PublicKey
}

// NewVerifierKey makes the key of a name, with its key id, after the checks
// that ParseVerifierKey makes.
func NewVerifierKey(name string, t KeyType, public []byte) (VerifierKey, error) {
	if err := CheckKeyName(name); err != nil {
		return VerifierKey{}, err
	}
	if len(name) > MaxKeyName {
		return VerifierKey{}, fmt.Errorf("key name %s: got %d bytes, want at most %d", quote(name), len(name), MaxKeyName)
	}
	key := VerifierKey{Name: name, KeyID: keyID(name, t, public), Type: t, Public: bytes.Clone(public)}
	switch t {
	case TypeEd25519, TypeCosignatureEd25519:
		if err := ed25519key.Check(public); err != nil {
			return VerifierKey{}, fmt.Errorf("key of %s: %w", quote(name), err)
		}
	case TypeCosignatureMLDSA44:
		prepared, err := mldsa.NewPublicKey(mldsa.MLDSA44(), public)
		if err != nil {
			return VerifierKey{}, fmt.Errorf("ML-DSA-44 key of %s, %d bytes: %w", quote(name), len(public), err)
		}
		key.prepared = prepared
	default:
		return VerifierKey{}, fmt.Errorf("key of %s: %w 0x%02x: want 0x01, 0x04 or 0x06", quote(name), ErrKeyType, byte(t))
	}
	return key, nil
}

// ParseVerifierKey reads a vkey, `<name>+<8 hex digits>+<base64 of type and
// public key>`. The key id must be the recommended hash of name and key. An
// Ed25519 key must be the canonical encoding of a point that is not of small
// order: such keys have signatures that fit any text. A private key in its place
// is refused without a word of it.
func ParseVerifierKey(vkey string) (VerifierKey, error) {
	if strings.HasPrefix(vkey, signingKeyPrefix) {
		return VerifierKey{}, errors.New("verifier key: this is a private key: take its public half, and think of the key as known if others could read it here")
	}
	name, id, raw, err := cutKey(vkey)
	if err != nil {
		return VerifierKey{}, fmt.Errorf("verifier key %s: %w", quote(vkey), err)
	}
	key, err := NewVerifierKey(name, KeyType(raw[0]), raw[1:])
	if err != nil {
		return VerifierKey{}, fmt.Errorf("verifier key %s: %w", quote(vkey), err)
	}
	if key.KeyID != id {
		return VerifierKey{}, fmt.Errorf("verifier key %s: got key id %08x, want %08x for this name and key", quote(vkey), id, key.KeyID)
	}
	return key, nil
}

// cutKey splits `<name>+<id>+<base64>`.
func cutKey(text string) (name string, id uint32, raw []byte, err error) {
	const longest = MaxKeyName + 1 + 8 + 1 + (1+mldsa.MLDSA44PublicKeySize+2)/3*4
	if len(text) > longest {
		return "", 0, nil, fmt.Errorf("got %d bytes, want at most %d", len(text), longest)
	}
	name, rest, _ := strings.Cut(text, "+")
	hexID, encoded, ok := strings.Cut(rest, "+")
	if !ok {
		return "", 0, nil, errors.New("want name, key id and key joined by plus signs")
	}
	parsed, err := strconv.ParseUint(hexID, 16, 32)
	if err != nil || fmt.Sprintf("%08x", parsed) != hexID {
		return "", 0, nil, fmt.Errorf("key id %s: want 8 lowercase hex digits", quote(hexID))
	}
	raw, err = decodeBase64(encoded)
	if err != nil {
		return "", 0, nil, err
	}
	if len(raw) < 2 {
		return "", 0, nil, errors.New("key is empty")
	}
	return name, uint32(parsed), raw, nil
}

// keyID is the recommended key id of the signed-note specification.
func keyID(name string, t KeyType, public []byte) uint32 {
	h := sha256.New()
	h.Write([]byte(name))
	h.Write([]byte{'\n', byte(t)})
	h.Write(public)
	return binary.BigEndian.Uint32(h.Sum(nil))
}

// String returns the vkey.
func (k VerifierKey) String() string {
	return fmt.Sprintf("%s+%08x+%s", k.Name, k.KeyID,
		base64.StdEncoding.EncodeToString(append([]byte{byte(k.Type)}, k.Public...)))
}

// Equal reports whether both are the same key under the same name and type.
func (k VerifierKey) Equal(other VerifierKey) bool {
	return k.Name == other.Name && k.KeyID == other.KeyID && k.Type == other.Type && bytes.Equal(k.Public, other.Public)
}

// Made reports whether the signature line names this key. It says nothing
// about whether the signature is good.
func (k VerifierKey) Made(sig NoteSignature) bool {
	return k.Name == sig.Name && k.KeyID == sig.KeyID
}

// ErrSignature reports a line that names a known key and does not verify.
var ErrSignature = errors.New("signature does not verify")

// VerifyNote checks an Ed25519 (0x01) signature over a note's text. Keys of
// other types sign checkpoints, not texts: see SignedCheckpoint.
func (k VerifierKey) VerifyNote(text string, sig NoteSignature) error {
	if k.Type != TypeEd25519 {
		return fmt.Errorf("note signature of %s: %w %v: only 0x01 signs any text", quote(k.Name), ErrKeyType, k.Type)
	}
	if !k.Made(sig) {
		return fmt.Errorf("note signature of %s+%08x: made by another key, want %s+%08x", quote(sig.Name), sig.KeyID, quote(k.Name), k.KeyID)
	}
	if len(k.Public) != ed25519.PublicKeySize || len(sig.Sig) != ed25519.SignatureSize ||
		!ed25519.Verify(k.Public, []byte(text), sig.Sig) {
		return fmt.Errorf("note signature of %s+%08x: %w", quote(k.Name), k.KeyID, ErrSignature)
	}
	return nil
}
