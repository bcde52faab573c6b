package modelsigning

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/pem"
	"fmt"

	"github.com/muster-log/muster/release"
)

const (
	// MaxTrust bounds a file with a key or with root certificates, in bytes.
	MaxTrust = 1 << 20
	maxRoots = 256
)

// Trust is whose signature counts: the holder of a key, or of a certificate under
// roots. [ParsePublicKey] and [ParseRoots] make it.
type Trust struct {
	key   *ecdsa.PublicKey
	roots *x509.CertPool
}

// ParsePublicKey reads the key of a signer: one PEM block PUBLIC KEY
// (SubjectPublicKeyInfo) with an ECDSA key on P-256, P-384 or P-521, what the
// programs of Model Signing sign with. The error is an *Error.
func ParsePublicKey(text []byte) (Trust, error) {
	const hint = "give the signer's public key: PEM, BEGIN PUBLIC KEY, ECDSA on P-256, P-384 or P-521"
	if len(text) > MaxTrust {
		return Trust{}, refuse(CodeSize, "", hint, "more than %d bytes", MaxTrust)
	}
	block, rest := pem.Decode(text)
	switch {
	case block == nil:
		return Trust{}, refuse(CodeKey, "", hint, "no PEM block, want PUBLIC KEY")
	case block.Type != "PUBLIC KEY":
		return Trust{}, refuse(CodeKey, "", hint, "PEM block %s, want PUBLIC KEY", shown(block.Type))
	case len(bytes.TrimSpace(rest)) > 0:
		return Trust{}, refuse(CodeKey, "", hint, "something follows the key")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return Trust{}, refuse(CodeKey, "", hint, "public key: %w", err)
	}
	key, err := signingKey(parsed)
	if err != nil {
		return Trust{}, refuse(CodeKey, "", hint, "%w", err)
	}
	return Trust{key: key}, nil
}

// ParseRoots reads the certificates that a signer's certificate must lead to, one
// or more PEM blocks CERTIFICATE and nothing else. The error is an *Error.
func ParseRoots(text []byte) (Trust, error) {
	const hint = "give the certificates of the authority that certifies model signers: PEM, BEGIN CERTIFICATE"
	if len(text) > MaxTrust {
		return Trust{}, refuse(CodeSize, "", hint, "more than %d bytes", MaxTrust)
	}
	trust := Trust{roots: x509.NewCertPool()}
	for found := 0; ; found++ {
		block, rest := pem.Decode(text)
		if block == nil {
			if found == 0 {
				return Trust{}, refuse(CodeKey, "", hint, "no PEM block, want CERTIFICATE")
			}
			return trust, nil
		}
		if block.Type != "CERTIFICATE" || found == maxRoots {
			return Trust{}, refuse(CodeKey, "", hint, "PEM block %d is %s, want at most %d, all CERTIFICATE", found+1, shown(block.Type), maxRoots)
		}
		root, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return Trust{}, refuse(CodeKey, "", hint, "certificate %d: %w", found+1, err)
		}
		trust.roots.AddCert(root)
		text = rest
	}
}

// Signer is who signed a bundle, as far as was checked.
type Signer struct {
	// Key is the SHA-256 of the key's DER SubjectPublicKeyInfo.
	Key release.Digest
	// Curve is P-256, P-384 or P-521; the hash is SHA-256, SHA-384 or SHA-512.
	Curve string
	// Certificate is the signer's; nil where a key was given. Its chain was checked
	// for the moment its validity begins, as the programs of Model Signing do: a
	// bundle does not prove when it was signed.
	Certificate *x509.Certificate
}

// signingKey returns a key if it is of a kind that Model Signing has.
func signingKey(key crypto.PublicKey) (*ecdsa.PublicKey, error) {
	held, ok := key.(*ecdsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("got a key of type %T, want ECDSA on P-256, P-384 or P-521", key)
	}
	switch held.Curve {
	case elliptic.P256(), elliptic.P384(), elliptic.P521():
		return held, nil
	}
	return nil, fmt.Errorf("got an ECDSA key on %s, want P-256, P-384 or P-521", held.Curve.Params().Name)
}

// signerOf describes the holder of a key.
func signerOf(key *ecdsa.PublicKey, certificate *x509.Certificate) (*Signer, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, err
	}
	return &Signer{Key: sha256.Sum256(der), Curve: key.Curve.Params().Name, Certificate: certificate}, nil
}

// verify checks an ASN.1 DER signature over the SHA-2 that belongs to the curve.
func verify(key *ecdsa.PublicKey, message, signature []byte) bool {
	var digest []byte
	switch key.Curve {
	case elliptic.P256():
		sum := sha256.Sum256(message)
		digest = sum[:]
	case elliptic.P384():
		sum := sha512.Sum384(message)
		digest = sum[:]
	case elliptic.P521():
		sum := sha512.Sum512(message)
		digest = sum[:]
	}
	return ecdsa.VerifyASN1(key, digest, signature)
}
