package attest

import "crypto/sha256"

// Section is a PE section of a unified kernel image.
type Section struct {
	Name   string // with its dot, such as .linux
	Digest Digest // SHA-256 of its content as the stub measures it
}

// PCR11 predicts PCR 11 of the SHA-256 bank: the stub extends it by each
// section's name (with its NUL) and content, and systemd-pcrphase by each phase
// that is reached. It is zero when the stub starts.
//
// Spec: systemd-stub(7), systemd-measure(1), systemd-pcrphase.service(8).
func PCR11(sections []Section, phases []string) Digest {
	var pcr Digest
	for _, section := range sections {
		pcr = Extend(pcr, sha256.Sum256([]byte(section.Name+"\x00")))
		pcr = Extend(pcr, section.Digest)
	}
	for _, phase := range phases {
		pcr = Extend(pcr, sha256.Sum256([]byte(phase)))
	}
	return pcr
}

// Extend returns what a register of the SHA-256 bank holds after TPM2_PCR_Extend
// by a digest.
func Extend(pcr, digest Digest) Digest {
	return sha256.Sum256(append(pcr[:], digest[:]...))
}
