package tpm

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"

	"github.com/muster-log/muster/attest"
)

// MaxPublic is the longest TPMT_PUBLIC that is read, in bytes: the longest that is
// accepted, RSA of 4096 bits, has fewer than 600.
const MaxPublic = 1024

// The algorithms and curves of TPM 2.0 Library, part 2, that are accepted.
const (
	algRSA    = 0x0001
	algSHA384 = 0x000c
	algSHA512 = 0x000d
	algNull   = 0x0010
	algRSASSA = 0x0014
	algRSAPSS = 0x0016
	algECDSA  = 0x0018
	algECC    = 0x0023

	curveP256 = 0x0003
	curveP384 = 0x0004
)

// The attributes of TPMA_OBJECT.
const (
	attributeFixedTPM            = 1 << 1
	attributeFixedParent         = 1 << 4
	attributeSensitiveDataOrigin = 1 << 5
	attributeUserWithAuth        = 1 << 6
	attributeAdminWithPolicy     = 1 << 7
	attributeNoDA                = 1 << 10
	attributeRestricted          = 1 << 16
	attributeSign                = 1 << 18

	// attributesAK must all stand: a key that was made in its TPM, cannot leave it,
	// and signs nothing that looks like a quote and is none.
	attributesAK = attributeFixedTPM | attributeFixedParent | attributeSensitiveDataOrigin | attributeRestricted | attributeSign
	// attributesFree say only who on the node may use the key, not what it can sign.
	attributesFree = attributeUserWithAuth | attributeAdminWithPolicy | attributeNoDA
)

var hashes = map[uint16]crypto.Hash{algSHA256: crypto.SHA256, algSHA384: crypto.SHA384, algSHA512: crypto.SHA512}

// A Public is the public area of an attestation key: a TPMT_PUBLIC.
type Public struct {
	// Key is an *ecdsa.PublicKey on P-256 or P-384, or an *rsa.PublicKey of 2048 to
	// 4096 bits.
	Key crypto.PublicKey
	// Name is the key's TPM name: the algorithm, SHA-256, and the digest of the area.
	Name []byte
	// Attributes is its TPMA_OBJECT.
	Attributes uint32

	scheme uint16
	hash   uint16
}

// ParsePublic reads a TPMT_PUBLIC (TPM 2.0 Library, part 2, 12.2.4) of a key that
// signs: nameAlg SHA-256, no symmetric algorithm, a signing scheme with its hash, a
// point on its curve or a modulus of a whole number of bytes, and no byte left over.
// What the attributes must be, CheckAttributes says.
func ParsePublic(data []byte) (*Public, error) {
	if len(data) > MaxPublic {
		return nil, fmt.Errorf("public area: got %d bytes, want at most %d", len(data), MaxPublic)
	}
	s := &structure{reader{rest: data}}
	kind, nameAlg, attributes := s.uint16(), s.uint16(), s.uint32()
	s.sized() // the policy of whoever uses the key
	symmetric := s.uint16()
	p := &Public{Attributes: attributes, scheme: s.uint16(), hash: s.uint16()}
	if s.short {
		return nil, fmt.Errorf("public area: %w", errShort)
	}
	if nameAlg != algSHA256 {
		return nil, fmt.Errorf("public area: got name algorithm %#x, want %#x, SHA-256", nameAlg, algSHA256)
	}
	if symmetric != algNull {
		return nil, fmt.Errorf("public area: got symmetric algorithm %#x, want none: a key that signs", symmetric)
	}
	if _, ok := hashes[p.hash]; !ok {
		return nil, fmt.Errorf("public area: got hash %#x, want SHA-256, SHA-384 or SHA-512", p.hash)
	}
	var err error
	switch kind {
	case algECC:
		p.Key, err = p.readECC(s)
	case algRSA:
		p.Key, err = p.readRSA(s)
	default:
		err = fmt.Errorf("got key type %#x, want ECC or RSA", kind)
	}
	if err == nil && s.short {
		err = errShort
	}
	if err == nil && len(s.rest) > 0 {
		err = errors.New("bytes left over")
	}
	if err != nil {
		return nil, fmt.Errorf("public area: %w", err)
	}
	name := sha256.Sum256(data)
	p.Name = append(binary.BigEndian.AppendUint16(nil, algSHA256), name[:]...)
	return p, nil
}

