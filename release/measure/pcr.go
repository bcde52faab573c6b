package measure

import (
	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/release"
)

// PCR11 predicts PCR 11 of the SHA-256 bank for the sections and phases of a
// unified kernel image, by the formula that evidence is judged with: attest.PCR11.
func PCR11(sections []release.Section, phases []string) release.Digest {
	measured := make([]attest.Section, len(sections))
	for i, section := range sections {
		measured[i] = attest.Section{Name: section.Name, Digest: attest.Digest(section.Digest)}
	}
	return release.Digest(attest.PCR11(measured, phases))
}
