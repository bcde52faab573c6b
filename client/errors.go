package client

import (
	"errors"
	"fmt"
	"strings"

	"github.com/muster-log/muster/verify"
)

// RefusedError says that a node did not pass, and why. No byte of a request was sent.
type RefusedError struct {
	Address string // host:port
	// Verdict has every check; its Evidence is not empty where the log or a witness
	// misbehaved.
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

// Hint says what to do.
func (e *RefusedError) Hint() string {
	if len(e.Verdict.Evidence) > 0 {
		return "the log or a witness of it misbehaved: keep the evidence, and tell those who run them"
	}
	return "ask who runs the node; muster verify node https://" + e.Address + " shows every check"
}

// DeadlineError says that a verdict ended while a request was under way, which ended
// with it. Some of the request may have been sent, to the node that had passed.
type DeadlineError struct{}

// Error says so.
func (*DeadlineError) Error() string {
	return "the verdict about the node ended while the request was under way, and the request with it"
}

// Timeout is true: another request has the node judged anew.
func (*DeadlineError) Timeout() bool { return true }

var errEnded error = &DeadlineError{}

// errDeadline refuses a request or ends a handshake after the verdict's deadline.
var errDeadline = errors.New("the verdict about the node is past its deadline: nothing was sent")

// errOtherKey ends a handshake with a key that was not judged.
type errOtherKey struct{ address string }

func (e *errOtherKey) Error() string {
	return "the connection to " + e.address + " has another TLS key than the evidence: nothing was sent: is there a proxy that ends TLS, or a balancer that changes nodes with every connection?"
}

// errRedirect refuses what another origin is asked for.
type errRedirect struct{ from, to string }

func (e *errRedirect) Error() string {
	return fmt.Sprintf("%s redirects to %s, another origin: a node speaks for itself alone: nothing was sent there", e.from, e.to)
}

// errKnown ends a handshake with a node that need not be asked again.
var errKnown = errors.New("this node has been asked already")
