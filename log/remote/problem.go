package remote

import (
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"time"

	"github.com/muster-log/muster/internal/problem"
)

// maxProblem bounds a problem document in bytes.
const maxProblem = 64 << 10

// maxRetryAfter bounds what a log may ask a caller to wait.
const maxRetryAfter = 5 * time.Minute

// StatusError is an answer of the log that is not what was asked for: a refusal
// with its reason (RFC 9457), or a server that cannot answer now. Its texts are
// the log's, cut and without control characters.
//
// A 404 or 410 is fs.ErrNotExist to errors.Is.
type StatusError struct {
	Status int
	URL    string
	// Code is the stable reason code, such as "threshold-missed"; empty if the
	// answer had none.
	Code string
	// Member is the offending member, with what it was and what is wanted.
	Member, Got, Want string
	// Detail is the problem in words, or its title.
	Detail string
	// RetryAfter is how long the log asks to wait, at most 5 minutes; 0 if it
	// does not say.
	RetryAfter time.Duration
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("the log answered %d %s", e.Status, http.StatusText(e.Status))
	if e.Code != "" {
		text += " (" + e.Code + ")"
	}
	if e.Detail != "" {
		return text + ": " + e.Detail
	}
	if e.Member != "" || e.Got != "" || e.Want != "" {
		return fmt.Sprintf("%s: %s: got %q, want %s", text, e.Member, e.Got, e.Want)
	}
	return text + " for " + e.URL
}

// Is makes a missing resource fs.ErrNotExist.
func (e *StatusError) Is(target error) bool {
	return target == fs.ErrNotExist && (e.Status == http.StatusNotFound || e.Status == http.StatusGone)
}

// Refused reports whether the log judged the request and refused it: asking
// again does not help.
func (e *StatusError) Refused() bool { return problem.Refused(e.Status) }

// failure makes the error of an answer with another status than wanted.
func (a *answer) failure() *StatusError {
	failed := &StatusError{Status: a.status, URL: shown(a.url.String()), RetryAfter: retryAfter(a.header)}
	if checkType(a.header.Get("Content-Type"), []string{typeProblem, typeJSON}) != nil {
		return failed
	}
	said, ok := problem.Parse(a.body)
	if !ok {
		return failed
	}
	failed.Code, failed.Member, failed.Got, failed.Want, failed.Detail = said.Code, said.Member, said.Got, said.Want, said.Detail
	if failed.Detail == "" {
		failed.Detail = said.Title
	}
	return failed
}

// retryAfter reads a Retry-After header in seconds; a date, which depends on two
// clocks, is ignored.
func retryAfter(header http.Header) time.Duration {
	seconds, err := strconv.ParseUint(header.Get("Retry-After"), 10, 32)
	if err != nil {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, maxRetryAfter)
}

// shown makes a peer's text fit for a terminal.
func shown(text string) string { return problem.Shown(text) }
