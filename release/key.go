package release

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

// Key is a public key.
type Key struct {
	Format KeyFormat
	Public []byte // the very bytes that ID hashes
}

// ParseKey makes a key of its format and public bytes, and checks it.
func ParseKey(format KeyFormat, public []byte) (Key, error) { return Key{}, nil }

// Check applies the rules of the key's format: one encoding, no weak key.
func (k Key) Check() error { return nil }

// ID returns the SHA-256 of the public bytes.
func (k Key) ID() KeyID { return KeyID{} }

// SPKI returns the SHA-256 of the DER SubjectPublicKeyInfo of the same key in
// whatever format: two keys with one SPKI count once.
func (k Key) SPKI() (Digest, error) { return Digest{}, nil }

// Verify checks a signature over PAE(payload). For a format without a verifier
// here the refusal is CodeCannotJudge. The key itself is taken as checked.
func (k Key) Verify(payload, sig []byte) error { return nil }

// MarshalPEM returns the key as a PEM block PUBLIC KEY; it refuses a key that
// is not a SubjectPublicKeyInfo.
func (k Key) MarshalPEM() ([]byte, error) { return nil, nil }

// ParsePublicKeyPEM reads exactly one PEM block PUBLIC KEY and finds its format.
func ParsePublicKeyPEM(data []byte) (Key, error) { return Key{}, nil }
