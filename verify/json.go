package verify

import "fmt"

// ParseRequirements reads a requirements file: at most MaxRequirements bytes of
// canonical JSON, which a line feed may follow.
func ParseRequirements(data []byte) (*Requirements, error) {
	return nil, fmt.Errorf("requirements: want canonical JSON")
}

// Marshal returns the canonical bytes. It refuses what ParseRequirements would
// not read back; it sorts what is a set.
func (r *Requirements) Marshal() ([]byte, error) {
	return nil, fmt.Errorf("requirements: want canonical JSON")
}

// MarshalJSON returns the verdict's canonical bytes (docs/formats/verdict.md).
func (v *Verdict) MarshalJSON() ([]byte, error) { return nil, fmt.Errorf("verdict: no JSON") }
