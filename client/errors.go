package client

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/muster-log/muster/verify"
)

var notExist = fs.ErrNotExist

// RefusedError says that a node did not pass, and why. No byte of a request was sent.
type RefusedError struct {
	Address string // host:port
	Verdict *verify.Verdict
}

// Error names the node and every check that decided.
func (e *RefusedError) Error() string {
	var reasons []string
	for _, check := range e.Verdict.Checks {
		if check.Decisive() {
			reasons = append(reasons, fmt.Sprintf("%s: expected %s, found %s", check.Code, check.Expected, check.Found))
		}
	}
	word := "does not pass muster"
	if e.Verdict.Result == verify.Unknown {
		word = "cannot be judged"
	}
	return fmt.Sprintf("node %s %s: %s; nothing was sent", e.Address, word, strings.Join(reasons, "; "))
}

// errOtherKey ends a handshake with a key that was not judged.
type errOtherKey struct{ address string }

func (e *errOtherKey) Error() string {
	return "the connection to " + e.address + " has another TLS key than the evidence: nothing was sent"
}

// errDeadline ends a handshake or a request after the verdict's deadline.
var errDeadline = errors.New("the verdict about the node is past its deadline: nothing was sent")

// errRedirect refuses what another origin is asked for.
type errRedirect struct{ from, to string }

func (e *errRedirect) Error() string {
	return fmt.Sprintf("%s redirects to %s, another origin: a node speaks for itself alone", e.from, e.to)
}
