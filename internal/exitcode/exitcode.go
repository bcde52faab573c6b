// Package exitcode holds the exit codes of every command, so that scripts can
// tell "checked and refused" from "could not tell".
package exitcode

// The exit codes. They are stable.
const (
	Verified   = 0 // done, or checked and verified
	Refused    = 1 // checked and not verified
	Usage      = 2 // called wrongly
	Unknown    = 3 // could not tell: a peer, a file or this machine failed
	Misbehaved = 4 // the log misbehaved, and the evidence is in a file
)
