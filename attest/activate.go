package attest

import "fmt"

// MaxActivate is the greatest size of an answer to an activate request, in bytes.
const MaxActivate = (MaxCertificate+maxPublic)/3*4 + 128

// maxPublic bounds a TPMT_PUBLIC, in bytes.
const maxPublic = 1024

// Activate is what a client needs to make a credential for a node: the answer to a
// request whose body is {}.
type Activate struct {
	AKPublic      []byte // TPMT_PUBLIC of the attestation key, 1 to 1024 bytes
	EKCertificate []byte // DER
}

// ParseActivateRequest accepts the two bytes {} and nothing else.
func ParseActivateRequest(data []byte) error {
	if string(data) != "{}" {
		return fmt.Errorf("activate request: got %d bytes, want {}", len(data))
	}
	return nil
}

// ParseActivate reads what Activate.Marshal writes, and nothing else.
func ParseActivate(data []byte) (*Activate, error) {
	root, err := readObject("activate answer", data, MaxActivate)
	if err != nil {
		return nil, err
	}
	if err := members(root, []string{"akPublic", "ekCertificate"}, nil); err != nil {
		return nil, fmt.Errorf("activate answer: %w", err)
	}
	a := &Activate{}
	if a.AKPublic, err = readBytes(root.Member("akPublic"), 1, maxPublic); err != nil {
		return nil, fmt.Errorf("activate answer: %w", err)
	}
	if a.EKCertificate, err = readBytes(root.Member("ekCertificate"), 1, MaxCertificate); err != nil {
		return nil, fmt.Errorf("activate answer: %w", err)
	}
	return a, nil
}

// Marshal returns the canonical JSON of the answer.
func (a *Activate) Marshal() ([]byte, error) {
	out := appendBytes([]byte{'{'}, "akPublic", a.AKPublic)
	out = append(appendBytes(out, "ekCertificate", a.EKCertificate), '}')
	if _, err := ParseActivate(out); err != nil {
		return nil, err
	}
	return out, nil
}
