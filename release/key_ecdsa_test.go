package release_test

import (
	"crypto/elliptic"
	"encoding/asn1"
	"math/big"
	"slices"
	"testing"

	"github.com/muster-log/muster/release"
)

func TestECDSASignaturesInOneEncoding(t *testing.T) {
	key, err := release.ParsePublicKeyPEM(readKey(t, "p256.pub"))
	if err != nil {
		t.Fatal(err)
	}
	sig, payload := readKey(t, "p256.sig"), []byte("hello")
	var value struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(sig, &value); err != nil {
		t.Fatal(err)
	}
	order := elliptic.P256().Params().N
	encode := func(r, s *big.Int) []byte {
		out, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if err := key.Verify(payload, encode(value.R, value.S)); err != nil {
		t.Fatal(err)
	}
	raw := append(value.R.FillBytes(make([]byte, 32)), value.S.FillBytes(make([]byte, 32))...)
	zero, plus := new(big.Int), func(n *big.Int) *big.Int { return new(big.Int).Add(n, order) }
	for name, bad := range map[string][]byte{
		"r and s in 64 bytes":    raw,
		"a length of two bytes":  slices.Concat([]byte{0x30, 0x81}, sig[1:]),
		"indefinite length":      slices.Concat([]byte{0x30, 0x80}, sig[2:], []byte{0, 0}),
		"r with a leading zero":  slices.Concat([]byte{0x30, sig[1] + 1, 0x02, sig[3] + 1, 0}, sig[4:]),
		"bytes in the sequence":  slices.Concat([]byte{0x30, sig[1] + 2}, sig[2:], []byte{0x05, 0}),
		"bytes behind":           append(slices.Clone(sig), 0x05, 0),
		"a set":                  append([]byte{0x31}, sig[1:]...),
		"r negative":             encode(new(big.Int).Neg(value.R), value.S),
		"r zero":                 encode(zero, value.S),
		"s zero":                 encode(value.R, zero),
		"r above the order":      encode(plus(value.R), value.S),
		"s above the order":      encode(value.R, plus(value.S)),
		"a million bytes":        make([]byte, 1_000_000),
		"a signature of P-384":   readKey(t, "p384.sig"),
		"a signature of another": readKey(t, "ed25519.sig"),
		"r and s change places":  encode(value.S, value.R),
		"r one byte longer":      encode(new(big.Int).Lsh(value.R, 8), value.S),
	} {
		t.Run(name, func(t *testing.T) { wantCode(t, key.Verify(payload, bad), release.CodeSignatureInvalid) })
	}
	// Promised to nobody, and known: the pair is malleable.
	if err := key.Verify(payload, encode(value.R, new(big.Int).Sub(order, value.S))); err != nil {
		t.Errorf("(r, n-s): %v", err)
	}
}

func TestRSASignaturesOfOtherSchemes(t *testing.T) {
	key, err := release.ParsePublicKeyPEM(readKey(t, "rsa.pub"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"rsa-salt20.sig", "rsa-pkcs1.sig"} {
		t.Run(name, func(t *testing.T) {
			wantCode(t, key.Verify([]byte("hello"), readKey(t, name)), release.CodeSignatureInvalid)
		})
	}
}
