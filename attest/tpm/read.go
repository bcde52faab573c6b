package tpm

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/muster-log/muster/attest"
)

// Profile names the rules that Judge applies.
const Profile = attest.ProfileTPM2UKI

// quoted is the number of PCRs that a quote covers: 0 to 15.
const quoted = 16

// The parts of an answer's evidence.
const (
	PartAttest    = "attest"    // TPMS_ATTEST
	PartSignature = "signature" // TPMT_SIGNATURE
	PartAKPublic  = "akPublic"  // TPMT_PUBLIC
	PartPCRs      = "pcrs"      // the values of PCRs 0 to 15, SHA-256 bank: 512 bytes
)

// evidence is a quote and all that explains it.
type evidence struct {
	signed      []byte // the TPMS_ATTEST
	signature   *Signature
	ak          *Public
	endorsement *endorsement // nil: the node has no certificate
	place       attest.NoncePlace
	registers
}

// registers are the PCRs, and the log that explains some of them.
type registers struct {
	pcrs [quoted]attest.Digest
	log  *EventLog
	// logError says why there is no log.
	logError error
}

// Read reads the evidence of an answer: an attest.Reader. It wants exactly the four
// parts, and each of them in its form. The answer's certificates are none, or a leaf
// of the attestation key or of an endorsement key, and all its issuers up to and with
// the root. An event log that cannot be read is a check that fails, and no error
// here, as is a quote that is none.
func Read(answer *attest.Answer) (attest.Evidence, error) {
	if answer.Profile != Profile {
		return nil, fmt.Errorf("got profile %q, want %q", answer.Profile, Profile)
	}
	for _, part := range []string{PartAttest, PartSignature, PartAKPublic, PartPCRs} {
		if _, ok := answer.Evidence[part]; !ok {
			return nil, fmt.Errorf("the evidence has no part %q", part)
		}
	}
	if len(answer.Evidence) != 4 {
		return nil, fmt.Errorf("got %d parts of evidence, want 4: %s, %s, %s, %s", len(answer.Evidence), PartAKPublic, PartAttest, PartPCRs, PartSignature)
	}
	e := &evidence{signed: answer.Evidence[PartAttest], place: answer.Batch}
	var err error
	if e.ak, err = ParsePublic(answer.Evidence[PartAKPublic]); err != nil {
		return nil, err
	}
	if e.signature, err = ParseSignature(answer.Evidence[PartSignature]); err != nil {
		return nil, err
	}
	values := answer.Evidence[PartPCRs]
	if len(values) != quoted*sha256.Size {
		return nil, fmt.Errorf("PCR values: got %d bytes, want %d", len(values), quoted*sha256.Size)
	}
	for i := range e.pcrs {
		copy(e.pcrs[i][:], values[i*sha256.Size:])
	}
	if e.endorsement, err = readEndorsement(answer.Certificates, e.ak.Key); err != nil {
		return nil, err
	}
	e.readLog(answer.EventLog)
	return e, nil
}

func (*evidence) Profile() string  { return Profile }
func (*registers) Profile() string { return Profile }

func (r *registers) readLog(data []byte) {
	if len(data) == 0 {
		r.logError = errors.New("there is no event log")
		return
	}
	r.log, r.logError = ParseEventLog(data)
}

// proved returns the digests that led to a PCR's value, and whether they do.
func (r *registers) proved(pcr int) ([][sha256.Size]byte, bool) {
	if r.log == nil {
		return nil, false
	}
	value, err := r.log.Replay(pcr)
	if err != nil || value != r.pcrs[pcr] {
		return nil, false
	}
	return r.log.Digests(pcr), true
}
