package tlog

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"filippo.io/mldsa"
	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
)

const (
	timestampSize = 8
	// subtreeLabel separates ML-DSA cosignatures from all else a key signs.
	subtreeLabel = "subtree/v1\n\x00"
)

// Cosignature is a cosigner's checked statement that it saw the checkpoint as
// the largest consistent one at a time (https://c2sp.org/tlog-cosignature).
type Cosignature struct {
	Key VerifierKey
	// Time is in POSIX seconds, 1 to MaxSize. It is the cosigner's word.
	Time uint64
}

// ErrExtension reports a checkpoint with extension lines under a cosignature
// type that does not cover them.
var ErrExtension = errors.New("checkpoint has extension lines, which an ML-DSA-44 cosignature does not cover")

// Cosignatures returns the cosignatures by the keys, which are of type 0x04 or
// 0x06, in the order of their lines. Lines by other keys are ignored; one
// invalid line by one of these keys is an error, wherever it stands. So is a
// time stamp of 0, and a 0x06 line on a checkpoint with extension lines.
//
// A line that is repeated counts once. A cosigner that signed the same
// checkpoint at several times appears once for each of them: count keys, as
// package policy does, not elements. Nothing is compared with a clock.
func (c *SignedCheckpoint) Cosignatures(keys []VerifierKey) ([]Cosignature, error) {
	for _, key := range keys {
		if !key.Type.Cosigns() {
			return nil, fmt.Errorf("cosigner key %s: %w %v: want 0x04 or 0x06", quote(key.Name), ErrKeyType, key.Type)
		}
	}
	var cosignatures []Cosignature
	err := c.eachLine(keys, func(key VerifierKey, sig NoteSignature) error {
		t, err := key.verifyCosignature(c, sig)
		if err != nil {
			return err
		}
		for _, have := range cosignatures {
			// ML-DSA is randomised: different lines may say the same.
			if have.Time == t && have.Key.Equal(key) {
				return nil
			}
		}
		cosignatures = append(cosignatures, Cosignature{Key: key, Time: t})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("checkpoint of %s, size %d: %w", quote(c.Origin), c.Size, err)
	}
	return cosignatures, nil
}

// verifyCosignature checks one line and returns its time stamp.
func (k VerifierKey) verifyCosignature(c *SignedCheckpoint, sig NoteSignature) (uint64, error) {
	fail := func(err error) (uint64, error) {
		return 0, fmt.Errorf("cosignature of %s+%08x: %w", quote(k.Name), k.KeyID, err)
	}
	var want int
	switch k.Type {
	case TypeCosignatureEd25519:
		want = ed25519.SignatureSize
	case TypeCosignatureMLDSA44:
		want = mldsa.MLDSA44SignatureSize
	default:
		return fail(fmt.Errorf("%w %v: want 0x04 or 0x06", ErrKeyType, k.Type))
	}
	if !k.Made(sig) {
		return fail(fmt.Errorf("made by another key, %s+%08x", quote(sig.Name), sig.KeyID))
	}
	if got := len(sig.Sig); got != timestampSize+want {
		return fail(fmt.Errorf("%w: got %d bytes, want a time stamp of 8 and %d", ErrSignature, got, want))
	}
	t := binary.BigEndian.Uint64(sig.Sig)
	if err := checkTime(t); err != nil {
		return fail(err)
	}
	message, err := k.cosignedMessage(c.Checkpoint, c.Note.Text, t)
	if err != nil {
		return fail(err)
	}
	signature := sig.Sig[timestampSize:]
	switch k.Type {
	case TypeCosignatureEd25519:
		if len(k.Public) != ed25519.PublicKeySize || !ed25519.Verify(k.Public, message, signature) {
			return fail(ErrSignature)
		}
	case TypeCosignatureMLDSA44:
		prepared := k.prepared
		if prepared == nil {
			if prepared, err = mldsa.NewPublicKey(mldsa.MLDSA44(), k.Public); err != nil {
				return fail(err)
			}
		}
		if err := mldsa.Verify(prepared, message, signature, nil); err != nil {
			return fail(ErrSignature)
		}
	}
	return t, nil
}

// Cosign makes a cosignature with a key of type 0x04 or 0x06 at a time in POSIX
// seconds, 1 to MaxSize. A 0x06 key does not cosign a checkpoint with extension
// lines. Whether the checkpoint is consistent is the caller's to know.
func (k *SigningKey) Cosign(checkpoint Checkpoint, t uint64) (NoteSignature, error) {
	message, err := k.verifier.toCosign(checkpoint, t)
	if err != nil {
		return NoteSignature{}, err
	}
	var signature []byte
	switch k.verifier.Type {
	case TypeCosignatureEd25519:
		signature = ed25519.Sign(k.ed25519, message)
	case TypeCosignatureMLDSA44:
		signature = make([]byte, mldsa44.SignatureSize)
		if err := mldsa44.SignTo(k.mldsa, message, nil, true, signature); err != nil {
			return NoteSignature{}, fmt.Errorf("cosign as %s: %w", quote(k.verifier.Name), err)
		}
	}
	return k.verifier.cosignature(t, signature), nil
}

// cosignedMessage is what a cosigner of this key's type signs.
func (k VerifierKey) cosignedMessage(c Checkpoint, text string, t uint64) ([]byte, error) {
	switch k.Type {
	case TypeCosignatureEd25519:
		return []byte("cosignature/v1\ntime " + strconv.FormatUint(t, 10) + "\n" + text), nil
	case TypeCosignatureMLDSA44:
		if len(c.Extensions) > 0 {
			return nil, ErrExtension
		}
		if len(k.Name) < 1 || len(k.Name) > MaxKeyName || len(c.Origin) < 1 || len(c.Origin) > MaxKeyName {
			return nil, fmt.Errorf("name of %d and origin of %d bytes: an ML-DSA-44 cosignature takes 1 to %d", len(k.Name), len(c.Origin), MaxKeyName)
		}
		m := append(make([]byte, 0, 128), subtreeLabel...)
		m = append(append(m, byte(len(k.Name))), k.Name...)
		m = binary.BigEndian.AppendUint64(m, t)
		m = append(append(m, byte(len(c.Origin))), c.Origin...)
		m = binary.BigEndian.AppendUint64(m, 0)
		m = binary.BigEndian.AppendUint64(m, c.Size)
		return append(m, c.Root[:]...), nil
	}
	return nil, fmt.Errorf("%w %v: want 0x04 or 0x06", ErrKeyType, k.Type)
}

func checkTime(t uint64) error {
	if t == 0 {
		return errors.New("time stamp is 0: the cosigner says nothing about when")
	}
	if t > MaxSize {
		return fmt.Errorf("time stamp %d: want at most 2^63-1", t)
	}
	return nil
}
