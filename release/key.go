package release

import (
	"bytes"
	"crypto/sha256"
	"encoding/pem"
	"fmt"
	"strings"
)

// KeyFormat says what a key's public bytes are and how its signatures look.
type KeyFormat string

// The key formats. The first four are a DER SubjectPublicKeyInfo, the others
// the canonical bytes of their own format.
const (
	FormatEd25519   KeyFormat = "ed25519"
	FormatECDSAP256 KeyFormat = "ecdsa-p256"
	FormatECDSAP384 KeyFormat = "ecdsa-p384"
	FormatRSAPSS    KeyFormat = "rsa-pss-sha256"
	FormatSSH       KeyFormat = "ssh"
	FormatMinisign  KeyFormat = "minisign"
	FormatOpenPGP   KeyFormat = "openpgp"
	FormatX509      KeyFormat = "x509"
)

// maxPublicKey bounds a key's public bytes of whatever format. An authority's
// payload of 16 KiB in base64 holds no more than 12 KiB.
const maxPublicKey = 8192

// Key is a public key.
type Key struct {
	Format KeyFormat
	Public []byte // the very bytes that ID hashes
}

// ParseKey makes a key of its format and public bytes, and checks it.
func ParseKey(format KeyFormat, public []byte) (Key, error) {
	key := Key{Format: format, Public: bytes.Clone(public)}
	if err := key.Check(); err != nil {
		return Key{}, err
	}
	return key, nil
}

// Check applies the rules of the key's format: one encoding, no weak key
// (docs/formats/keys.md). Of an x509 key that is the key in the certificate. The
// bytes of openpgp keys are only bounded: whoever has a verifier for them judges
// them.
func (k Key) Check() error {
	if len(k.Public) == 0 || len(k.Public) > maxPublicKey {
		return Refuse(CodeKey, "", fmt.Sprintf("%d bytes", len(k.Public)), fmt.Sprintf("a public key of 1 to %d bytes", maxPublicKey))
	}
	switch k.Format {
	case FormatEd25519, FormatECDSAP256, FormatECDSAP384, FormatRSAPSS:
		return checkSPKI(k.Format, k.Public)
	case FormatSSH:
		_, err := parsePublicSSH(k.Public)
		return err
	case FormatMinisign:
		_, err := parsePublicMinisign(k.Public)
		return err
	case FormatX509:
		_, err := k.CertifiedKey()
		return err
	case FormatOpenPGP:
		return nil
	}
	return Refuse(CodeValue, "", string(k.Format), "a key format: ed25519, ecdsa-p256, ecdsa-p384, rsa-pss-sha256, ssh, minisign, openpgp or x509")
}

// ID returns the SHA-256 of the public bytes.
func (k Key) ID() KeyID { return sha256.Sum256(k.Public) }

// SPKI returns the SHA-256 of the DER SubjectPublicKeyInfo of the same key in
// whatever format: two keys with one SPKI count once. The key itself is taken
// as checked.
//
// For openpgp it is the SHA-256 of the public bytes, equal to ID: one key in two
// such files, or in one of them and another format, counts twice. That format
// stands only in roles withdraw and auditor, and a log admits no authority that
// has one key in a role so (package log, CheckKeys).
func (k Key) SPKI() (Digest, error) {
	der := k.Public
	switch k.Format {
	case FormatSSH:
		public, err := parsePublicSSH(k.Public)
		if err != nil {
			return Digest{}, err
		}
		der = public.spki
	case FormatMinisign:
		public, err := parsePublicMinisign(k.Public)
		if err != nil {
			return Digest{}, err
		}
		der = spkiOfEd25519(public.raw)
	case FormatX509:
		certified, err := k.CertifiedKey()
		if err != nil {
			return Digest{}, err
		}
		der = certified.Public
	}
	return sha256.Sum256(der), nil
}

// Verify checks a signature over PAE(payload). For a format without a verifier
// here (openpgp, x509) the refusal is CodeCannotJudge, else CodeSignatureInvalid.
// The key itself is taken as checked.
//
// A signature is not unique: whoever sees an ECDSA signature (r, s) can make
// (r, n-s) of it, and every key's holder can sign again. So nothing may be
// known by its signatures' bytes; an entry is known by its payload digest.
func (k Key) Verify(payload, sig []byte) error { return k.VerifyMessage(PAE(payload), sig) }

