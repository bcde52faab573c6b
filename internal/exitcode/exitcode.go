// Package exitcode holds the exit codes of every command, so that scripts can
// tell "checked and refused" from "could not tell".
package exitcode

import (
	"errors"
	"fmt"
)

// The exit codes. They are stable.
const (
	Verified   = 0 // done, or checked and verified
	Refused    = 1 // checked and not verified
	Usage      = 2 // called wrongly
	Unknown    = 3 // could not tell: a peer, a file or this machine failed
	Misbehaved = 4 // the log misbehaved, and the evidence is in a file
)

// Error is an error that says which exit code it ends the command with.
type Error struct {
	Code int
	Err  error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit code %d", e.Code)
	}
	return e.Err.Error()
}

// Unwrap returns the error itself.
func (e *Error) Unwrap() error { return e.Err }

// Of returns the exit code of an error: Verified for nil, its own where the
// chain has an *Error, and Unknown otherwise, so that no failure looks like a verdict.
func Of(err error) int {
	if err == nil {
		return Verified
	}
	if coded, ok := errors.AsType[*Error](err); ok {
		return coded.Code
	}
	return Unknown
}
