package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"

	"github.com/muster-log/muster/internal/atomicfile"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/internal/keyfile"
)

// Failure is an error with what a person and a script need besides its text.
type Failure struct {
	// Code is stable: lower case words joined by hyphens. If it is empty, the
	// one of the error within stands, or one for the exit code.
	Code string
	// Hint is what to do, may be empty.
	Hint string
	// Exit is the exit code, one of package exitcode.
	Exit int
	// Err is the error itself.
	Err error
}

func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap returns the error itself.
func (f *Failure) Unwrap() error { return f.Err }

// Fail makes a [Failure] of an error.
func Fail(exit int, code, hint string, err error) error {
	return &Failure{Code: code, Hint: hint, Exit: exit, Err: err}
}

// Explained is the JSON of a failure.
type Explained struct {
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
func (p *Program) explain(err error) Explained {
	var e Explained
	e.Exit = exitcode.Unknown // no failure looks like a verdict
	e.Error.Message = OneLine(err.Error())
	if loose, ok := errors.AsType[*keyfile.ModeError](err); ok {
		e.Error.Code, e.Error.Hint = "key-file-mode", loose.Hint()
	}
	if _, ok := errors.AsType[*atomicfile.ExistsError](err); ok {
		e.Exit, e.Error.Code, e.Error.Hint = exitcode.Usage, "file-exists", "name another file"
	}
	if p.Explain != nil {
		p.Explain(err, &e)
	}
	if f, ok := errors.AsType[*Failure](err); ok {
		e.Exit, e.Error.Hint = f.Exit, f.Hint
		if f.Code != "" {
			e.Error.Code = f.Code
		}
	}
	if e.Error.Code == "" {
		e.Error.Code = defaultCode(e.Exit)
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

// verdict is the exit code of a result that is not a pass.
type verdict struct{ exit int }

func (v verdict) Error() string { return fmt.Sprintf("exit code %d", v.exit) }

// Verdict ends a command with an exit code and prints no error: the result says
// what there is to say.
func Verdict(exit int) error { return verdict{exit} }

// report prints an error and returns the exit code.
func (p *Program) report(err error) int {
	if err == nil {
		return exitcode.Verified
	}
	if v, ok := errors.AsType[verdict](err); ok {
		return v.exit
	}
	e := p.explain(err)
	if p.JSON {
		p.encode(e)
	}
	fmt.Fprintf(p.ErrOut, "%s: %s\n", p.Name, e.Error.Message)
	if e.Error.Hint != "" {
		fmt.Fprintf(p.ErrOut, "hint: %s\n", e.Error.Hint)
	}
	return e.Exit
}

// Print writes a result: value under --json, else what text writes.
func (p *Program) Print(value any, text func(io.Writer) error) error {
	if p.JSON {
		return p.encode(value)
	}
	return text(p.Out)
}

func (p *Program) encode(value any) error {
	encoder := json.NewEncoder(p.Out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// Logger writes to standard error, under --json one object a line; verbose has
// it write what is at level DEBUG, too.
func (p *Program) Logger(verbose bool) *slog.Logger {
	options := &slog.HandlerOptions{Level: slog.LevelInfo}
	if verbose {
		options.Level = slog.LevelDebug
	}
	if p.JSON {
		return slog.New(slog.NewJSONHandler(p.ErrOut, options))
	}
	return slog.New(slog.NewTextHandler(p.ErrOut, options))
}

// Terminal returns standard error if a person watches it there: it is a terminal.
// Nil: what is drawn over and over would be noise, in a file or a pipe.
func (p *Program) Terminal() *os.File {
	file, ok := p.ErrOut.(*os.File)
	if !ok {
		return nil
	}
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	return file
}

// OneLine keeps a peer's text from looking like another line of ours.
func OneLine(text string) string {
	clean := strconv.QuoteToGraphic(text)
	clean = strings.ReplaceAll(clean[1:len(clean)-1], `\"`, `"`)
	return strings.ReplaceAll(clean, `\\`, `\`)
}

// Quote shows text that somebody else wrote, bounded.
func Quote(text string) string {
	const limit = 200
	if len(text) > limit {
		return strconv.QuoteToASCII(strings.ToValidUTF8(text[:limit], "?")) + "..."
	}
	return strconv.QuoteToGraphic(text)
}
