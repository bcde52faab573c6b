package bundle

import (
	"strconv"
	"strings"
)

// Error says why bytes are no proof bundle.
type Error struct {
	// Member is the path of the offending member, such as entries[2].index;
	// empty: the whole.
	Member string
	// Got is what stood there, bounded; it is the peer's text. It may be empty.
	Got string
	// Want is what the format asks for.
	Want string
	// Err is the cause, where there is one.
	Err error
}

// Error names the member, what was got and what was wanted.
func (e *Error) Error() string {
	var text strings.Builder
	text.WriteString("proof bundle: ")
	if e.Member != "" {
		text.WriteString(e.Member + ": ")
	}
	if e.Got != "" {
		text.WriteString("got " + quote(e.Got) + ", ")
	}
	text.WriteString("want " + e.Want)
	if e.Err != nil {
		text.WriteString(": " + e.Err.Error())
	}
	return text.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// quote renders input for an error message, bounded.
func quote(text string) string {
	const limit = 80
	if len(text) > limit {
		return strconv.QuoteToASCII(text[:limit]) + "..."
	}
	return strconv.QuoteToASCII(text)
}
