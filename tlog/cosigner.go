package tlog

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
)

// Cosigner makes cosignatures with an Ed25519 key whose secret is elsewhere: in
// an agent, in a hardware module. What signs there is not trusted to sign what
// it was asked to: every signature is verified before it is given on.
type Cosigner struct {
	verifier VerifierKey
	signer   crypto.Signer
}

// NewCosigner takes a key of type 0x04 and what signs with it: an Ed25519
// signer (RFC 8032, the message not hashed before) with that public key. How
// long a signature may take is the signer's to bound.
func NewCosigner(verifier VerifierKey, signer crypto.Signer) (*Cosigner, error) {
	if verifier.Type != TypeCosignatureEd25519 {
		return nil, fmt.Errorf("cosigner %s: %w %v: want 0x04", quote(verifier.Name), ErrKeyType, verifier.Type)
	}
	public, ok := signer.Public().(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("cosigner %s: the signer's key is a %T, want an Ed25519 key", quote(verifier.Name), signer.Public())
	}
	if !bytes.Equal(public, verifier.Public) {
		return nil, fmt.Errorf("cosigner %s+%08x: the signer has another key", quote(verifier.Name), verifier.KeyID)
	}
	return &Cosigner{verifier: verifier, signer: signer}, nil
}

// Verifier returns the public key.
func (c *Cosigner) Verifier() VerifierKey { return c.verifier }

// Cosign is [SigningKey.Cosign] with the signer's signature. It is an
// ErrSignature to errors.Is if what the signer returned is no signature of this
// message by this key; that signature is given to nobody.
func (c *Cosigner) Cosign(checkpoint Checkpoint, t uint64) (NoteSignature, error) {
	message, err := c.verifier.toCosign(checkpoint, t)
	if err != nil {
		return NoteSignature{}, err
	}
	signature, err := c.signer.Sign(nil, message, crypto.Hash(0))
	if err == nil && !ed25519.Verify(c.verifier.Public, message, signature) {
		err = fmt.Errorf("the signer returned %d bytes: %w", len(signature), ErrSignature)
	}
	if err != nil {
		return NoteSignature{}, fmt.Errorf("cosign as %s: %w", quote(c.verifier.Name), err)
	}
	return c.verifier.cosignature(t, signature), nil
}

// toCosign is the message that a cosigner with this key signs, once it is known
// that it reads back as what was meant.
func (k VerifierKey) toCosign(checkpoint Checkpoint, t uint64) ([]byte, error) {
	if err := checkTime(t); err != nil {
		return nil, fmt.Errorf("cosign as %s: %w", quote(k.Name), err)
	}
	text := checkpoint.Text()
	// An origin with a line feed in it would read back as something else.
	if read, err := ParseCheckpointText(text); err != nil {
		return nil, err
	} else if !read.Same(checkpoint) || len(read.Extensions) != len(checkpoint.Extensions) {
		return nil, fmt.Errorf("cosign as %s: a line of the checkpoint holds a line feed", quote(k.Name))
	}
	message, err := k.cosignedMessage(checkpoint, text, t)
	if err != nil {
		return nil, fmt.Errorf("cosign as %s: %w", quote(k.Name), err)
	}
	return message, nil
}

// cosignature is the signature line's content: the time stamp, the signature.
func (k VerifierKey) cosignature(t uint64, signature []byte) NoteSignature {
	return NoteSignature{Name: k.Name, KeyID: k.KeyID, Sig: append(binary.BigEndian.AppendUint64(nil, t), signature...)}
}
