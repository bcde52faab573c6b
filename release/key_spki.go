package release

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
)

// formatOfSPKI finds the format of a DER SubjectPublicKeyInfo. It does not check the key.
func formatOfSPKI(der []byte) (KeyFormat, error) {
	public, err := parseSPKI(der)
	if err != nil {
		return "", err
	}
	format := formatOf(public)
	if format == "" {
		return "", Refuse(CodeKey, "", fmt.Sprintf("a key of type %T", public), "an Ed25519, ECDSA P-256, ECDSA P-384 or RSA key")
	}
	return format, nil
}

// formatOf returns the format of a public key of the standard library; of none of ours, "".
func formatOf(public any) KeyFormat {
	switch key := public.(type) {
	case ed25519.PublicKey:
		return FormatEd25519
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256():
			return FormatECDSAP256
		case elliptic.P384():
			return FormatECDSAP384
		}
	case *rsa.PublicKey:
		return FormatRSAPSS
	}
	return ""
}

func parseSPKI(der []byte) (any, error) {
	if len(der) > maxPublicKey {
		return nil, Refuse(CodeKey, "", fmt.Sprintf("%d bytes", len(der)), fmt.Sprintf("a SubjectPublicKeyInfo of at most %d bytes", maxPublicKey))
	}
	public, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		refusal := Refuse(CodeKey, "", "", "a DER SubjectPublicKeyInfo")
		refusal.Err = err
		return nil, refusal
	}
	return public, nil
}

// checkSPKI checks that der is the one DER encoding of a key of the format, and
// that the key is not weak.
func checkSPKI(format KeyFormat, der []byte) error {
	if raw, found := bytes.CutPrefix(der, ed25519SPKIPrefix); found && format == FormatEd25519 && len(raw) == ed25519.PublicKeySize {
		return checkEd25519(raw) // the one encoding, by far the most usual key
	}
	public, err := parseSPKI(der)
	if err != nil {
		return err
	}
	if got := formatOf(public); got != format {
		if got == "" {
			got = KeyFormat(fmt.Sprintf("%T", public))
		}
		return Refuse(CodeKey, "", "a key of format "+string(got), "a key of format "+string(format))
	}
	// One key has one encoding, so that one key has one keyid.
	canonical, err := x509.MarshalPKIXPublicKey(public)
	if err != nil || !bytes.Equal(canonical, der) {
		return Refuse(CodeKey, "", "another encoding", "the DER SubjectPublicKeyInfo in its one form: named curve, uncompressed point, rsaEncryption with NULL")
	}
	switch key := public.(type) {
	case ed25519.PublicKey:
		return checkEd25519(key)
	case *rsa.PublicKey:
		return checkRSA(key)
	}
	return nil // the standard library has checked that an ECDSA key is a point of its curve
}
