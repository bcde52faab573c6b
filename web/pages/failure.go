package pages

import (
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/labstack/echo/v4"
)

// TypeError says that a list of a type was asked for that there is not.
type TypeError struct {
	Got string // the requester's own text, of at most 128 bytes
}

// Want lists the types of a list in words.
func (e *TypeError) Want() string {
	return "all, authority, image, release, withdrawal, roll or finding"
}

func (e *TypeError) Error() string {
	return "parameter type: got " + strconv.QuoteToASCII(e.Got) + ", want " + e.Want()
}

// EntryError says that there is no entry of an index. It is fs.ErrNotExist.
type EntryError struct {
	Got  string // the index as it was asked for
	Size uint64 // of the newest checkpoint
}

func (e *EntryError) Error() string {
	got := e.Got
	if len(got) > 80 {
		got = got[:80] + "..."
	}
	text := "there is no entry " + strconv.QuoteToASCII(got) + ": the newest checkpoint covers "
	switch e.Size {
	case 0:
		return text + "none"
	case 1:
		return text + "1 entry, 0"
	}
	return text + fmt.Sprintf("%d entries, 0 to %d", e.Size, e.Size-1)
}

// Is implements the interface of errors.Is.
func (e *EntryError) Is(target error) bool { return target == fs.ErrNotExist }

// maxPathShown bounds what a page repeats of the path it was asked for, in bytes.
const maxPathShown = 200

// failureView is an error as a page.
type failureView struct {
	Status       int
	Title        string
	Path         string // percent-encoded and cut
	Code, Detail string
}

// Failure answers with an error, for those who asked for a page. detail is made
// a sentence.
func (p *Pages) Failure(c echo.Context, status int, code, detail string) error {
	title := http.StatusText(status)
	path := c.Request().URL.EscapedPath()
	if len(path) > maxPathShown {
		path = path[:maxPathShown] + "..."
	}
	view := failureView{Status: status, Title: title, Path: path, Code: code, Detail: sentence(detail)}
	return p.render(c, status, "failure", frame{Title: title, View: view})
}

// sentence gives an error's text its capital and its full stop.
func sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	if size == 0 {
		return ""
	}
	text = string(unicode.ToUpper(first)) + text[size:]
	if last := text[len(text)-1]; last != '.' && last != '!' && last != '?' {
		text += "."
	}
	return text
}
