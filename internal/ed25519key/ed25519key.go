// Package ed25519key judges Ed25519 public keys more strictly than
// crypto/ed25519 does, which accepts other encodings of a key, and keys under
// which signatures prove nothing. Keys of logs, witnesses and signers alike go
// through it.
package ed25519key

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"

	"filippo.io/edwards25519"
)

var (
	// ErrSmallOrder: one signature fits at least every eighth message, so
	// anybody can sign for the key.
	ErrSmallOrder = errors.New("Ed25519 key is of small order: anybody can sign for it")
	// ErrNotCanonical: another encoding of a point, whose y is not below 2^255-19.
	ErrNotCanonical = errors.New("Ed25519 key is not canonical: its y coordinate is not reduced")
	// ErrNotPoint: no point of the curve has this encoding.
	ErrNotPoint = errors.New("Ed25519 key is not a point of the curve")
)

// smallOrder lists the y coordinates of the eight points whose order divides the
// cofactor, little-endian, without the sign bit.
var smallOrder = [][]byte{
	{0: 0, 31: 0},
	{0: 1, 31: 0},
	append([]byte{0xec}, append(bytes.Repeat([]byte{0xff}, 30), 0x7f)...),
	{0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
	{0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
}

// Check refuses bytes that are not the canonical encoding (RFC 8032, section
// 5.1.2) of a point of the curve, and points of small order. The cause is one of
// the errors above, or a wrong length.
//
// It does not check that the point lies in the subgroup of prime order: only
// its owner could make another, and verification without cofactor is one
// function of the bytes for those too.
func Check(public []byte) error {
	if len(public) != ed25519.PublicKeySize {
		return fmt.Errorf("Ed25519 key of %d bytes, want %d", len(public), ed25519.PublicKeySize)
	}
	y := [ed25519.PublicKeySize]byte(public)
	y[31] &= 0x7f // without the sign of x
	for _, weak := range smallOrder {
		if bytes.Equal(y[:], weak) {
			return ErrSmallOrder
		}
	}
	if !isReduced(&y) {
		return ErrNotCanonical
	}
	if _, err := new(edwards25519.Point).SetBytes(public); err != nil {
		return ErrNotPoint
	}
	return nil
}

// isReduced tells whether a little-endian number below 2^255 is below 2^255-19.
// x is 0 only for points of small order, so the sign of x needs no such check.
func isReduced(y *[ed25519.PublicKeySize]byte) bool {
	if y[31] != 0x7f || y[0] < 0xed {
		return true
	}
	for _, b := range y[1:31] {
		if b != 0xff {
			return true
		}
	}
	return false
}
