package release

// Profile names an evidence profile: which evidence is compared with which
// reference values.
type Profile string

// The evidence profiles. The reference values of TDX and SNP are refused as
// profile-not-admitted: their rules are not built.
const (
	ProfileTPM2UKI      Profile = "tpm2-uki/v1"
	ProfileVerity       Profile = "verity/v1"
	ProfileOMS          Profile = "oms/v1"
	ProfileFirmwarePCRs Profile = "firmware-pcrs/v1"
	ProfileTDXUKI       Profile = "tdx-uki/v1"
	ProfileSNPDirect    Profile = "snp-direct/v1"
)

// Measurements are an image's reference values by evidence profile. A profile
// is complete or nil.
type Measurements struct {
	TPM2UKI      *TPM2UKI
	Verity       *Verity
	OMS          *OMS
	FirmwarePCRs *FirmwarePCRs
}

// Profiles lists the profiles that stand, in the order of their names.
func (m Measurements) Profiles() []Profile {
	var profiles []Profile
	if m.FirmwarePCRs != nil {
		profiles = append(profiles, ProfileFirmwarePCRs)
	}
	if m.OMS != nil {
		profiles = append(profiles, ProfileOMS)
	}
	if m.TPM2UKI != nil {
		profiles = append(profiles, ProfileTPM2UKI)
	}
	if m.Verity != nil {
		profiles = append(profiles, ProfileVerity)
	}
	return profiles
}

// TPM2UKI are the reference values of a unified kernel image that is booted by
// UEFI firmware with a TPM 2.0 (profile tpm2-uki/v1).
type TPM2UKI struct {
	Authenticode       Digest    // PE Authenticode digest of the whole image
	KernelAuthenticode Digest    // of the kernel in its section .linux
	Stub               string    // the stub and its version, such as "systemd-stub 252"
	Sections           []Section // in the order in which the stub measures them
	Cmdline            string    // the kernel command line, without a final NUL
	CmdlineRules       int       // version of the rules of the command line
	Initrd             Digest    // SHA-256 of the initrd
	PCR9               []string  // the two events of PCR 9 in their order: PCR9Cmdline and PCR9Initrd
	KernelMeasured     string    // when the firmware measures the inner kernel: KernelMeasuredAlways and its like
	Phases             []string  // the boot phases that are measured into PCR 11, in order
	Root               Verity    // of the root file system
}

// The events of PCR 9, as TPM2UKI.PCR9 names them.
const (
	PCR9Cmdline = "cmdline"
	PCR9Initrd  = "initrd"
)

// When the firmware measures the inner kernel into PCR 4.
const (
	KernelMeasuredAlways            = "always"
	KernelMeasuredNever             = "never"
	KernelMeasuredWithoutSecureBoot = "without-secure-boot"
)

// Section is a PE section of a unified kernel image.
type Section struct {
	Name   string // with its dot, such as .linux
	Digest Digest // SHA-256 of its content as the stub measures it
}

// The sections that every unified kernel image must have.
const (
	SectionLinux   = ".linux"
	SectionCmdline = ".cmdline"
	SectionInitrd  = ".initrd"
)

// Verity describes a dm-verity device: the arguments of the kernel's target
// (docs.kernel.org/admin-guide/device-mapper/verity.html), hash format 1.
type Verity struct {
	RootHash      string // 64 lowercase hexadecimal digits
	Salt          string // lowercase hexadecimal, 0 to 256 bytes
	DataBlockSize uint64 // in bytes, a power of two from 512 to 65536
	HashBlockSize uint64 // in bytes, a power of two from 512 to 65536
	DataBlocks    uint64 // how many data blocks
	HashOffset    uint64 // in bytes, of the hash tree in the image
	Algorithm     string // VeritySHA256
	FileSystem    string // of the data: erofs, squashfs, ext4 ...
}

// VeritySHA256 is the one hash algorithm of Verity.
const VeritySHA256 = "sha256"

// OMS describes a model as OpenSSF Model Signing does: a digest per file, and
// the root over them. The root does not cover file names; the resources do.
// Exactly one of Resources and Manifest is set.
type OMS struct {
	Root      Digest // SHA-256 of the concatenated raw digests in the order of Model Signing
	Resources []Resource
	Manifest  *Digest // of the same list kept beside the log: SHA-256 of OMSManifest
}

// Resource is one file of a model.
type Resource struct {
	Name   string // its path in the model, with slashes
	Digest Digest // SHA-256 of its content
}

// FirmwarePCRs are the values that the firmware's own PCRs may have.
type FirmwarePCRs struct {
	PCRs  map[int][]Digest // by PCR: 0, 2, 3 and 6, and 7 where its value is known
	Basis string           // how they were found: BasisObserved
}

// BasisObserved says that the values were read from running machines.
const BasisObserved = "observed"
