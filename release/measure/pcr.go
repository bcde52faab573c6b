package measure

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"unicode/utf16"

	"github.com/muster-log/muster/release"
)

// PCR11 predicts PCR 11 of the SHA-256 bank: the stub extends it by each
// section's name (with its NUL) and content, and systemd-pcrphase by each phase
// that is reached. It is zero when the stub starts.
//
// Spec: systemd-stub(7), systemd-measure(1), systemd-pcrphase.service(8).
func PCR11(sections []release.Section, phases []string) release.Digest {
	var pcr release.Digest
	for _, section := range sections {
		pcr = Extend(pcr, sha256.Sum256([]byte(section.Name+"\x00")))
		pcr = Extend(pcr, section.Digest)
	}
	for _, phase := range phases {
		pcr = Extend(pcr, sha256.Sum256([]byte(phase)))
	}
	return pcr
}

// PCR9Events returns the digests of the events that Linux's EFI stub extends
// PCR 9 by, in the order of the names (release.PCR9Cmdline, release.PCR9Initrd):
// the command line as UTF-16LE with its NUL, and the initrd.
func PCR9Events(order []string, cmdline string, initrd release.Digest) ([]release.Digest, error) {
	var events []release.Digest
	for _, name := range order {
		switch name {
		case release.PCR9Cmdline:
			var text []byte
			for _, unit := range utf16.Encode([]rune(cmdline + "\x00")) {
				text = binary.LittleEndian.AppendUint16(text, unit)
			}
			events = append(events, sha256.Sum256(text))
		case release.PCR9Initrd:
			events = append(events, initrd)
		default:
			return nil, fmt.Errorf("event %q of PCR 9: want %s or %s", name, release.PCR9Cmdline, release.PCR9Initrd)
		}
	}
	return events, nil
}

// Extend returns what a register of the SHA-256 bank holds after TPM2_PCR_Extend
// by a digest.
func Extend(pcr, digest release.Digest) release.Digest {
	return sha256.Sum256(append(pcr[:], digest[:]...))
}
