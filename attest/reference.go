package attest

import "time"

// Kind is the kind of an image, as its statement names it.
type Kind string

// The kinds (docs/formats/image.md).
const (
	KindOS       Kind = "os"
	KindModel    Kind = "model"
	KindAdapter  Kind = "adapter"
	KindConfig   Kind = "config"
	KindFirmware Kind = "firmware"
)

// The profiles of evidence that have rules, and of the values beside them.
const (
	ProfileTPM2UKI      = "tpm2-uki/v1"
	ProfileFirmwarePCRs = "firmware-pcrs/v1"
)

// Reference is what an evidence is compared with: taken from logged statements,
// from the connection and from the requirements, never from the node.
type Reference struct {
	Release Digest  // identity of the release
	Images  []Image // all images of the release

	// Nonce is what the client sent. Epoch is SHA-256 of the newest cosigned
	// checkpoint, as its note stands. Zero: the caller knows none, or accepts none.
	Nonce, Epoch Digest
	// SPKI is SHA-256 of the SubjectPublicKeyInfo of the connection's certificate.
	// Zero: the caller knows no connection, and the binding is not checked.
	SPKI Digest
	Now  time.Time

	Policy    Policy
	Activated []Activation // attestation keys whose credential this client saw activated
	// Bystander: the caller had no part in the session, so that it cannot know
	// whether a credential was activated: a key without a certificate chain is
	// then not checked, instead of refused.
	Bystander bool
}

// Image is an image of the release, with those of its reference values that
// evidence is compared with.
type Image struct {
	Digest       Digest // payload digest of its statement
	Kind         Kind
	TPM2UKI      *TPM2UKI      // nil: it does not state tpm2-uki/v1
	FirmwarePCRs *FirmwarePCRs // nil: it does not state firmware-pcrs/v1
}

// TPM2UKI are the reference values of profile tpm2-uki/v1 that evidence shows. The
// values of the root file system are not among them: the command line pins them,
// and whoever fills this has checked that they agree.
type TPM2UKI struct {
	Authenticode       Digest    // PE Authenticode digest of the unified kernel image
	KernelAuthenticode Digest    // of the kernel in its section .linux
	KernelMeasured     string    // KernelMeasuredAlways and its like
	Sections           []Section // in the order in which the stub measures them
	Phases             []string  // that are measured into PCR 11, in order
	Cmdline            string    // without a final NUL
	Initrd             Digest    // SHA-256
	PCR9               []string  // PCR9Cmdline and PCR9Initrd, in the order of the events
}

// When the firmware measures the inner kernel into PCR 4.
const (
	KernelMeasuredAlways            = "always"
	KernelMeasuredNever             = "never"
	KernelMeasuredWithoutSecureBoot = "without-secure-boot"
)

// The events of PCR 9.
const (
	PCR9Cmdline = "cmdline"
	PCR9Initrd  = "initrd"
)

// FirmwarePCRs are the reference values of profile firmware-pcrs/v1: the values
// that each PCR may have. 0, 2, 3 and 6 stand; 7 may be absent.
type FirmwarePCRs map[int][]Digest

// Policy is what the requirements say about evidence. The zero Policy is the
// strictest: Secure Boot on, firmware by its image, no test roots.
type Policy struct {
	SecureBootOff      bool     // Secure Boot may be off
	FirmwareNotChecked bool     // the release may lack a firmware image
	TestRoots          []Digest // SHA-256 of DER certificates that are accepted as roots, at AssuranceTest
}

// Activation says that a TPM which holds the EK of a certificate holds the key of
// that name too: it gave back the secret of a fresh credential.
type Activation struct {
	AKName        []byte // TPM name: algorithm and digest
	EKCertificate Digest // SHA-256 of the DER certificate
}
