package attest

import "strings"

// Assurance says against whom an evidence holds.
type Assurance string

// The levels. They are names, not an order: requirements list those they accept.
const (
	// AssuranceTPM: against remote tampering and mistakes. Whoever has the board or
	// the hypervisor can forge it.
	AssuranceTPM Assurance = "tpm"
	// AssuranceTEE: SNP or TDX. It excludes the operator and the hypervisor's
	// software, not attacks on the memory bus.
	AssuranceTEE Assurance = "tee"
	// AssuranceTest: a root outside the built-in list. It passes only where the
	// requirements name that root's digest.
	AssuranceTest Assurance = "test"
)

const vtpmPrefix = "vtpm:"

// AssuranceVTPM is the level of a virtual TPM: as good as its provider, a code of
// 1 to 32 of a-z, 0-9 and the hyphen.
func AssuranceVTPM(provider string) Assurance { return Assurance(vtpmPrefix + provider) }

// Valid reports whether it is one of the levels.
func (a Assurance) Valid() bool {
	switch a {
	case AssuranceTPM, AssuranceTEE, AssuranceTest:
		return true
	}
	provider, ok := strings.CutPrefix(string(a), vtpmPrefix)
	return ok && len(provider) >= 1 && len(provider) <= 32 &&
		strings.Trim(provider, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
