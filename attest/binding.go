package attest

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
)

// bindingDomain begins every binding, before a zero byte.
const bindingDomain = "muster-evidence/v1"

// MaxProfile bounds the name of a profile, in bytes: the longest is 16.
const MaxProfile = 64

// Binding is what an evidence says about its moment and its connection. The
// hardware signs a hash of it.
type Binding struct {
	Profile string // of the evidence, 1 to MaxProfile bytes
	Nonce   Digest // root of the tree of nonces
	SPKI    Digest // SHA-256 of the SubjectPublicKeyInfo (DER) of the node's TLS key
	Ledger  []byte // value of the ledger's register: 32 bytes (SHA-256) or 48 (SHA-384)
}

// Bytes returns
//
//	"muster-evidence/v1" 0x00 | u16 length | profile | nonce (32) | SPKI (32) | ledger value
//
// where the length is that of the profile in bytes, most significant byte first.
func (b Binding) Bytes() ([]byte, error) {
	if len(b.Profile) == 0 || len(b.Profile) > MaxProfile {
		return nil, fmt.Errorf("binding: got a profile of %d bytes, want 1 to %d", len(b.Profile), MaxProfile)
	}
	if len(b.Ledger) != sha256.Size && len(b.Ledger) != sha512.Size384 {
		return nil, fmt.Errorf("binding: got a ledger value of %d bytes, want %d or %d", len(b.Ledger), sha256.Size, sha512.Size384)
	}
	out := append([]byte(bindingDomain), 0)
	out = binary.BigEndian.AppendUint16(out, uint16(len(b.Profile)))
	out = append(out, b.Profile...)
	out = append(out, b.Nonce[:]...)
	out = append(out, b.SPKI[:]...)
	return append(out, b.Ledger...), nil
}

// SHA256 returns what extraData of a TPM's quote must be.
func (b Binding) SHA256() (Digest, error) {
	text, err := b.Bytes()
	if err != nil {
		return Digest{}, err
	}
	return sha256.Sum256(text), nil
}

// SHA512 returns what REPORT_DATA of an SNP report or a TDX quote must be.
func (b Binding) SHA512() ([sha512.Size]byte, error) {
	text, err := b.Bytes()
	if err != nil {
		return [sha512.Size]byte{}, err
	}
	return sha512.Sum512(text), nil
}
