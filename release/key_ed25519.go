package release

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"math/big"
	"slices"
	"sync"
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

// smallOrder lists the canonical y coordinates of the points whose order
// divides 8, little-endian: under such a key one signature fits at least every
// eighth payload.
var smallOrder = []string{
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
}

// edwards25519 returns the prime p of the field and the constant d of the curve
// -x^2 + y^2 = 1 + d*x^2*y^2 (RFC 8032, section 5.1).
var edwards25519 = sync.OnceValues(func() (p, d *big.Int) {
	p = new(big.Int).Lsh(big.NewInt(1), 255)
	p.Sub(p, big.NewInt(19))
	d = new(big.Int).ModInverse(big.NewInt(121666), p)
	d.Mul(d, big.NewInt(-121665)).Mod(d, p)
	return p, d
})

// checkEd25519 checks that a raw key is the canonical encoding of a point of
// the curve, not of small order. It does not check that the point lies in the
// subgroup of prime order: only its owner could make another, and verification
// without cofactor is one function of the bytes for those too.
func checkEd25519(public []byte) error {
	if len(public) != ed25519.PublicKeySize {
		return Refuse(CodeKey, "", hex.EncodeToString(public), "an Ed25519 key of 32 bytes")
	}
	y := bytes.Clone(public)
	y[31] &= 0x7f // without the sign of x
	if slices.Contains(smallOrder, hex.EncodeToString(y)) {
		return Refuse(CodeKeyWeak, "", hex.EncodeToString(public), "an Ed25519 key that is not of small order")
	}
	slices.Reverse(y)
	p, d := edwards25519()
	yy := new(big.Int).SetBytes(y)
	if yy.Cmp(p) >= 0 {
		return Refuse(CodeKey, "", hex.EncodeToString(public), "an Ed25519 key in its canonical encoding: y below 2^255-19")
	}
	// x^2 = u/v with u = y^2-1 and v = d*y^2+1 has a root exactly if u*v is a
	// square. x is 0 only for small orders, so the sign bit is free.
	yy.Mul(yy, yy)
	v := new(big.Int).Mul(d, yy)
	v.Add(v, big.NewInt(1))
	u := yy.Sub(yy, big.NewInt(1))
	if jacobi(limbsOf(u.Mul(u, v).Mod(u, p)), limbsOf(p)) != 1 {
		return Refuse(CodeKey, "", hex.EncodeToString(public), "an Ed25519 key that is a point of the curve")
	}
	return nil
}
