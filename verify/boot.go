package verify

import (
	"time"

	"github.com/muster-log/muster/attest"
)

// endOfTime is after every time that a cosignature may say (RFC 3339).
var endOfTime = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// Boot judges the machine that runs it: the bundle that lies beside it, and its own
// registers, as a program in the initrd does. It has no network, perhaps a wrong
// clock, and no memory. A clock behind the bundle's newest witnessed time is set
// to that. What is old, the release, the authority, the checkpoint and the roll, is
// reported (waived, with its age) and not refused, until it is past its deadline by
// maximum. All else is as in Node. It protects an honest operator from mistakes: no
// client relies on it.
//
// Registers is evidence without a quote, of package attest/tpm for one; nil: the
// registers could not be read, and the result is unknown.
func Boot(data []byte, registers attest.Evidence, trust *Trust, maximum time.Duration, now time.Time, options ...Option) *Verdict {
	j := newJudgement(data, trust, now, options)
	j.tolerance = maximum
	// No cosignature is ahead of a clock that may be behind by years.
	j.clock = endOfTime
	j.run(releaseChecks)
	form := undecided("this machine's registers", "they were not read")
	if registers != nil {
		form = pass("this machine's registers", registers.Profile())
	}
	j.judge(form, registers, Session{})
	j.run([]check{
		{CodeAssurance, "", nil, unchecked("a machine that judges itself")},
		{CodeImage, "images that are opened by their measurements", []Code{CodeImageSignatures, CodeImageStatements}, (*judgement).openedImages},
	})
	j.run(uncheckedChecks)
	return j.verdict(AboutBoot)
}
