package printable

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "",
		"the log is full":        "the log is full",
		"größe 5 µm 漢":           "größe 5 µm 漢",
		"\x1b[31mred\r\nnext\t":  "?[31mred??next?",
		"a\u202eb\u2066c\u200fd": "a?b?c?d",
		"a\u0085b\x7f":           "a?b?",
		"a\xffb\xc3":             "a?b?",
		"a\ufffdb":               "a?b",
		"123456789012345678901":  "12345678901234567890",
		"1234567890123456789ß":   "1234567890123456789?",
	} {
		if got := Text(text, 20); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	if got := Text(strings.Repeat("x", 10), 0); got != "" {
		t.Errorf("got %q of at most 0 bytes", got)
	}
}

func FuzzText(f *testing.F) {
	f.Add("a\xff\u202e", 3)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		if limit < 0 || limit > 1<<10 {
			return
		}
		got := Text(text, limit)
		if len(got) > limit || !utf8.ValidString(got) || strings.ContainsAny(got, "\x00\n\r\x1b\u202e\u2066") {
			t.Errorf("%q of at most %d bytes became %q", text, limit, got)
		}
	})
}
