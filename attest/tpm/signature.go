package tpm

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
)

// MaxSignature is the longest TPMT_SIGNATURE that is read, in bytes.
const MaxSignature = 1024

// A Signature is a TPMT_SIGNATURE.
type Signature struct {
	scheme uint16
	hash   uint16
	r, s   []byte // ECDSA
	rsa    []byte // RSASSA, RSAPSS
}

// ParseSignature reads a TPMT_SIGNATURE (TPM 2.0 Library, part 2, 11.3.4) of ECDSA,
// RSASSA or RSAPSS, and no byte left over.
func ParseSignature(data []byte) (*Signature, error) {
	if len(data) > MaxSignature {
		return nil, fmt.Errorf("signature: got %d bytes, want at most %d", len(data), MaxSignature)
	}
	s := &structure{reader{rest: data}}
	signature := &Signature{scheme: s.uint16(), hash: s.uint16()}
	switch signature.scheme {
	case algECDSA:
		signature.r, signature.s = s.sized(), s.sized()
	case algRSASSA, algRSAPSS:
		signature.rsa = s.sized()
	default:
		return nil, fmt.Errorf("signature: got scheme %#x, want ECDSA, RSASSA or RSAPSS", signature.scheme)
	}
	if s.short {
		return nil, fmt.Errorf("signature: %w", errShort)
	}
	if len(s.rest) > 0 {
		return nil, errors.New("signature: bytes left over")
	}
	return signature, nil
}

// Verify reports why the signature of data is not the key's, in the key's own
// scheme and hash; nil: it is.
func (p *Public) Verify(data []byte, signature *Signature) error {
	if signature.scheme != p.scheme || signature.hash != p.hash {
		return fmt.Errorf("got scheme %#x with hash %#x, want the key's own, %#x with %#x", signature.scheme, signature.hash, p.scheme, p.hash)
	}
	digest, ok := p.digest(data), false
	switch key := p.Key.(type) {
	case *ecdsa.PublicKey:
		r, s := new(big.Int).SetBytes(signature.r), new(big.Int).SetBytes(signature.s)
		ok = ecdsa.Verify(key, digest, r, s)
	case *rsa.PublicKey:
		if p.scheme == algRSASSA {
			ok = rsa.VerifyPKCS1v15(key, hashes[p.hash], digest, signature.rsa) == nil
		} else {
			// Older TPMs salt with as many bytes as fit, newer ones with the hash's length.
			options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthAuto, Hash: hashes[p.hash]}
			ok = rsa.VerifyPSS(key, crypto.Hash(hashes[p.hash]), digest, signature.rsa, options) == nil
		}
	}
	if !ok {
		return errors.New("the signature is not the key's")
	}
	return nil
}
