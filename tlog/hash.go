package tlog

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
)

// HashSize is the length of a hash in bytes.
const HashSize = sha256.Size

// MaxSize is the greatest tree size and time stamp that is accepted, 2^63-1.
// No log reaches it, and every number here then fits a signed 64-bit integer,
// which databases and the cosignature specification require.
const MaxSize = 1<<63 - 1

// Hash is a node or a leaf of an RFC 6962 Merkle tree over SHA-256.
type Hash [HashSize]byte

// EmptyRoot is the root of a tree without leaves, SHA-256 of the empty string
// (RFC 6962, section 2.1).
var EmptyRoot = Hash(sha256.Sum256(nil))

// ParseHash decodes the standard base64 of exactly 32 bytes.
func ParseHash(text string) (Hash, error) {
	if len(text) != base64.StdEncoding.EncodedLen(HashSize) {
		return Hash{}, fmt.Errorf("hash %s: got %d characters of base64, want 44, which is 32 bytes", quote(text), len(text))
	}
	raw, err := decodeBase64(text)
	if err != nil {
		return Hash{}, fmt.Errorf("hash %s: %w", quote(text), err)
	}
	if len(raw) != HashSize {
		return Hash{}, fmt.Errorf("hash %s: got %d bytes, want 32", quote(text), len(raw))
	}
	return Hash(raw), nil
}

// String returns the standard base64 of the hash, as checkpoints and proofs
// write it.
func (h Hash) String() string { return base64.StdEncoding.EncodeToString(h[:]) }

// MarshalText returns what String returns.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads what MarshalText writes, as strictly as ParseHash.
func (h *Hash) UnmarshalText(text []byte) error {
	parsed, err := ParseHash(string(text))
	if err != nil {
		return err
	}
	*h = parsed
	return nil
}

// decodeBase64 decodes padded standard base64 and refuses every encoding but
// the canonical one: no line breaks, no loose trailing bits.
func decodeBase64(text string) ([]byte, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("not standard base64: %w", err)
	}
	// The strict decoder skips line breaks and nothing else, so the length tells.
	if base64.StdEncoding.EncodedLen(len(raw)) != len(text) {
		return nil, fmt.Errorf("base64 is not canonical: write it without line breaks")
	}
	return raw, nil
}

// parseDecimal reads an ASCII decimal without sign or leading zeros, at most
// MaxSize.
func parseDecimal(text string) (uint64, error) {
	if text == "" || len(text) > 19 {
		return 0, fmt.Errorf("got %s, want a decimal number of at most 19 digits", quote(text))
	}
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return 0, fmt.Errorf("got %s, want decimal digits only", quote(text))
		}
	}
	if text[0] == '0' && len(text) > 1 {
		return 0, fmt.Errorf("got %s, want no leading zero", quote(text))
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n > MaxSize {
		return 0, fmt.Errorf("got %s, want at most 2^63-1", quote(text))
	}
	return n, nil
}

// quote renders input for an error message, bounded, so that a hostile peer
// cannot fill a log with one line.
func quote(text string) string {
	const limit = 64
	if len(text) > limit {
		return strconv.QuoteToASCII(text[:limit]) + "..."
	}
	return strconv.QuoteToASCII(text)
}
