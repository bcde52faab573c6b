// Package problem reads the problem documents (RFC 9457) of the servers that this
// module talks to.
package problem

import (
	"encoding/json"
	"net/http"

	"github.com/muster-log/muster/internal/printable"
)

// MaxText bounds each text of a document in bytes.
const MaxText = 512

// Document is what a problem document says, each text cut and fit for a terminal. What
// it does not say is empty.
type Document struct {
	// Title and Detail say in words what is wrong.
	Title, Detail string
	// Code is the stable reason code.
	Code string
	// Member is the offending member, with what it was and what is wanted.
	Member, Got, Want string
}

// Parse reads a document, whose size the caller has bounded; false if it is none.
func Parse(data []byte) (Document, bool) {
	var said struct{ Title, Detail, Code, Member, Got, Want, Wanted string }
	if json.Unmarshal(data, &said) != nil {
		return Document{}, false
	}
	d := Document{Title: said.Title, Detail: said.Detail, Code: said.Code, Member: said.Member, Got: said.Got, Want: said.Want}
	if d.Want == "" {
		d.Want = said.Wanted
	}
	for _, text := range []*string{&d.Title, &d.Detail, &d.Code, &d.Member, &d.Got, &d.Want} {
		*text = Shown(*text)
	}
	return d, true
}

// Shown makes a server's text fit for a terminal.
func Shown(text string) string { return printable.Text(text, MaxText) }

// Refused reports whether a status says that the server judged the request and refused
// it: asking again does not help.
func Refused(status int) bool {
	return status >= 400 && status < 500 && status != http.StatusRequestTimeout && status != http.StatusTooManyRequests
}