func (p *Public) readECC(s *structure) (crypto.PublicKey, error) {
	curveID, derivation := s.uint16(), s.uint16()
	x, y := s.sized(), s.sized()
	if s.short {
		return nil, errShort
	}
	if p.scheme != algECDSA || derivation != algNull {
		return nil, fmt.Errorf("got scheme %#x, key derivation %#x, want ECDSA, none", p.scheme, derivation)
	}
	var curve elliptic.Curve
	switch curveID {
	case curveP256:
		curve = elliptic.P256()
	case curveP384:
		curve = elliptic.P384()
	default:
		return nil, fmt.Errorf("got curve %#x, want P-256 or P-384", curveID)
	}
	size := curve.Params().BitSize / 8
	if len(x) > size || len(y) > size {
		return nil, fmt.Errorf("got a point of %d and %d bytes, want at most %d each", len(x), len(y), size)
	}
	// Some TPMs leave out leading zeros.
	point := make([]byte, 1+2*size)
	point[0] = 4
	copy(point[1+size-len(x):], x)
	copy(point[1+2*size-len(y):], y)
	return ecdsa.ParseUncompressedPublicKey(curve, point)
}

func (p *Public) readRSA(s *structure) (crypto.PublicKey, error) {
	bits, exponent := s.uint16(), s.uint32()
	modulus := s.sized()
	if s.short {
		return nil, errShort
	}
	if p.scheme != algRSASSA && p.scheme != algRSAPSS {
		return nil, fmt.Errorf("got scheme %#x, want RSASSA or RSAPSS", p.scheme)
	}
	if bits < 2048 || bits > 4096 || bits%8 != 0 {
		return nil, fmt.Errorf("got an RSA key of %d bits, want 2048 to 4096", bits)
	}
	if exponent != 0 && exponent != 65537 {
		return nil, fmt.Errorf("got RSA exponent %d, want 0, which stands for 65537, or 65537", exponent)
	}
	key := &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: 65537}
	if key.N.BitLen() != int(bits) || len(modulus) != int(bits)/8 {
		return nil, fmt.Errorf("got an RSA modulus of %d bits in %d bytes, want %d bits", key.N.BitLen(), len(modulus), bits)
	}
	return key, nil
}

// CheckAttributes says what keeps the key from being an attestation key: exactly
// fixedTPM, fixedParent, sensitiveDataOrigin, restricted and sign must be set.
// userWithAuth, adminWithPolicy and noDA may be: they say who on the node may use
// the key, not where it is or what it signs.
func (p *Public) CheckAttributes() error {
	if missing := attributesAK &^ p.Attributes; missing != 0 {
		return fmt.Errorf("got attributes %#08x, which lack %#08x", p.Attributes, missing)
	}
	if surplus := p.Attributes &^ (attributesAK | attributesFree); surplus != 0 {
		return fmt.Errorf("got attributes %#08x, of which %#08x must be clear", p.Attributes, surplus)
	}
	return nil
}

// AKName returns the TPM name of a TPMT_PUBLIC that ParsePublic reads.
func AKName(public []byte) ([]byte, error) {
	p, err := ParsePublic(public)
	if err != nil {
		return nil, err
	}
	return p.Name, nil
}

// digest hashes with the hash of the key's scheme.
func (p *Public) digest(data []byte) []byte {
	h := hashes[p.hash].New()
	h.Write(data)
	return h.Sum(nil)
}

// pcrDigest is the digest that a quote by this key holds of the values.
func (p *Public) pcrDigest(pcrs [quoted]attest.Digest) []byte {
	h := hashes[p.hash].New()
	for _, value := range pcrs {
		h.Write(value[:])
	}
	return h.Sum(nil)
}
