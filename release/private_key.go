package release

// PrivateKey signs payloads. Formats: Ed25519, ECDSA P-256 and P-384, RSA-PSS.
type PrivateKey struct {
	key Key
}

// GenerateKey makes a new key (RSA: 3072 bits).
func GenerateKey(format KeyFormat) (*PrivateKey, error) { return nil, nil }

// ParsePrivateKey reads exactly one unencrypted PKCS#8 PEM block PRIVATE KEY.
func ParsePrivateKey(pem []byte) (*PrivateKey, error) { return nil, nil }

// MarshalPEM returns the key as a PKCS#8 PEM block: a secret.
func (k *PrivateKey) MarshalPEM() ([]byte, error) { return nil, nil }

// Key returns the public half.
func (k *PrivateKey) Key() Key { return k.key }

// Sign signs PAE(payload).
func (k *PrivateKey) Sign(payload []byte) (Signature, error) { return Signature{}, nil }