// VerifyMessage checks a signature over message as it is. In a log only
// signatures over PAE(payload) count, which Verify checks: this is for a program
// that tells somebody what it was that they signed instead.
func (k Key) VerifyMessage(message, sig []byte) error {
	var valid bool
	switch k.Format {
	case FormatEd25519:
		valid = verifyEd25519(k.Public, message, sig)
	case FormatECDSAP256, FormatECDSAP384:
		valid = verifyECDSA(k.Format, k.Public, message, sig)
	case FormatRSAPSS:
		valid = verifyRSAPSS(k.Public, message, sig)
	case FormatSSH:
		return verifySSH(k, message, sig)
	case FormatMinisign:
		return verifyMinisign(k, message, sig)
	default:
		return Refuse(CodeCannotJudge, "", string(k.Format), "a key of a format that is verified here: ed25519, ecdsa-p256, ecdsa-p384, rsa-pss-sha256, ssh or minisign")
	}
	if !valid {
		return k.refuseSignature(fmt.Sprintf("%d bytes", len(sig)))
	}
	return nil
}

// refuseSignature is the refusal of a signature that is no better than got.
func (k Key) refuseSignature(got string) *Refusal {
	return Refuse(CodeSignatureInvalid, "", got, fmt.Sprintf("a signature by the %s key %s over this payload", k.Format, k.ID()))
}

// blockPublicKey is the PEM type of a SubjectPublicKeyInfo (RFC 7468, section 13).
const blockPublicKey = "PUBLIC KEY"

// MarshalPEM returns the key as a PEM block PUBLIC KEY; it refuses a key that
// is not a SubjectPublicKeyInfo.
func (k Key) MarshalPEM() ([]byte, error) {
	switch k.Format {
	case FormatEd25519, FormatECDSAP256, FormatECDSAP384, FormatRSAPSS:
	default:
		return nil, Refuse(CodeKey, "", "format "+string(k.Format), "a key of format ed25519, ecdsa-p256, ecdsa-p384 or rsa-pss-sha256, which alone have the form PUBLIC KEY")
	}
	if err := k.Check(); err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: blockPublicKey, Bytes: k.Public}), nil
}

// ParsePublicKeyPEM reads exactly one PEM block PUBLIC KEY and finds its format.
func ParsePublicKeyPEM(data []byte) (Key, error) {
	der, err := onePEMBlock(data, blockPublicKey)
	if err != nil {
		return Key{}, err
	}
	format, err := formatOfSPKI(der)
	if err != nil {
		return Key{}, err
	}
	return ParseKey(format, der)
}

// maxPEM bounds a PEM file of one key, in bytes: an RSA private key of 4096 bits has 3.3 KB.
const maxPEM = 16384

// onePEMBlock returns the bytes of the one PEM block that data is, of the type
// asked for: white space may stand around it, and no headers in it. No error
// repeats any of data but a block's type: it may be a secret.
func onePEMBlock(data []byte, blockType string) ([]byte, error) {
	want := fmt.Sprintf("one PEM block %q and nothing else", blockType)
	if len(data) > maxPEM {
		return nil, Refuse(CodeKey, "", fmt.Sprintf("%d bytes", len(data)), fmt.Sprintf("a PEM file of at most %d bytes", maxPEM))
	}
	data = bytes.TrimSpace(data)
	begin := []byte("-----BEGIN ")
	if !bytes.HasPrefix(data, begin) {
		return nil, Refuse(CodeKey, "", "something else", want)
	}
	// pem.Decode passes over a malformed block to the next one.
	if n := bytes.Count(data, begin); n != 1 {
		return nil, Refuse(CodeKey, "", fmt.Sprintf("%d PEM blocks", n), want)
	}
	block, rest := pem.Decode(append(data[:len(data):len(data)], '\n'))
	switch {
	case block == nil:
		return nil, Refuse(CodeKey, "", "a malformed PEM block", want)
	case block.Type != blockType:
		return nil, Refuse(CodeKey, "", fmt.Sprintf("a PEM block %q", block.Type), want+adviceForPEM(block.Type))
	case len(block.Headers) != 0:
		return nil, Refuse(CodeKey, "", "a PEM block with headers", want)
	case len(bytes.TrimSpace(rest)) != 0:
		return nil, Refuse(CodeKey, "", "text behind the PEM block", want)
	}
	return block.Bytes, nil
}

// adviceForPEM says how a file of the kinds that people have becomes one that is read here.
func adviceForPEM(blockType string) string {
	switch {
	case blockType == "ENCRYPTED PRIVATE KEY":
		return "; take off the pass phrase with openssl pkey -in FILE"
	case blockType == "OPENSSH PRIVATE KEY":
		return "; leave it as it is and sign what pae writes with ssh-keygen -Y sign, or convert a copy with ssh-keygen -p -m PKCS8 -f FILE"
	case blockType == blockPrivateKey:
		return "; this is a private key: its public half is printed by openssl pkey -pubout -in FILE"
	case strings.HasSuffix(blockType, " "+blockPrivateKey):
		return "; convert it with openssl pkcs8 -topk8 -nocrypt -in FILE"
	}
	return ""
}
