package attest

// Code names a check of an evidence. Codes are stable: programs may act on them.
type Code string

// The checks that every profile has.
const (
	CodeEvidenceForm      Code = "evidence-form"      // every part of the evidence can be read
	CodeEvidenceProfile   Code = "evidence-profile"   // an image of kind os states the evidence's profile
	CodeEvidenceImages    Code = "evidence-images"    // each image of the release has its evidence, and none stands twice
	CodeEvidenceSignature Code = "evidence-signature" // the attestation key signed it
	CodeEvidenceBinding   Code = "evidence-binding"   // nonce, TLS key and ledger value are what was signed
	CodeLedger            Code = "ledger"             // the locked ledger of the release
)

// The checks of a TPM's evidence.
const (
	CodeQuoteForm     Code = "quote-form"     // a quote over exactly PCRs 0 to 15 of the SHA-256 bank, and their values
	CodeAKAttributes  Code = "ak-attributes"  // a restricted signing key that cannot leave its TPM
	CodeAKBound       Code = "ak-bound"       // a certificate chain or an activated credential binds it to an EK
	CodeEKCertificate Code = "ek-certificate" // of a pinned root, for an endorsement key
	CodeEventLog      Code = "event-log"      // its own replay leads to PCRs 0 to 7 and 9
	CodeBootChain     Code = "boot-chain"     // PCR 4: the image, its kernel, and nothing else
	CodeSecureBoot    Code = "secure-boot"    // the first event of PCR 7
	CodeFirmware      Code = "firmware"       // PCRs 0, 2, 3, 6 and 7 by the firmware image
	CodeKernelInputs  Code = "kernel-inputs"  // PCR 9: command line and initrd
	CodeKernelImage   Code = "kernel-image"   // PCR 11: sections and phases
	CodeUnusedPCRs    Code = "unused-pcrs"    // PCRs 8, 12, 13 and 14 are zero
	CodeNotCovered    Code = "not-covered"    // PCRs 1, 5 and 10: quoted, shown, judged by nobody
)

// Status is what one check came to.
type Status string

// The statuses.
const (
	StatusPass       Status = "pass"        // made and passed
	StatusFail       Status = "fail"        // made and failed
	StatusNotChecked Status = "not-checked" // not made
	StatusWaived     Status = "waived"      // the requirements do without it, in words
)

// Check is one check of an evidence. Expected and Found are for people and not to
// be parsed; they may repeat a node's text, so whoever prints them makes them plain.
type Check struct {
	Code     Code
	Status   Status
	Expected string
	Found    string
	// Required: not made, the check keeps the result from being a pass. A check
	// that failed always does.
	Required bool
	// Images are the payload digests of the images it is about; none: the machine.
	Images []Digest
	// Members are the members of their reference values that it used, such as
	// sections and phases.
	Members []string
}

// Decisive reports whether the check alone keeps the result from being a pass.
func (c Check) Decisive() bool {
	return c.Status == StatusFail || c.Status == StatusNotChecked && c.Required
}
