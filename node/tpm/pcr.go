package tpm

import (
	"fmt"

	"github.com/google/go-tpm/tpm2"

	"github.com/muster-log/muster/attest"
)

const (
	registers      = 16 // that evidence shows
	ledgerRegister = 15
)

// PCRs reads PCRs 0 to 15 of the SHA-256 bank, in two commands: what changes between
// them is the caller's to notice.
func (t *TPM) PCRs() ([registers]attest.Digest, error) {
	var values [registers]attest.Digest
	for half := range 2 {
		mask := make([]byte, 3)
		mask[half] = 0xff
		read, err := tpm2.PCRRead{PCRSelectionIn: selection(mask)}.Execute(t)
		if err != nil {
			return values, explain("TPM2_PCR_Read", err)
		}
		if len(read.PCRValues.Digests) != 8 {
			return values, fmt.Errorf("TPM2_PCR_Read: got %d values of the SHA-256 bank, want 8: is the bank active?", len(read.PCRValues.Digests))
		}
		for i, value := range read.PCRValues.Digests {
			if len(value.Buffer) != len(values[0]) {
				return values, fmt.Errorf("TPM2_PCR_Read: got a value of %d bytes, want %d", len(value.Buffer), len(values[0]))
			}
			copy(values[8*half+i][:], value.Buffer)
		}
	}
	return values, nil
}

// ExtendLedger extends PCR 15 by an event of the ledger, in the SHA-256 bank alone:
// other banks, which no evidence shows, stay as they are.
func (t *TPM) ExtendLedger(event attest.LedgerEvent) error {
	digest := event.SHA256()
	_, err := tpm2.PCRExtend{
		PCRHandle: tpm2.AuthHandle{Handle: tpm2.TPMHandle(ledgerRegister), Auth: tpm2.PasswordAuth(nil)},
		Digests:   tpm2.TPMLDigestValues{Digests: []tpm2.TPMTHA{{HashAlg: tpm2.TPMAlgSHA256, Digest: digest[:]}}},
	}.Execute(t)
	return explain("TPM2_PCR_Extend", err)
}

func selection(mask []byte) tpm2.TPMLPCRSelection {
	return tpm2.TPMLPCRSelection{PCRSelections: []tpm2.TPMSPCRSelection{{Hash: tpm2.TPMAlgSHA256, PCRSelect: mask}}}
}
