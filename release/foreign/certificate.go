package foreign

import (
	"bytes"
	"crypto"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"

	rekorx509 "github.com/sigstore/rekor/pkg/pki/x509"
	"github.com/sigstore/sigstore/pkg/signature/options"

	"github.com/muster-log/muster/release"
)

// blockCertificate is the PEM type of a certificate (RFC 7468, section 5).
const blockCertificate = "CERTIFICATE"

// maxFile bounds a file of a key or of a signature, armoured or not, in bytes.
const maxFile = 64 << 10

// ParseCertificate reads a file of one X.509 certificate, PEM or DER, as a key. The
// key's bytes are the certificate's DER, as it was issued.
func ParseCertificate(data []byte) (key release.Key, err error) {
	defer refusePanic(&err, release.CodeKey)
	const want = "one X.509 certificate, in PEM or DER, and nothing else"
	if len(data) > maxFile {
		return release.Key{}, refuseKey(fmt.Sprintf("%d bytes", len(data)), fmt.Sprintf("a file of at most %d bytes", maxFile), nil)
	}
	der := data
	if text := bytes.TrimSpace(data); bytes.HasPrefix(text, []byte("-----BEGIN ")) {
		if n := bytes.Count(text, []byte("-----BEGIN ")); n != 1 {
			return release.Key{}, refuseKey(fmt.Sprintf("%d PEM blocks", n), want+": the signer's own certificate, without its chain", nil)
		}
		block, rest := pem.Decode(append(text[:len(text):len(text)], '\n'))
		if block == nil || block.Type != blockCertificate || len(block.Headers) != 0 || len(bytes.TrimSpace(rest)) != 0 {
			return release.Key{}, refuseKey("another PEM file", want, nil)
		}
		der = block.Bytes
	}
	key = release.Key{Format: release.FormatX509, Public: bytes.Clone(der)}
	return key, Check(key)
}

// verifyX509 verifies a signature by a certificate's key: Ed25519; ECDSA in DER over
// the SHA-256 (P-256) or SHA-384 (P-384); RSASSA-PKCS1-v1_5 over the SHA-256. The
// library is given the key alone: how it reads certificates does not matter.
func verifyX509(key release.Key, message, sig []byte) error {
	certified, err := key.CertifiedKey()
	if err != nil {
		return refuseSignature(key, "one by a key that cannot be used", err)
	}
	hash := crypto.SHA256
	switch certified.Format {
	case release.FormatECDSAP256, release.FormatECDSAP384:
		if !isSignatureDER(sig) {
			return refuseSignature(key, fmt.Sprintf("%d bytes that are no ECDSA signature in DER", len(sig)), nil)
		}
		if certified.Format == release.FormatECDSAP384 {
			hash = crypto.SHA384
		}
	}
	block, err := certified.MarshalPEM()
	if err != nil {
		return refuseSignature(key, "one by a key that cannot be used", err)
	}
	public, err := rekorx509.NewPublicKey(bytes.NewReader(block))
	if err != nil {
		return refuseSignature(key, "one by a key that cannot be used", err)
	}
	signature, err := rekorx509.NewSignatureWithOpts(bytes.NewReader(sig), options.WithHash(hash))
	if err == nil {
		err = signature.Verify(bytes.NewReader(message), public)
	}
	if err != nil {
		return refuseSignature(key, fmt.Sprintf("%d bytes", len(sig)), err)
	}
	return nil
}

// maxSignatureECDSA is the greatest DER signature of P-384, in bytes.
const maxSignatureECDSA = 2 + 2*(2+49)

// isSignatureDER tells whether sig is an Ecdsa-Sig-Value (RFC 3279, section
// 2.2.3) in DER, which rekor is less strict about than package release.
func isSignatureDER(sig []byte) bool {
	var value struct{ R, S *big.Int }
	if len(sig) > maxSignatureECDSA {
		return false
	}
	rest, err := asn1.Unmarshal(sig, &value)
	if err != nil || len(rest) != 0 {
		return false
	}
	canonical, err := asn1.Marshal(value)
	return err == nil && bytes.Equal(canonical, sig)
}
