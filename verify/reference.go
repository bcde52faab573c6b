package verify

import (
	"crypto/sha256"

	"github.com/muster-log/muster/attest"
)

// Epoch is the nonce of evidence that is fresh by a checkpoint: SHA-256 of its note,
// cosignatures included, as it stands in the bundle.
func Epoch(checkpoint string) attest.Digest { return sha256.Sum256([]byte(checkpoint)) }

// imageReference is an image as evidence sees it.
func imageReference(e *entry) attest.Image {
	image := e.image()
	reference := attest.Image{Digest: attest.Digest(e.prepared.Digest), Kind: attest.Kind(image.Kind)}
	if values := image.Measurements.TPM2UKI; values != nil {
		reference.TPM2UKI = &attest.TPM2UKI{
			Authenticode:       attest.Digest(values.Authenticode),
			KernelAuthenticode: attest.Digest(values.KernelAuthenticode),
			KernelMeasured:     values.KernelMeasured,
			Phases:             values.Phases,
			Cmdline:            values.Cmdline,
			Initrd:             attest.Digest(values.Initrd),
			PCR9:               values.PCR9,
		}
		for _, section := range values.Sections {
			reference.TPM2UKI.Sections = append(reference.TPM2UKI.Sections, attest.Section{Name: section.Name, Digest: attest.Digest(section.Digest)})
		}
	}
	if values := image.Measurements.FirmwarePCRs; values != nil {
		pcrs := make(attest.FirmwarePCRs, len(values.PCRs))
		for pcr, list := range values.PCRs {
			for _, value := range list {
				pcrs[pcr] = append(pcrs[pcr], attest.Digest(value))
			}
		}
		reference.FirmwarePCRs = &pcrs
	}
	return reference
}
