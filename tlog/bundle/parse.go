package bundle

// Parse reads a proof bundle strictly: at most MaxSize bytes, canonical JSON,
// every count, order and length as documented, every checkpoint of the bundle's
// origin. No signature and no proof is checked. The error is an *Error.
func Parse(data []byte) (*Bundle, error) { return nil, &Error{Want: "a proof bundle"} }

// Marshal returns the canonical bytes. It refuses with an *Error what Parse
// would not read back; anchors and entries must stand in their order.
func (b *Bundle) Marshal() ([]byte, error) { return nil, &Error{Want: "a proof bundle"} }
