// Package strictjson reads JSON in one form only: the canonical form of RFC 8785
// (JCS), less what Muster's formats leave out. There is no null and no number
// but the integers from 0 to 2^53-1, no member stands twice, text is valid UTF-8.
//
// "Decode, re-encode, compare" is applied while the bytes are read: at each
// place where another spelling of the same value could stand, it is refused.
// So what parses has one encoding, and the bytes of any value in it (Value.Raw)
// are its canonical bytes.
//
// A parse is one pass over the input, in time and memory proportional to it, and
// its recursion is bounded by Limits.Depth.
package strictjson

import "strconv"

// MaxInteger is the greatest number: 2^53-1, the greatest integer that every
// reader of RFC 8785 holds exactly.
const MaxInteger = 1<<53 - 1

// Limits bound what Parse reads. The size of the input is the caller's to bound.
type Limits struct {
	Depth  int // how many objects and lists may stand inside each other
	Values int // how many values there may be, of any kind, the outermost included
}

// Problem is the kind of fault that Parse found.
type Problem int

// The problems, each a class of input that is not read.
const (
	ProblemSyntax       Problem = iota + 1 // not JSON (RFC 8259)
	ProblemUTF8                            // invalid UTF-8, or a lone surrogate in an escape
	ProblemDepth                           // nested deeper than Limits.Depth
	ProblemSize                            // more values than Limits.Values
	ProblemNumber                          // a number that is not an integer from 0 to MaxInteger
	ProblemNull                            // a null
	ProblemDuplicate                       // one member name twice in an object
	ProblemNotCanonical                    // JSON, but not in the form of RFC 8785
)

// Error says what is wrong with the input, and where. It names the first fault
// in the order of the bytes.
type Error struct {
	Problem Problem
	Member  string // path of the value that was being read, such as predicate.artifacts[2].urls[0]; empty: the whole
	Offset  int    // of the fault, in bytes from 0
	Got     string // the bytes there, at most 24; empty at the end of the input
	Want    string
}

// Error says what stood at which byte and what was wanted.
func (e *Error) Error() string {
	text := "at byte " + strconv.Itoa(e.Offset) + " got "
	if e.Got == "" {
		text += "the end"
	} else {
		text += strconv.QuoteToASCII(e.Got)
	}
	if e.Member != "" {
		text = strconv.QuoteToASCII(e.Member) + ": " + text
	}
	return text + ", want " + e.Want
}
