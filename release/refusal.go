package release

import (
	"errors"
	"strconv"
	"strings"
)

// Code is the stable reason of a refusal: lower case words joined by hyphens.
// docs/refusals.md lists all of them. A code never changes its meaning.
type Code string

// Refusal says why bytes or a statement were not accepted. It is the fault of
// whoever made them, never of the machine that judges.
type Refusal struct {
	Code   Code   // the rule that was broken
	Member string // the offending member as a path, such as predicate.artifacts[2].urls[0]; empty: the whole
	Got    string // what stood there, cut to a bounded length; it is the peer's text: quote it when showing it
	Want   string // what the rule asks for, in words
	Err    error  // the cause, where there is one
}

// maxGot bounds what a refusal repeats of its input, in bytes.
const maxGot = 120

// Refuse makes a refusal; an overlong got is cut.
func Refuse(code Code, member, got, want string) *Refusal {
	if len(got) > maxGot {
		got = strings.ToValidUTF8(got[:maxGot], "") + "..."
	}
	if len(member) > 2*maxGot {
		member = strings.ToValidUTF8(member[:2*maxGot], "") + "..."
	}
	return &Refusal{Code: code, Member: member, Got: got, Want: want}
}

// Error says member, what was got and what was wanted, and ends with the code.
func (r *Refusal) Error() string {
	var text strings.Builder
	if r.Member != "" {
		text.WriteString(printable(r.Member) + ": ")
	}
	if r.Got != "" {
		text.WriteString("got " + printable(r.Got) + ", ")
	}
	text.WriteString("want " + r.Want)
	if r.Err != nil {
		text.WriteString(": " + r.Err.Error())
	}
	text.WriteString(" (" + string(r.Code) + ")")
	return text.String()
}

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Err }

// CodeOf returns the code of the refusal in err's chain; without one, the empty code.
func CodeOf(err error) Code {
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		return refusal.Code
	}
	return ""
}

// printable quotes text that could play tricks on a terminal or a log line.
func printable(text string) string {
	for i := range len(text) {
		if text[i] < 0x20 || text[i] > 0x7e {
			return strconv.QuoteToASCII(text)
		}
	}
	return text
}
