package release

import (
	"slices"
	"strconv"

	"github.com/muster-log/muster/internal/strictjson"
)

// The greatest numbers and lengths of reference values.
const (
	maxStub       = 128
	maxSections   = 32
	maxPhases     = 16
	maxCmdline    = 4096
	maxRuleNumber = 65535
	maxSalt       = 256 // in bytes; the kernel's own bound
	minBlock      = 512
	maxBlock      = 65536
	maxResources  = 512
	maxPCRValues  = 64
)

var (
	tpm2UKIMembers = []string{"authenticode", "cmdline", "cmdlineRules", "initrd", "kernelAuthenticode", "kernelMeasured",
		"pcr9", "phases", "root", "sections", "stub"}
	sectionMembers = []string{"name", "sha256"}
	verityMembers  = []string{"algorithm", "dataBlockSize", "dataBlocks", "fileSystem", "hashBlockSize", "hashOffset",
		"rootHash", "salt"}
	omsMembers          = []string{"manifest?", "resources?", "root"}
	firmwarePCRsMembers = []string{"basis", "pcrs"}
	pcrMembers          = []string{"0", "2", "3", "6", "7?"}
)

func (r *reader) measurements(v strictjson.Value) (m Measurements) {
	if !r.is(v, strictjson.Object) {
		return m
	}
	for name, member := range v.Members() {
		switch Profile(name) {
		case ProfileTPM2UKI:
			m.TPM2UKI = r.tpm2UKI(member)
		case ProfileVerity:
			verity := r.verity(member)
			m.Verity = &verity
		case ProfileOMS:
			m.OMS = r.oms(member)
		case ProfileFirmwarePCRs:
			m.FirmwarePCRs = r.firmwarePCRs(member)
		case ProfileTDXUKI, ProfileSNPDirect:
			if r.is(member, strictjson.Object) && r.notAdmitted == nil {
				r.notAdmitted = Refuse(CodeProfileNotAdmitted, member.Path(), name, "a profile whose rules are built")
			}
		default:
			r.refuseGot(member, CodeProfileUnknown, name, "the name of an evidence profile")
		}
	}
	return m
}

func (r *reader) tpm2UKI(v strictjson.Value) *TPM2UKI {
	if !r.object(v, tpm2UKIMembers) {
		return nil
	}
	u := &TPM2UKI{
		Authenticode:       r.digest(v.Member("authenticode")),
		KernelAuthenticode: r.digest(v.Member("kernelAuthenticode")),
		Stub:               r.text(v.Member("stub"), 1, maxStub),
		Cmdline:            r.text(v.Member("cmdline"), 0, maxCmdline),
		CmdlineRules:       int(r.integer(v.Member("cmdlineRules"), 1, maxRuleNumber)),
		Initrd:             r.digest(v.Member("initrd")),
		KernelMeasured:     oneOf(r, v.Member("kernelMeasured"), KernelMeasuredAlways, KernelMeasuredNever, KernelMeasuredWithoutSecureBoot),
		Root:               r.verity(v.Member("root")),
	}
	for _, event := range r.list(v.Member("pcr9"), 2, 2) {
		u.PCR9 = append(u.PCR9, oneOf(r, event, PCR9Cmdline, PCR9Initrd))
	}
	for _, phase := range r.list(v.Member("phases"), 0, maxPhases) {
		u.Phases = append(u.Phases, r.matches(phase, &wordGrammar))
	}
	for _, element := range r.list(v.Member("sections"), 1, maxSections) {
		if !r.object(element, sectionMembers) {
			break
		}
		section := Section{Name: r.matches(element.Member("name"), &sectionGrammar), Digest: r.bareDigest(element.Member("sha256"))}
		if slices.ContainsFunc(u.Sections, func(other Section) bool { return other.Name == section.Name }) {
			r.refuse(element.Member("name"), CodeListRepeated, "each section once")
		}
		u.Sections = append(u.Sections, section)
	}
	return u
}

func (r *reader) verity(v strictjson.Value) Verity {
	if !r.object(v, verityMembers) {
		return Verity{}
	}
	verity := Verity{
		RootHash:      r.hex(v.Member("rootHash"), len(Digest{}), len(Digest{})),
		Salt:          r.hex(v.Member("salt"), 0, maxSalt),
		DataBlockSize: r.block(v.Member("dataBlockSize")),
		HashBlockSize: r.block(v.Member("hashBlockSize")),
		HashOffset:    r.integer(v.Member("hashOffset"), 0, maxInteger),
		Algorithm:     oneOf(r, v.Member("algorithm"), VeritySHA256),
		FileSystem:    r.matches(v.Member("fileSystem"), &wordGrammar),
	}
	if r.refusal == nil { // so that the data's size in bytes is an integer of the format
		verity.DataBlocks = r.integer(v.Member("dataBlocks"), 1, maxInteger/verity.DataBlockSize)
	}
	return verity
}

// block returns a block size in bytes.
func (r *reader) block(v strictjson.Value) uint64 {
	size := r.integer(v, minBlock, maxBlock)
	if size&(size-1) != 0 {
		r.refuse(v, CodeValue, "a power of two")
	}
	return size
}

func (r *reader) oms(v strictjson.Value) *OMS {
	if !r.object(v, omsMembers) {
		return nil
	}
	manifest, resources := v.Member("manifest"), v.Member("resources")
	switch {
	case manifest.Exists() && resources.Exists():
		r.refuseGot(resources, CodeMemberUnknown, "resources beside manifest", "one of manifest, resources")
	case !manifest.Exists() && !resources.Exists():
		r.missing(v, "resources")
	}
	if r.refusal != nil {
		return nil
	}
	o := &OMS{Root: r.digest(v.Member("root"))}
	if manifest.Exists() {
		digest := r.digest(manifest)
		o.Manifest = &digest
		return o
	}
	for i, element := range r.set(resources, 1, maxResources) {
		if !r.object(element, sectionMembers) {
			break
		}
		resource := Resource{Name: r.matches(element.Member("name"), &resourceGrammar), Digest: r.bareDigest(element.Member("sha256"))}
		// The set is ordered by name first: the same name twice stands side by side.
		if i > 0 && o.Resources[i-1].Name == resource.Name {
			r.refuse(element.Member("name"), CodeListRepeated, "each name once")
		}
		o.Resources = append(o.Resources, resource)
	}
	return o
}

func (r *reader) firmwarePCRs(v strictjson.Value) *FirmwarePCRs {
	if !r.object(v, firmwarePCRsMembers) {
		return nil
	}
	f := &FirmwarePCRs{Basis: oneOf(r, v.Member("basis"), BasisObserved), PCRs: make(map[int][]Digest, len(pcrMembers))}
	pcrs := v.Member("pcrs")
	if !r.object(pcrs, pcrMembers) {
		return nil
	}
	for name, member := range pcrs.Members() {
		pcr, _ := strconv.Atoi(name) // one of pcrMembers
		f.PCRs[pcr] = r.digests(member, 1, maxPCRValues)
	}
	return f
}
