package release

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"slices"

	"filippo.io/edwards25519"
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
func verifyEd25519(spki, payload, sig []byte) bool {
	public, found := bytes.CutPrefix(spki, ed25519SPKIPrefix)
	return found && len(public) == ed25519.PublicKeySize && len(sig) == ed25519.SignatureSize &&
		ed25519.Verify(public, PAE(payload), sig)
}

// checkEd25519 checks that a raw key is the canonical encoding of a point of
// the curve, not of small order: under such a point one signature fits at least
// every eighth payload. It does not check that the point lies in the subgroup of
// prime order: only its owner could make another, and verification without
// cofactor is one function of the bytes for those too.
func checkEd25519(public []byte) error {
	point, err := new(edwards25519.Point).SetBytes(public)
	if err != nil {
		return Refuse(CodeKey, "", hex.EncodeToString(public), "an Ed25519 key of 32 bytes that is a point of the curve")
	}
	cleared := new(edwards25519.Point).MultByCofactor(point)
	if cleared.Equal(edwards25519.NewIdentityPoint()) == 1 {
		return Refuse(CodeKeyWeak, "", hex.EncodeToString(public), "an Ed25519 key that is not of small order")
	}
	// SetBytes takes y of 2^255-19 and above, as RFC 8032 does not.
	if !bytes.Equal(point.Bytes(), public) {
		return Refuse(CodeKey, "", hex.EncodeToString(public), "an Ed25519 key in its canonical encoding: y below 2^255-19")
	}
	return nil
}
