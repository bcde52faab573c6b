package node

import "github.com/muster-log/muster/internal/exitcode"

// The exit codes of a node's programs, above those that services use, so that the
// codes of the command that the gate executes stay its own.
const (
	ExitRefused    = base + exitcode.Refused    // 121: checked and not verified
	ExitUsage      = base + exitcode.Usage      // 122: called or configured wrongly
	ExitUnknown    = base + exitcode.Unknown    // 123: could not tell
	ExitMisbehaved = base + exitcode.Misbehaved // 124: the log misbehaved, and the evidence is in a file
)

const base = 120

// Exit turns an exit code of package exitcode into a node's: 0 stays.
func Exit(code int) int {
	if code == exitcode.Verified {
		return code
	}
	return base + code
}
