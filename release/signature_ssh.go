package release

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
)

const (
	// magicSSHSIG begins a signature blob of OpenSSH's PROTOCOL.sshsig, and the
	// bytes that are signed.
	magicSSHSIG = "SSHSIG"
	// namespaceSSH is the one that ssh-keygen(1) names for signing files.
	namespaceSSH = "file"
	// hashSSH is what ssh-keygen takes if it is told nothing.
	hashSSH = "sha512"
	// algorithmRSASSH is the one RSA signature of SSHSIG that is taken: RSASSA-PKCS1-v1_5
	// with SHA-512 (RFC 8332).
	algorithmRSASSH = "rsa-sha2-512"
	// flagUserPresent says that somebody touched the security key (WebAuthn, section 6.1).
	flagUserPresent = 0x01
)

// signatureSSH is an SSHSIG blob in its parts.
type signatureSSH struct {
	public    []byte // the public key blob
	namespace string
	reserved  []byte
	hash      string
	inner     []byte
}

// parseSignatureSSH reads an SSHSIG blob (OpenSSH's PROTOCOL.sshsig) without
// armour: version 1, and nothing behind. It judges none of its fields.
func parseSignatureSSH(sig []byte) (signatureSSH, bool) {
	rest, found := bytes.CutPrefix(sig, []byte(magicSSHSIG))
	if !found || len(rest) < 4 || binary.BigEndian.Uint32(rest) != 1 {
		return signatureSSH{}, false
	}
	blob := blobSSH{rest: rest[4:]}
	parsed := signatureSSH{public: blob.field(), namespace: string(blob.field()), reserved: blob.field(), hash: string(blob.field()), inner: blob.field()}
	return parsed, !blob.broken && len(blob.rest) == 0
}

// KeyOfSignatureSSH returns the key that an SSHSIG blob says it is by. Whether
// it is, Verify says.
func KeyOfSignatureSSH(sig []byte) (Key, error) {
	parsed, ok := parseSignatureSSH(sig)
	if !ok {
		return Key{}, Refuse(CodeSignatureInvalid, "", fmt.Sprintf("%d bytes", len(sig)), "an SSHSIG blob of version 1")
	}
	return ParseKey(FormatSSH, parsed.public)
}

// verifySSH verifies an SSHSIG blob over message: by this very key, in namespace
// file, with SHA-512, and an inner signature in its one form. Of a security key
// user presence is asked for; its counter and its other flags say nothing here.
func verifySSH(k Key, message, sig []byte) error {
	public, err := parsePublicSSH(k.Public)
	if err != nil {
		return err
	}
	parsed, ok := parseSignatureSSH(sig)
	switch {
	case !ok:
		return k.refuseSignature(fmt.Sprintf("%d bytes that are no SSHSIG blob of version 1", len(sig)))
	case !bytes.Equal(parsed.public, k.Public):
		return k.refuseSignature("one by another key")
	case parsed.namespace != namespaceSSH:
		return k.refuseSignature(fmt.Sprintf("namespace %q, not %q", clipped(parsed.namespace), namespaceSSH))
	case len(parsed.reserved) != 0:
		return k.refuseSignature("a reserved field that is not empty")
	case parsed.hash != hashSSH:
		return k.refuseSignature(fmt.Sprintf("hash %q, not %q", clipped(parsed.hash), hashSSH))
	}
	sum := sha512.Sum512(message)
	signed := []byte(magicSSHSIG)
	for _, field := range [][]byte{[]byte(namespaceSSH), nil, []byte(hashSSH), sum[:]} {
		signed = binary.BigEndian.AppendUint32(signed, uint32(len(field)))
		signed = append(signed, field...)
	}
	if got := public.verifyInner(signed, parsed.inner); got != "" {
		return k.refuseSignature(got)
	}
	return nil
}

// clipped bounds text of a signature for a message.
func clipped(text string) string { return text[:min(len(text), 40)] }

// verifyInner verifies the signature inside an SSHSIG blob over the bytes that
// it signs; it returns what is wrong with it, or nothing.
func (p publicKeySSH) verifyInner(signed, inner []byte) string {
	const malformed = "an inner signature with other fields than its key's type has"
	algorithm := p.keyType
	if algorithm == typeRSASSH {
		algorithm = algorithmRSASSH
	}
	blob := blobSSH{rest: inner}
	if got := string(blob.field()); got != algorithm && !blob.broken {
		return fmt.Sprintf("algorithm %q, not %q", clipped(got), algorithm)
	}
	sig := blob.field()
	if p.application != "" {
		// OpenSSH's PROTOCOL.u2f: flags and counter stand behind the signature.
		if blob.broken || len(blob.rest) != 1+4 {
			return malformed
		}
		if blob.rest[0]&flagUserPresent == 0 {
			return "a security key that nobody touched"
		}
		application, message := sha256.Sum256([]byte(p.application)), sha256.Sum256(signed)
		signed = append(append(application[:], blob.rest...), message[:]...)
		blob.rest = nil
	}
	if blob.broken || len(blob.rest) != 0 {
		return malformed
	}
	valid := false
	switch key := p.key.(type) {
	case ed25519.PublicKey:
		valid = len(sig) == ed25519.SignatureSize && ed25519.Verify(key, signed, sig)
	case *ecdsa.PublicKey:
		pair := blobSSH{rest: sig} // RFC 5656, section 3.1.2
		r, s := pair.mpint(), pair.mpint()
		if pair.broken || len(pair.rest) != 0 {
			return malformed
		}
		format := FormatECDSAP256
		if p.keyType == typeECDSAP384SSH {
			format = FormatECDSAP384
		}
		valid = ecdsa.Verify(key, hashForECDSA(format, signed), r, s) // r and s from 1 to the order less 1
	case *rsa.PublicKey:
		sum := sha512.Sum512(signed)
		valid = len(sig) == key.Size() && rsa.VerifyPKCS1v15(key, crypto.SHA512, sum[:], sig) == nil
	}
	if !valid {
		return "one that does not hold"
	}
	return ""
}
