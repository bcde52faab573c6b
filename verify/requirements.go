package verify

import (
	"crypto/sha256"

	"github.com/muster-log/muster/release"
)

// Requirements is what a relying party asks for besides the trust policy
// (docs/formats/requirements.md). One that ParseRequirements returned is well
// formed; whoever builds one passes it through Marshal before using it.
type Requirements struct {
	// Authority is the payload digest of entry 0: the pin.
	Authority release.Digest
	// Products and Channels are accepted; an empty list accepts nothing.
	Products []string
	Channels []string
	// Modes are accepted in images. Nil: the member is absent, and production
	// alone is accepted.
	Modes []release.Mode
	// RollMaxAge bounds the age of the roll, CheckpointMaxAge that of the
	// checkpoint; MinimumAge is how long ago the release must have been witnessed.
	RollMaxAge       Duration
	CheckpointMaxAge Duration
	MinimumAge       Duration
	// Consistency with what is remembered; empty: ConsistencyWhenPossible.
	Consistency Consistency
	// MinimumSecurityVersion is by "kind/name" of an image; nil: none.
	MinimumSecurityVersion map[string]uint64
	// CmdlineRules is the lowest accepted version of the rules by which an image's
	// command line was judged when it was logged; 0: any.
	CmdlineRules uint64
	// Operators says who runs each witness of the policy, by its name there;
	// LogOperator who runs the log.
	Operators   map[string]string
	LogOperator string

	// What follows binds where evidence is judged, and only there.

	// Assurance lists the accepted levels. Nil: absent, and AssuranceTEE alone.
	Assurance []Assurance
	// SecureBoot is empty (SecureBootRequired) or as given.
	SecureBoot SecureBoot
	// Firmware is empty (FirmwareRequired) or as given.
	Firmware Firmware
	// TestRoots are SHA-256 digests of roots of trust outside the built-in list
	// that are accepted, DER certificates as a rule.
	TestRoots []release.Digest
	// Nonce and Epoch accept evidence that is fresh by a nonce of the client's,
	// or by the newest cosigned checkpoint. Neither: a nonce alone.
	Nonce, Epoch bool
}

// Consistency says whether the checkpoint must be compared with what is remembered.
type Consistency string

const (
	// ConsistencyRequired: what cannot be compared is unknown.
	ConsistencyRequired Consistency = "required"
	// ConsistencyWhenPossible: what cannot be compared now is compared later.
	ConsistencyWhenPossible Consistency = "when-possible"
)

// Assurance is a level of hardware assurance: AssuranceTPM, AssuranceTEE,
// AssuranceTest or AssuranceVTPM followed by a provider.
type Assurance string

const (
	// AssuranceTPM excludes remote tampering and mistakes.
	AssuranceTPM Assurance = "tpm"
	// AssuranceVTPM, with a provider after it, is a TPM that a hypervisor emulates.
	AssuranceVTPM Assurance = "vtpm:"
	// AssuranceTEE excludes the operator and the hypervisor's software.
	AssuranceTEE Assurance = "tee"
	// AssuranceTest rests on a root outside the built-in vendor list.
	AssuranceTest Assurance = "test"
)

// SecureBoot says whether firmware must have booted with Secure Boot on.
type SecureBoot string

const (
	// SecureBootRequired is the default.
	SecureBootRequired SecureBoot = "required"
	// SecureBootNotRequired reports it only.
	SecureBootNotRequired SecureBoot = "not-required"
)

// Firmware says whether the firmware must be an image of the release.
type Firmware string

const (
	// FirmwareRequired is the default.
	FirmwareRequired Firmware = "required"
	// FirmwareNotChecked accepts any firmware, and every verdict says so.
	FirmwareNotChecked Firmware = "not-checked"
)

// MaxRequirements is the greatest size of a requirements file in bytes.
const MaxRequirements = 64 << 10

// Digest is the SHA-256 of the canonical bytes.
func (r *Requirements) Digest() (release.Digest, error) {
	data, err := r.Marshal()
	if err != nil {
		return release.Digest{}, err
	}
	return sha256.Sum256(data), nil
}

// AcceptedModes returns Modes or its default.
func (r *Requirements) AcceptedModes() []release.Mode {
	if r.Modes == nil {
		return []release.Mode{release.ModeProduction}
	}
	return r.Modes
}

// AcceptedAssurance returns Assurance or its default.
func (r *Requirements) AcceptedAssurance() []Assurance {
	if r.Assurance == nil {
		return []Assurance{AssuranceTEE}
	}
	return r.Assurance
}
