package release

import (
	"bytes"
	"encoding/hex"
	"fmt"
)

// Digest is a SHA-256 digest. Its text is 64 lowercase hexadecimal digits.
type Digest [32]byte

// KeyID is the SHA-256 of a key's public bytes (Key.ID).
type KeyID = Digest

// ParseDigest reads 64 lowercase hexadecimal digits and nothing else.
func ParseDigest(text string) (Digest, error) {
	var d Digest
	if !isLowerHex(text) || len(text) != 2*len(d) {
		return Digest{}, Refuse(CodeDigest, "", text, "64 lowercase hexadecimal digits")
	}
	hex.Decode(d[:], []byte(text)) // cannot fail: checked above
	return d, nil
}

// String returns 64 lowercase hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// IsZero tells whether every byte is zero: the value of a digest never set.
func (d Digest) IsZero() bool { return d == Digest{} }

// Compare orders digests by their bytes, as their text is ordered.
func (d Digest) Compare(other Digest) int { return bytes.Compare(d[:], other[:]) }

// MarshalText implements encoding.TextMarshaler.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; it is as strict as ParseDigest.
func (d *Digest) UnmarshalText(text []byte) error {
	if len(text) > 1024 {
		return fmt.Errorf("digest of %d characters, want 64", len(text))
	}
	parsed, err := ParseDigest(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

func isLowerHex(text string) bool {
	for i := range len(text) {
		if c := text[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
