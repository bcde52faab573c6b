package attest

import "fmt"

// The paths of the evidence protocol on a node, both for POST.
const (
	EvidencePath = "/.well-known/muster/evidence"
	ActivatePath = "/.well-known/muster/activate"
)

// The greatest sizes of messages and their parts, in bytes. Keys are at most RSA of
// 4096 bits, names and credentials of at most SHA-512.
const (
	MaxRequest  = 4096
	maxIDObject = 256
	maxEncSeed  = 1024
	maxSecret   = 64
)

// Request asks a node for evidence.
type Request struct {
	Nonce      Digest      // fresh, random
	Profile    string      // of the evidence wanted; empty: the node's choice
	Credential *Credential // nil: none to activate
}

// Credential is a secret that only the TPM which holds an endorsement key gives
// back, and only if it holds the attestation key too (TPM2_MakeCredential).
type Credential struct {
	IDObject  []byte // TPM2B_ID_OBJECT with its size, 1 to 256 bytes
	EncSecret []byte // TPM2B_ENCRYPTED_SECRET with its size, 1 to 1024 bytes
}

// ParseRequest reads what Request.Marshal writes, and nothing else.
func ParseRequest(data []byte) (*Request, error) {
	root, err := readObject("evidence request", data, MaxRequest)
	if err != nil {
		return nil, err
	}
	r, err := readRequest(root)
	if err != nil {
		return nil, fmt.Errorf("evidence request: %w", err)
	}
	return r, nil
}

// Marshal returns the canonical JSON of a request.
func (r *Request) Marshal() ([]byte, error) {
	out := []byte{'{'}
	if c := r.Credential; c != nil {
		if len(c.IDObject) == 0 || len(c.IDObject) > maxIDObject || len(c.EncSecret) == 0 || len(c.EncSecret) > maxEncSeed {
			return nil, fmt.Errorf("evidence request: got a credential of %d and %d bytes, want 1 to %d and 1 to %d", len(c.IDObject), len(c.EncSecret), maxIDObject, maxEncSeed)
		}
		out = append(appendName(out, "credential"), '{')
		out = appendBytes(out, "encSecret", c.EncSecret)
		out = append(appendBytes(out, "idObject", c.IDObject), '}')
	}
	out = appendBytes(out, "nonce", r.Nonce[:])
	if r.Profile != "" {
		if !isName(r.Profile, MaxProfile) {
			return nil, fmt.Errorf("evidence request: got profile %q, want a name of 1 to %d characters", r.Profile, MaxProfile)
		}
		out = append(appendName(out, "profile"), '"')
		out = append(append(out, r.Profile...), '"')
	}
	return append(out, '}'), nil
}
