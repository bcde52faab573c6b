package release

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"slices"

	"github.com/muster-log/muster/internal/ed25519key"
)

// ed25519SPKIPrefix is the SubjectPublicKeyInfo of an Ed25519 key (RFC 8410)
// before the 32 bytes of the key.
var ed25519SPKIPrefix = []byte{0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00}

// spkiOfEd25519 returns the SubjectPublicKeyInfo of a raw key.
func spkiOfEd25519(public []byte) []byte { return slices.Concat(ed25519SPKIPrefix, public) }

// verifyEd25519 verifies as RFC 8032 with the equation without cofactor, S
// below the group's order, and R compared as bytes: what the standard library
// does. A verifier in another language must do the same, or it disagrees on
// signatures that a key's owner makes for that purpose.
func verifyEd25519(spki, message, sig []byte) bool {
	public, found := bytes.CutPrefix(spki, ed25519SPKIPrefix)
	return found && len(public) == ed25519.PublicKeySize && len(sig) == ed25519.SignatureSize &&
		ed25519.Verify(public, message, sig)
}

// checkEd25519 checks that a raw key is the canonical encoding of a point of
// the curve, not of small order.
func checkEd25519(public []byte) error {
	err := ed25519key.Check(public)
	if err == nil {
		return nil
	}
	code := CodeKey
	if errors.Is(err, ed25519key.ErrSmallOrder) {
		code = CodeKeyWeak
	}
	refusal := Refuse(code, "", hex.EncodeToString(public), "an Ed25519 key in its canonical encoding, not of small order")
	refusal.Err = err
	return refusal
}
