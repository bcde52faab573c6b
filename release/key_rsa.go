package release

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
)

// The bounds of RSA keys. Moduli outside 2048 to 4096 bits are refused by the
// formats; a public exponent below 2^16 or even is refused as FIPS 186-5 does
// (under exponent 1 every text is its own signature), one above 2^31-1 because
// the standard library reads no other.
const (
	minBitsRSA     = 2048
	maxBitsRSA     = 4096
	minExponentRSA = 1<<16 + 1
	maxExponentRSA = 1<<31 - 1
)

// pssOptions is RSASSA-PSS (RFC 8017) with SHA-256, MGF1 with SHA-256 and a salt of 32 bytes.
var pssOptions = &rsa.PSSOptions{SaltLength: sha256.Size, Hash: crypto.SHA256}

// checkRSA checks the size of the modulus and the exponent. It does not look
// for factors: whoever holds a key can always give it away.
func checkRSA(key *rsa.PublicKey) error {
	if bits := key.N.BitLen(); bits < minBitsRSA || bits > maxBitsRSA {
		return Refuse(CodeKeyWeak, "", fmt.Sprintf("an RSA key of %d bits", bits), fmt.Sprintf("an RSA key of %d to %d bits", minBitsRSA, maxBitsRSA))
	}
	if key.N.Bit(0) == 0 {
		return Refuse(CodeKeyWeak, "", "an RSA key with an even modulus", "an RSA key with an odd modulus")
	}
	if key.E < minExponentRSA || key.E > maxExponentRSA || key.E%2 == 0 {
		return Refuse(CodeKeyWeak, "", fmt.Sprintf("an RSA key with the public exponent %d", key.E), fmt.Sprintf("an odd public exponent from %d to %d", minExponentRSA, maxExponentRSA))
	}
	return nil
}

func verifyRSAPSS(spki, message, sig []byte) bool {
	if len(sig) > maxBitsRSA/8 {
		return false
	}
	public, err := parseSPKI(spki)
	if err != nil {
		return false
	}
	key, ok := public.(*rsa.PublicKey)
	if !ok || len(sig) != key.Size() {
		return false
	}
	sum := sha256.Sum256(message)
	return rsa.VerifyPSS(key, crypto.SHA256, sum[:], sig, pssOptions) == nil
}
