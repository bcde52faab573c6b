package attest

import (
	"crypto/sha256"
	"encoding/hex"
)

// Digest is a SHA-256 digest, or a value of 32 bytes that stands where one could.
type Digest [sha256.Size]byte

// String returns 64 lowercase hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// DigestOf returns SHA-256 of data.
func DigestOf(data []byte) Digest { return sha256.Sum256(data) }
