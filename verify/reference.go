package verify

import (
	"crypto/sha256"
	"errors"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/release"
)

// Epoch is the nonce of evidence that is fresh by a checkpoint: SHA-256 of its note,
// cosignatures included, as it stands in the bundle.
func Epoch(checkpoint string) attest.Digest { return sha256.Sum256([]byte(checkpoint)) }

// Ledger is what a node's ledger holds that has loaded the release. The error is about
// a release that was not judged, or has an image twice.
func (j Judged) Ledger() (attest.Ledger, error) {
	if j.Release == nil {
		return attest.Ledger{}, errors.New("there is no release")
	}
	var loaded []attest.Digest
	for _, image := range j.Images {
		switch image.Image.Kind {
		case release.KindModel, release.KindAdapter, release.KindConfig:
			loaded = append(loaded, attest.Digest(image.Digest))
		}
	}
	return attest.NewLedger(attest.Digest(j.Release.Identity()), loaded)
}

// Reference is an image as evidence sees it.
func (i JudgedImage) Reference() attest.Image {
	image := i.Image
	reference := attest.Image{Digest: attest.Digest(i.Digest), Kind: attest.Kind(image.Kind)}
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
