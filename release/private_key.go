package release

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
)

// PrivateKey signs payloads. Formats: Ed25519, ECDSA P-256 and P-384, RSA-PSS.
type PrivateKey struct {
	key    Key
	signer crypto.Signer
}

// generatedBitsRSA is the size of new RSA keys: 128 bits of security, as NIST
// SP 800-57 counts, and what signers of the field take.
const generatedBitsRSA = 3072

// GenerateKey makes a new key (RSA: 3072 bits).
func GenerateKey(format KeyFormat) (*PrivateKey, error) {
	var signer crypto.Signer
	var err error
	switch format {
	case FormatEd25519:
		_, signer, err = ed25519.GenerateKey(rand.Reader)
	case FormatECDSAP256:
		signer, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case FormatECDSAP384:
		signer, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case FormatRSAPSS:
		signer, err = rsa.GenerateKey(rand.Reader, generatedBitsRSA)
	default:
		return nil, Refuse(CodeValue, "", string(format), "a key format that this program signs with: ed25519, ecdsa-p256, ecdsa-p384 or rsa-pss-sha256")
	}
	if err != nil {
		return nil, fmt.Errorf("make a key of format %s: %w", format, err)
	}
	return newPrivateKey(signer)
}

// newPrivateKey pairs a signer with its public half, which it checks.
func newPrivateKey(signer crypto.Signer) (*PrivateKey, error) {
	format := formatOf(signer.Public())
	if format == "" {
		return nil, Refuse(CodeKey, "", fmt.Sprintf("a key of type %T", signer), "an Ed25519, ECDSA P-256, ECDSA P-384 or RSA key")
	}
	der, err := x509.MarshalPKIXPublicKey(signer.Public())
	if err != nil {
		return nil, fmt.Errorf("public half of a key of format %s: %w", format, err)
	}
	key, err := ParseKey(format, der)
	if err != nil {
		return nil, err
	}
	return &PrivateKey{key: key, signer: signer}, nil
}

// blockPrivateKey is the PEM type of an unencrypted PKCS#8 key (RFC 7468, section 10).
const blockPrivateKey = "PRIVATE KEY"

// ParsePrivateKey reads exactly one unencrypted PKCS#8 PEM block PRIVATE KEY.
// Its errors repeat nothing of the key.
func ParsePrivateKey(pem []byte) (*PrivateKey, error) {
	der, err := onePEMBlock(pem, blockPrivateKey)
	if err != nil {
		return nil, err
	}
	// x509.ParsePKCS8PrivateKey does not see what follows the outer sequence.
	if rest, err := asn1.Unmarshal(der, new(asn1.RawValue)); err != nil || len(rest) != 0 {
		return nil, Refuse(CodeKey, "", "", "one DER sequence, a PKCS#8 private key")
	}
	private, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		refusal := Refuse(CodeKey, "", "", "a PKCS#8 private key")
		refusal.Err = err
		return nil, refusal
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return nil, Refuse(CodeKey, "", fmt.Sprintf("a key of type %T", private), "an Ed25519, ECDSA P-256, ECDSA P-384 or RSA key")
	}
	return newPrivateKey(signer)
}

// MarshalPEM returns the key as a PKCS#8 PEM block: a secret.
func (k *PrivateKey) MarshalPEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.signer)
	if err != nil {
		return nil, fmt.Errorf("private key %s: %w", k.key.ID(), err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: blockPrivateKey, Bytes: der}), nil
}

// Key returns the public half.
func (k *PrivateKey) Key() Key { return k.key }

// Sign signs PAE(payload).
func (k *PrivateKey) Sign(payload []byte) (Signature, error) {
	var sig []byte
	var err error
	switch signer := k.signer.(type) {
	case ed25519.PrivateKey:
		sig = ed25519.Sign(signer, PAE(payload))
	case *ecdsa.PrivateKey:
		sig, err = ecdsa.SignASN1(rand.Reader, signer, hashForECDSA(k.key.Format, PAE(payload)))
	case *rsa.PrivateKey:
		sum := sha256.Sum256(PAE(payload))
		sig, err = rsa.SignPSS(rand.Reader, signer, crypto.SHA256, sum[:], pssOptions)
	default:
		err = errors.New("the key is empty: make it with GenerateKey or ParsePrivateKey")
	}
	if err != nil {
		return Signature{}, fmt.Errorf("sign with key %s: %w", k.key.ID(), err)
	}
	return Signature{KeyID: k.key.ID(), Sig: sig}, nil
}
