package tpm

import "github.com/muster-log/muster/attest"

// A Stage says how far a boot may have come when its registers are read.
type Stage struct {
	// Phases is how many of the image's phases have run; -1: any number of them,
	// for a program that systemd may start before or after a phase.
	Phases int
	Ledger LedgerStage
}

// A LedgerStage says what PCR 15 may hold.
type LedgerStage int

// The stages of the ledger.
const (
	LedgerEmpty         LedgerStage = iota // zero: no gate has run
	LedgerLocked                           // the locked ledger of the release
	LedgerEmptyOrLocked                    // a gate that starts, for the first time or again
)

func (s LedgerStage) String() string {
	switch s {
	case LedgerEmpty:
		return "zero"
	case LedgerLocked:
		return "the locked ledger of the release"
	}
	return "zero, or the locked ledger of the release"
}

// local is the evidence of whoever reads the registers of its own machine.
type local struct {
	registers
	stage Stage
}

// Registers is an evidence for the node itself: its own TPM's PCRs, of the SHA-256
// bank, read without a quote, and the firmware's event log. Its Judge makes the rows
// of the table alone: nothing is signed, so no key, no certificate and no binding is
// checked, and no assurance given. It is worth nothing to anyone else.
func Registers(pcrs [quoted]attest.Digest, eventLog []byte, stage Stage) attest.Evidence {
	l := &local{registers: registers{pcrs: pcrs}, stage: stage}
	l.readLog(eventLog)
	return l
}

// Judge makes the checks of the table's rows; those of a quote stand as not checked
// and not required.
func (l *local) Judge(reference attest.Reference) attest.Judgement {
	j := &judge{registers: &l.registers, reference: reference}
	j.match()
	for _, code := range []attest.Code{attest.CodeQuoteForm, attest.CodeAKAttributes, attest.CodeEvidenceSignature, attest.CodeEKCertificate, attest.CodeAKBound, attest.CodeEvidenceBinding} {
		j.skip(code, false, "a quote", "this machine's own registers, read without one")
	}
	j.rows(l.stage)
	return j.result
}
