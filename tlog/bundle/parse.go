package bundle

import (
	"bytes"
	"fmt"
)

// Parse reads a proof bundle strictly: at most MaxSize bytes, canonical JSON,
// every count, order and length as documented, every checkpoint of the bundle's
// origin. No signature and no proof is checked. The error is an *Error.
func Parse(data []byte) (*Bundle, error) {
	if len(data) > MaxSize {
		return nil, refuse("", fmt.Sprintf("%d bytes", len(data)), fmt.Sprintf("at most %d", MaxSize))
	}
	b, err := decode(data)
	if err != nil {
		return nil, err
	}
	if err := b.check(); err != nil {
		return nil, err
	}
	// One encoding: whatever the decoder was lenient about shows here.
	canonical, err := b.encode()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(canonical, data) {
		return nil, refuse("", fmt.Sprintf("other bytes from byte %d on", differ(canonical, data)), "canonical JSON (RFC 8785) and nothing after it")
	}
	return b, nil
}

// Marshal returns the canonical bytes. It refuses with an *Error what Parse
// would not read back; anchors and entries must stand in their order.
func (b *Bundle) Marshal() ([]byte, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	data, err := b.encode()
	if err != nil {
		return nil, err
	}
	if len(data) > MaxSize {
		return nil, refuse("", fmt.Sprintf("%d bytes", len(data)), fmt.Sprintf("at most %d", MaxSize))
	}
	return data, nil
}

// differ returns where two texts part.
func differ(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}
