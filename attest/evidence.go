package attest

import "time"

// Evidence is an evidence that has been read, of any profile.
type Evidence interface {
	// Profile names its rules, such as tpm2-uki/v1.
	Profile() string
	// Judge makes all checks, in a fixed order, and does not stop at the first that
	// fails. It depends on its arguments alone.
	Judge(Reference) Judgement
}

// Reader reads the evidence of an answer, of one profile. Its error is the check
// CodeEvidenceForm.
type Reader func(*Answer) (Evidence, error)

// Judgement is what an evidence shows. Only Checks decide; the rest is to be
// believed only where all of them pass.
type Judgement struct {
	Checks     []Check
	Machine    Machine
	Assurance  Assurance
	NotCovered []NotCovered
	// Deadline is the earliest end of a certificate that was relied on; zero: none.
	Deadline time.Time
}

// Passes reports whether there are checks and none is decisive.
func (j Judgement) Passes() bool {
	for _, check := range j.Checks {
		if check.Decisive() {
			return false
		}
	}
	return len(j.Checks) > 0
}

// Machine is which machine gave the evidence, and which boot of it.
type Machine struct {
	AKName        []byte // TPM name of the attestation key; empty without a TPM
	EKCertificate Digest // SHA-256 of the DER certificate; zero: none was relied on
	ChipID        []byte // of an SNP or TDX platform; empty: none
	// ResetCount and RestartCount count starts of the TPM; a client that kept a
	// verdict takes another count for another node.
	ResetCount, RestartCount uint32
}

// NotCovered is a register that the evidence shows and that nothing judges.
type NotCovered struct {
	Register string // such as PCR 10
	Value    []byte
	Why      string
}
