// Package credential makes the credentials that show that an attestation key lives
// in the TPM whose endorsement key a vendor certified (TPM 2.0 Library, part 1, 24).
package credential

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/google/go-tpm/tpm2"

	"github.com/muster-log/muster/attest"
)

// secretSize bounds a secret, in bytes: what a TPM2B_DIGEST of SHA-256 holds.
const secretSize = 32

// Make makes a credential: the TPM that holds the key of the EK certificate (DER)
// gives the secret back only if it holds the attestation key of that name, too. The
// key is RSA of 2048 bits or on P-256, by the templates of TCG's EK Credential
// Profile for the low range. The secret has 32 random bytes, and so has random more.
//
// Whether the certificate is a vendor's is not checked here: what a credential shows
// is worth what its certificate is.
func Make(ekCertificate, akName, secret []byte, random io.Reader) (*attest.Credential, error) {
	if len(secret) != secretSize {
		return nil, fmt.Errorf("credential: got a secret of %d bytes, want %d", len(secret), secretSize)
	}
	if len(akName) != 2+32 || binary.BigEndian.Uint16(akName) != uint16(tpm2.TPMAlgSHA256) {
		return nil, fmt.Errorf("credential: got name %x of the attestation key, want one of SHA-256", akName)
	}
	certificate, err := x509.ParseCertificate(ekCertificate)
	if err != nil {
		return nil, fmt.Errorf("credential: EK certificate: %w", err)
	}
	var public tpm2.TPMTPublic
	switch key := certificate.PublicKey.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() != 2048 || key.E != 65537 {
			return nil, fmt.Errorf("credential: got an RSA endorsement key of %d bits, exponent %d, want 2048, 65537", key.N.BitLen(), key.E)
		}
		public = tpm2.RSAEKTemplate
		public.Unique = tpm2.NewTPMUPublicID(tpm2.TPMAlgRSA, &tpm2.TPM2BPublicKeyRSA{Buffer: key.N.Bytes()})
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() {
			return nil, fmt.Errorf("credential: got an endorsement key on %s, want P-256", key.Curve.Params().Name)
		}
		point, err := key.Bytes()
		if err != nil {
			return nil, fmt.Errorf("credential: EK certificate: %w", err)
		}
		public = tpm2.ECCEKTemplate
		public.Unique = tpm2.NewTPMUPublicID(tpm2.TPMAlgECC, &tpm2.TPMSECCPoint{X: tpm2.TPM2BECCParameter{Buffer: bytes.Clone(point[1:33])}, Y: tpm2.TPM2BECCParameter{Buffer: bytes.Clone(point[33:])}})
	default:
		return nil, fmt.Errorf("credential: got an endorsement key of type %T, want RSA or ECC", key)
	}
	to, err := tpm2.ImportEncapsulationKey(&public)
	if err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	blob, seed, err := tpm2.CreateCredential(random, to, akName, secret)
	if err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	return &attest.Credential{IDObject: tpm2.Marshal(tpm2.TPM2BIDObject{Buffer: blob}), EncSecret: tpm2.Marshal(tpm2.TPM2BEncryptedSecret{Buffer: seed})}, nil
}
