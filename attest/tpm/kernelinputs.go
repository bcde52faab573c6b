package tpm

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"unicode/utf16"

	"github.com/muster-log/muster/attest"
)

// kernelInputs computes PCR 9 after the events that the image states: the kernel's
// EFI stub measures the command line as UTF-16LE with its NUL, and the initrd.
func kernelInputs(os *attest.TPM2UKI) (attest.Digest, error) {
	var pcr attest.Digest
	if len(os.PCR9) != 2 || os.PCR9[0] == os.PCR9[1] {
		return pcr, fmt.Errorf("got events %q, want %s and %s, each once", os.PCR9, attest.PCR9Cmdline, attest.PCR9Initrd)
	}
	for _, event := range os.PCR9 {
		switch event {
		case attest.PCR9Cmdline:
			pcr = attest.Extend(pcr, cmdlineEvent(os.Cmdline))
		case attest.PCR9Initrd:
			pcr = attest.Extend(pcr, os.Initrd)
		default:
			return pcr, fmt.Errorf("got event %q, want %s or %s", event, attest.PCR9Cmdline, attest.PCR9Initrd)
		}
	}
	return pcr, nil
}

func cmdlineEvent(cmdline string) attest.Digest {
	var data []byte
	for _, unit := range utf16.Encode([]rune(cmdline + "\x00")) {
		data = binary.LittleEndian.AppendUint16(data, unit)
	}
	return sha256.Sum256(data)
}
