package bundle

import "fmt"

// Parse reads a proof bundle strictly: at most MaxSize bytes, canonical JSON,
// every count, order and length as documented, every checkpoint of the bundle's
// origin. No signature and no proof is checked. The error is an *Error.
//
// There is one encoding: Marshal writes the bytes that were read.
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
	return b, nil
}

// Marshal returns the canonical bytes. It refuses with an *Error what Parse
// would not read back; anchors and entries must stand in their order.
func (b *Bundle) Marshal() ([]byte, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	data := b.encode()
	if len(data) > MaxSize {
		return nil, refuse("", fmt.Sprintf("%d bytes", len(data)), fmt.Sprintf("at most %d", MaxSize))
	}
	return data, nil
}
