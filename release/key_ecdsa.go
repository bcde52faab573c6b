package release

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/asn1"
	"math/big"
)

// The greatest sizes of DER signatures, in bytes: two integers of 33 or 49
// bytes with their headers, in one sequence.
const (
	maxSignatureP256 = 2 + 2*(2+33)
	maxSignatureP384 = 2 + 2*(2+49)
)

// verifyECDSA verifies a signature over the SHA-256 (P-256) or SHA-384 (P-384) of message.
func verifyECDSA(format KeyFormat, spki, message, sig []byte) bool {
	maxSignature := maxSignatureP256
	if format == FormatECDSAP384 {
		maxSignature = maxSignatureP384
	}
	if len(sig) > maxSignature || !isSignatureDER(sig) {
		return false
	}
	public, err := parseSPKI(spki)
	if err != nil || formatOf(public) != format {
		return false
	}
	return ecdsa.VerifyASN1(public.(*ecdsa.PublicKey), hashForECDSA(format, message), sig)
}

// hashForECDSA returns the hash of message that a key of the format signs.
func hashForECDSA(format KeyFormat, message []byte) []byte {
	if format == FormatECDSAP384 {
		sum := sha512.Sum384(message)
		return sum[:]
	}
	sum := sha256.Sum256(message)
	return sum[:]
}

// isSignatureDER tells whether sig is an Ecdsa-Sig-Value (RFC 3279, section
// 2.2.3) in DER: one encoding of a pair (r, s).
//
// The pair itself stays malleable: (r, n-s) is as valid as (r, s), and a low s
// is not asked for, since hardware and cloud signers do not make it so.
func isSignatureDER(sig []byte) bool {
	var value struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(sig, &value)
	if err != nil || len(rest) != 0 || value.R.Sign() <= 0 || value.S.Sign() <= 0 {
		return false
	}
	canonical, err := asn1.Marshal(value)
	return err == nil && bytes.Equal(canonical, sig)
}
