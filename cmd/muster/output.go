package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/log/remote"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog/bundle"
)

// What is printed, and where:
//
//   - The result goes to standard output: text for people, or under --json one
//     JSON object and nothing else.
//   - Progress, what is about to be signed, and errors go to standard error. A
//     progress bar is drawn on a terminal only.
//   - An error is lower case and one line: which input, what was wrong with it,
//     got and wanted. A line "hint: " follows with what to do, where there is
//     something to do. Under --json standard output has it too, as
//     {"error":{"code","message","member","got","wanted","hint"},"exit":N}.
//   - The exit code is one of package exitcode. A verdict that is not pass is a
//     result and no error: it ends with 1 or 3 and prints no error.
//   - Text of a peer is quoted. No private key is ever printed.

// app is what every command shares.
type app struct {
	json        bool
	in          io.Reader
	out, errOut io.Writer
	// clock tells the time of verdicts and of new statements.
	clock func() time.Time
	// namesFrom is the directory of --names, names what was read there.
	namesFrom string
	names     keyNames
	// imagesFrom is the directory of --images, images what was read there.
	imagesFrom string
	images     imageNames
}

// print writes a result: value under --json, else what text writes.
func (a *app) print(value any, text func(*page)) error {
	if a.json {
		encoder := json.NewEncoder(a.out)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(value)
	}
	p := &page{names: a.names, images: a.images}
	text(p)
	return p.flush(a.out)
}

// announce writes a page to standard error: what is about to happen.
func (a *app) announce(text func(*page)) error {
	p := &page{names: a.names, images: a.images}
	text(p)
	return p.flush(a.errOut)
}

// say writes one line of progress to standard error.
func (a *app) say(format string, args ...any) {
	fmt.Fprintf(a.errOut, format+"\n", args...)
}

// page is text for people: lines, and aligned fields.
type page struct {
	strings.Builder
	names  keyNames
	images imageNames
}

func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// field writes a name and a value; neighbouring fields are aligned.
func (p *page) field(name, format string, args ...any) {
	fmt.Fprintf(p, "  "+name+"\t"+format+"\n", args...)
}

// row writes cells that are aligned with those of neighbouring rows.
func (p *page) row(cells ...string) { p.WriteString(strings.Join(cells, "\t") + "\n") }

func (p *page) flush(w io.Writer) error {
	var text bytes.Buffer
	aligned := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.TabIndent)
	if _, err := io.WriteString(aligned, p.String()); err != nil {
		return err
	}
	if err := aligned.Flush(); err != nil {
		return err
	}
	var out bytes.Buffer
	for line := range bytes.Lines(text.Bytes()) {
		out.Write(bytes.TrimRight(line, " \n"))
		out.WriteByte('\n')
	}
	_, err := w.Write(out.Bytes())
	return err
}

// failure is an error with what a person and a script need besides its text.
type failure struct {
	code string // stable, lower case words joined by hyphens
	hint string // what to do
	exit int
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// fail makes an error with an exit code, a code and a hint.
func fail(exit int, code, hint string, err error) error {
	return &failure{code: code, hint: hint, exit: exit, err: err}
}

// errVerdict ends a command with a verdict's exit code: the result was printed.
type errVerdict struct{ exit int }

func (e errVerdict) Error() string { return fmt.Sprintf("exit code %d", e.exit) }

// report prints an error and returns the exit code.
func (a *app) report(err error) int {
	if err == nil {
		return exitcode.Verified
	}
	if verdict, ok := errors.AsType[errVerdict](err); ok {
		return verdict.exit
	}
	e := explain(err)
	if a.json {
		encoder := json.NewEncoder(a.out)
		encoder.SetEscapeHTML(false)
		encoder.Encode(e)
	}
	fmt.Fprintf(a.errOut, "muster: %s\n", e.Error.Message)
	if e.Error.Hint != "" {
		fmt.Fprintf(a.errOut, "hint: %s\n", e.Error.Hint)
	}
	return e.Exit
}

// explained is the JSON of a failure.
type explained struct {
	Error struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Member  string `json:"member,omitempty"`
		Got     string `json:"got,omitempty"`
		Wanted  string `json:"wanted,omitempty"`
		Hint    string `json:"hint,omitempty"`
	} `json:"error"`
	Exit int `json:"exit"`
}

// explain finds code, member, got, wanted, hint and exit code of an error.
func explain(err error) explained {
	var e explained
	e.Exit = exitcode.Of(err)
	e.Error.Code = defaultCode(e.Exit)
	e.Error.Message = oneLine(err.Error())

	if refusal, ok := errors.AsType[*release.Refusal](err); ok {
		e.Exit = exitcode.Refused
		e.Error.Code, e.Error.Member = string(refusal.Code), refusal.Member
		e.Error.Got, e.Error.Wanted = refusal.Got, refusal.Want
	}
	if malformed, ok := errors.AsType[*bundle.Error](err); ok {
		e.Exit = exitcode.Refused
		e.Error.Code, e.Error.Member = "bundle-form", malformed.Member
		e.Error.Got, e.Error.Wanted = malformed.Got, malformed.Want
	}
	if status, ok := errors.AsType[*remote.StatusError](err); ok {
		e.Error.Code = "log-status"
		if status.Code != "" {
			e.Error.Code = status.Code
		}
		if status.Code == "not-published" {
			e.Error.Hint = "ask again in a second; if it stays so, the log waits for its witnesses"
		}
		e.Error.Member, e.Error.Got, e.Error.Wanted = status.Member, status.Got, status.Want
	}
	if _, ok := errors.AsType[*url.Error](err); ok {
		e.Error.Hint = "the log may be away: check its URL, or try again later"
	}
	if _, ok := errors.AsType[*remote.PendingError](err); ok {
		e.Exit, e.Error.Code = exitcode.Unknown, "not-published-yet"
		e.Error.Hint = "the entry is safe; run the same command again later, it gets the same index"
	}
	if f, ok := errors.AsType[*failure](err); ok {
		e.Exit, e.Error.Hint = f.exit, f.hint
		if f.code != "" {
			e.Error.Code = f.code
		}
	}
	return e
}

// defaultCode is the code of an error that has none of its own.
func defaultCode(exit int) string {
	switch exit {
	case exitcode.Refused:
		return "refused"
	case exitcode.Usage:
		return "usage"
	case exitcode.Misbehaved:
		return "log-misbehaved"
	}
	return "failed"
}

// oneLine keeps a peer's text from looking like another line of ours.
func oneLine(text string) string {
	clean := strconv.QuoteToGraphic(text)
	clean = strings.ReplaceAll(clean[1:len(clean)-1], `\"`, `"`)
	return strings.ReplaceAll(clean, `\\`, `\`)
}

// quoteWhole shows text that somebody is about to sign: nothing of it is left out.
func quoteWhole(text string) string { return strconv.QuoteToGraphic(text) }

// quote shows text that somebody else wrote, bounded.
func quote(text string) string {
	const limit = 200
	if len(text) > limit {
		return strconv.QuoteToASCII(strings.ToValidUTF8(text[:limit], "?")) + "..."
	}
	return strconv.QuoteToGraphic(text)
}
