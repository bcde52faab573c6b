package release

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"math/big"
)

// maxApplicationSSH bounds the application of a security key's blob, in bytes.
const maxApplicationSSH = 255

// curvesSSH are the curves of ECDSA keys by their names in SSH (RFC 5656).
var curvesSSH = map[string]elliptic.Curve{"nistp256": elliptic.P256(), "nistp384": elliptic.P384()}

// The types of SSH keys that have fields of their own in signatures.
const (
	typeEd25519SSH   = "ssh-ed25519"
	typeRSASSH       = "ssh-rsa"
	typeEd25519SK    = "sk-ssh-ed25519@openssh.com"
	typeECDSASK      = "sk-ecdsa-sha2-nistp256@openssh.com"
	prefixECDSASSH   = "ecdsa-sha2-"
	typeECDSAP256SSH = prefixECDSASSH + "nistp256"
	typeECDSAP384SSH = prefixECDSASSH + "nistp384"
)

// publicKeySSH is an SSH public key in its parts.
type publicKeySSH struct {
	keyType     string
	key         any    // ed25519.PublicKey, *ecdsa.PublicKey or *rsa.PublicKey
	spki        []byte // the DER SubjectPublicKeyInfo of key
	application string // of a security key: what its signatures cover
}

// parsePublicSSH reads the public key blob of an SSH key and checks the key in
// it. Blobs: RFC 4253 section 6.6 (ssh-rsa), RFC 5656 section 3.1 (ecdsa-sha2-),
// RFC 8709 section 4 (ssh-ed25519), OpenSSH's PROTOCOL.u2f (sk-: the inner key
// counts, whatever the application). Certificates, DSA and P-521 are refused.
func parsePublicSSH(public []byte) (publicKeySSH, error) {
	blob := blobSSH{rest: public}
	parsed := publicKeySSH{keyType: string(blob.field())}
	var err error
	switch parsed.keyType {
	case typeEd25519SSH:
		parsed.key, err = blob.ed25519()
	case typeEd25519SK:
		parsed.key, err = blob.ed25519()
		parsed.application = blob.application()
	case typeECDSAP256SSH, typeECDSAP384SSH:
		parsed.key, err = blob.ecdsa(parsed.keyType[len(prefixECDSASSH):])
	case typeECDSASK:
		parsed.key, err = blob.ecdsa("nistp256")
		parsed.application = blob.application()
	case typeRSASSH:
		parsed.key, err = blob.rsa()
	default:
		return publicKeySSH{}, Refuse(CodeKey, "", parsed.keyType, "an SSH key blob of type ssh-ed25519, ecdsa-sha2-nistp256, ecdsa-sha2-nistp384, ssh-rsa, sk-ssh-ed25519@openssh.com or sk-ecdsa-sha2-nistp256@openssh.com")
	}
	if blob.broken || len(blob.rest) != 0 {
		return publicKeySSH{}, Refuse(CodeKey, "", parsed.keyType, "an SSH key blob with exactly the fields of its type")
	}
	if err != nil {
		return publicKeySSH{}, err
	}
	if parsed.spki, err = x509.MarshalPKIXPublicKey(parsed.key); err != nil {
		return publicKeySSH{}, fmt.Errorf("SubjectPublicKeyInfo of an SSH key: %w", err)
	}
	return parsed, nil
}

// blobSSH reads the fields of an SSH wire encoding (RFC 4251, section 5) one
// after the other.
type blobSSH struct {
	rest   []byte
	broken bool // a field was missing, too long or not in its one form
}

// field reads a string: its length in four bytes, then its bytes.
func (b *blobSSH) field() []byte {
	if b.broken || len(b.rest) < 4 {
		b.broken = true
		return nil
	}
	n := binary.BigEndian.Uint32(b.rest)
	if uint64(n) > uint64(len(b.rest)-4) {
		b.broken = true
		return nil
	}
	field := b.rest[4 : 4+n]
	b.rest = b.rest[4+n:]
	return field
}

// mpint reads an integer above 0 in its shortest form.
func (b *blobSSH) mpint() *big.Int {
	field := b.field()
	switch {
	case len(field) == 0, field[0] >= 0x80: // zero, negative
		b.broken = true
	case field[0] == 0 && (len(field) == 1 || field[1] < 0x80): // a leading zero that the sign does not need
		b.broken = true
	case len(field) > maxBitsRSA/8+1:
		b.broken = true
	}
	if b.broken {
		return nil
	}
	return new(big.Int).SetBytes(field)
}

// application reads the application of a security key, which its signatures cover.
func (b *blobSSH) application() string {
	field := b.field()
	if len(field) == 0 || len(field) > maxApplicationSSH {
		b.broken = true
	}
	for _, c := range field {
		if c < 0x21 || c > 0x7e {
			b.broken = true
		}
	}
	return string(field)
}

func (b *blobSSH) ed25519() (any, error) {
	public := b.field()
	if b.broken {
		return nil, nil
	}
	if err := checkEd25519(public); err != nil {
		return nil, err
	}
	return ed25519.PublicKey(public), nil
}

func (b *blobSSH) ecdsa(curve string) (any, error) {
	if string(b.field()) != curve {
		b.broken = true
	}
	point := b.field()
	if b.broken {
		return nil, nil
	}
	key, err := ecdsa.ParseUncompressedPublicKey(curvesSSH[curve], point)
	if err != nil {
		return nil, Refuse(CodeKey, "", "", "an uncompressed point of the curve "+curve)
	}
	return key, nil
}

func (b *blobSSH) rsa() (any, error) {
	exponent, modulus := b.mpint(), b.mpint()
	if b.broken {
		return nil, nil
	}
	if !exponent.IsInt64() || exponent.Int64() > maxExponentRSA {
		return nil, Refuse(CodeKeyWeak, "", "an RSA key with a greater public exponent", "a public exponent of at most 2^31-1")
	}
	key := &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}
	if err := checkRSA(key); err != nil {
		return nil, err
	}
	return key, nil
}
