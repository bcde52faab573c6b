// Package printable makes texts of a peer fit to be shown to a person.
package printable

import (
	"strings"
	"unicode"
)

// Text cuts a text to at most limit bytes of it, and replaces by '?' what could steer a
// terminal or mislead a reader: control characters, bidirectional marks, and what is no
// UTF-8. The result is UTF-8 of at most limit bytes.
func Text(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == unicode.ReplacementChar {
			return '?'
		}
		return r
	}, text[:min(len(text), limit)])
	return strings.ToValidUTF8(text, "?")
}
