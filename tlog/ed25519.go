package tlog

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// The curve of RFC 8032, section 5.1: -x^2 + y^2 = 1 + d x^2 y^2 modulo 2^255-19.
var (
	fieldPrime    = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	curveConstant = func() *big.Int {
		d := new(big.Int).ModInverse(big.NewInt(121666), fieldPrime)
		d.Mul(d, big.NewInt(-121665))
		return d.Mod(d, fieldPrime)
	}()
)

// smallOrder holds the y coordinates of the eight points whose order divides
// the cofactor, little endian, without the sign bit.
var smallOrder = []string{
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
}

// checkEd25519 refuses public keys that are not the canonical encoding of a
// point of the curve, and those of small order. crypto/ed25519 accepts both.
// Public keys are not secret, so the arithmetic need not be constant time.
func checkEd25519(public []byte) error {
	if len(public) != ed25519.PublicKeySize {
		return fmt.Errorf("ed25519 key: got %d bytes, want %d", len(public), ed25519.PublicKeySize)
	}
	encoded := bytes.Clone(public)
	encoded[31] &= 0x7f
	if slices.Contains(smallOrder, hex.EncodeToString(encoded)) {
		return errors.New("ed25519 key is of small order: anybody can sign for it")
	}
	slices.Reverse(encoded)
	y := new(big.Int).SetBytes(encoded)
	if y.Cmp(fieldPrime) >= 0 {
		return errors.New("ed25519 key is not canonical: its y coordinate is not reduced")
	}
	// x^2 = (y^2 - 1) / (d y^2 + 1) must be a square; a quotient is one if the
	// product is.
	y2 := new(big.Int).Mul(y, y)
	numerator := new(big.Int).Sub(y2, big.NewInt(1))
	denominator := new(big.Int).Mul(curveConstant, y2)
	denominator.Add(denominator, big.NewInt(1))
	product := numerator.Mul(numerator, denominator)
	if big.Jacobi(product.Mod(product, fieldPrime), fieldPrime) != 1 {
		return errors.New("ed25519 key is not a point of the curve")
	}
	return nil
}
