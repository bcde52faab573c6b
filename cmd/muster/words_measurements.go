package main

import (
	"maps"
	"slices"
	"strconv"

	"github.com/muster-log/muster/release"
)

// describeMeasurements says every reference value: a node is compared with all of
// them, so whoever signs must be able to see all of them.
func describeMeasurements(p *page, m release.Measurements) {
	if m.TPM2UKI != nil {
		describeUKI(p, m.TPM2UKI)
	}
	if m.Verity != nil {
		describeVerity(p, string(release.ProfileVerity), "", *m.Verity)
	}
	if m.OMS != nil {
		p.field(string(release.ProfileOMS), "root %s", m.OMS.Root)
		if m.OMS.Manifest != nil {
			p.field("", "files listed in manifest %s", m.OMS.Manifest)
		}
		for _, file := range m.OMS.Resources {
			p.field("", "%s %s", file.Digest, quoteWhole(file.Name))
		}
	}
	if m.FirmwarePCRs != nil {
		name := string(release.ProfileFirmwarePCRs)
		p.field(name, "basis %s", m.FirmwarePCRs.Basis)
		for _, number := range slices.Sorted(maps.Keys(m.FirmwarePCRs.PCRs)) {
			for i, value := range m.FirmwarePCRs.PCRs[number] {
				p.field("", "%s%s", first(i, "PCR "+strconv.Itoa(number)+" "), value)
			}
		}
	}
}

func describeUKI(p *page, uki *release.TPM2UKI) {
	p.field(string(release.ProfileTPM2UKI), "authenticode %s", uki.Authenticode)
	p.field("", "kernel %s, measured %s", uki.KernelAuthenticode, uki.KernelMeasured)
	p.field("", "stub %s, phases %s, PCR 9 %s", quoteWhole(uki.Stub), list(uki.Phases), list(uki.PCR9))
	p.field("", "command line, by rules %d, %s", uki.CmdlineRules, quoteWhole(uki.Cmdline))
	p.field("", "initrd %s", uki.Initrd)
	for _, section := range uki.Sections {
		p.field("", "section %s %s", section.Name, section.Digest)
	}
	describeVerity(p, "", "root ", uki.Root)
}

func describeVerity(p *page, name, what string, v release.Verity) {
	p.field(name, "%s%s, %s", what, v.RootHash, v.FileSystem)
	p.field("", "%d blocks of %d bytes, hash tree of %d at byte %d by %s", v.DataBlocks, v.DataBlockSize, v.HashBlockSize, v.HashOffset, v.Algorithm)
	salt := v.Salt
	if salt == "" {
		salt = "none"
	}
	p.field("", "salt %s", salt)
}
