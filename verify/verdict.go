package verify

import (
	"time"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog/fork"
)

// About says what a verdict is about.
type About string

const (
	// AboutRelease: a proof bundle alone. It says nothing about any machine.
	AboutRelease About = "release"
	// AboutNode: a proof bundle and a node's evidence.
	AboutNode About = "node"
	// AboutBoot: a proof bundle and the registers of the machine that judges
	// itself, before it has a network or a clock to rely on.
	AboutBoot About = "boot"
)

// Result is what all checks together come to.
type Result string

const (
	// Pass: every required check was made and passed.
	Pass Result = "pass"
	// Fail: a check failed.
	Fail Result = "fail"
	// Unknown: no check failed, and a required one could not be made.
	Unknown Result = "unknown"
)

// Status is what one check came to.
type Status string

const (
	// StatusPass: made and passed.
	StatusPass Status = "pass"
	// StatusFail: made and failed, or the bundle lacks what it could hold.
	StatusFail Status = "fail"
	// StatusNotChecked: not made.
	StatusNotChecked Status = "not-checked"
	// StatusWaived: the requirements do without it, in words.
	StatusWaived Status = "waived"
)

// AssuranceNone is the assurance of a verdict without evidence.
const AssuranceNone = "none"

// Check is one check of a verdict. Expected and Found are for people: short,
// in printable ASCII, and not to be parsed.
type Check struct {
	Code     Code
	Status   Status
	Expected string
	Found    string

	required bool // a check not made makes the result unknown
}

// Decisive reports whether the check alone keeps the result from being a pass: it
// failed, or it was required and not made.
func (c Check) Decisive() bool {
	return c.Status == StatusFail || c.Status == StatusNotChecked && c.required
}

// Verdict is the result of checks.
type Verdict struct {
	About     About
	Result    Result
	Assurance string
	// Deadline is the earliest of all deadlines seen, whatever the result; zero
	// if none was seen. A verdict is worth nothing from then on.
	Deadline time.Time
	Checks   []Check
	// Judged is what the verdict is about, as far as it could be read; it is no
	// part of the verdict's JSON, and to be believed only under Pass.
	Judged Judged
	// Machine is which machine gave the evidence, and which boot of it; empty without
	// evidence. It is no part of the verdict's JSON, and to be believed only under
	// Pass.
	Machine attest.Machine
	// Learned is what a memory that was given is to Merge and store, whatever the
	// result; empty without one. Evidence is what holds against the log, or a
	// witness of it, together with what was remembered. Both are no part of the
	// verdict's JSON: a client tells a node nothing that it remembers.
	Learned  *Memory
	Evidence []*fork.Evidence
}

// Judged is the release that a verdict is about, with what stands around it.
type Judged struct {
	Origin string
	Size   uint64 // of the checkpoint
	// Authority is the newest in the bundle; nil without a valid chain.
	Authority *release.Authority
	// Release is nil if the bundle has none; Digest is its payload digest.
	Release *release.Release
	Digest  release.Digest
	Index   uint64
	// Witnessed is the time since which a quorum is known to have seen the oldest
	// entry of the release's identity in the bundle; zero: not known.
	Witnessed time.Time
	// Roll is nil if the bundle has none.
	Roll *JudgedRoll
	// Images are those of the bundle, by index.
	Images []JudgedImage
}

// JudgedImage is an image of the release.
type JudgedImage struct {
	Image  *release.Image
	Digest release.Digest // payload digest
	Index  uint64
}

// JudgedRoll is the roll that says what is live.
type JudgedRoll struct {
	Roll   *release.Roll
	Digest release.Digest // payload digest
	Index  uint64
	// Since is what its age counts from, the earlier of its own time and the fresh
	// time of its anchor, and Age that age; both are zero without that anchor.
	Since time.Time
	Age   time.Duration
}

// Check returns the check with a code.
func (v *Verdict) Check(code Code) (Check, bool) {
	for _, check := range v.Checks {
		if check.Code == code {
			return check, true
		}
	}
	return Check{}, false
}

// ExitCode returns the exit code of a program that judged.
func (v *Verdict) ExitCode() int {
	switch v.Result {
	case Pass:
		return exitcode.Verified
	case Fail:
		return exitcode.Refused
	}
	return exitcode.Unknown
}
