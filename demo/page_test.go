package main

import (
	"strings"
	"testing"
)

func TestShorten(t *testing.T) {
	line := strings.Repeat("a", 100) + strings.Repeat("z", 100)
	got := shorten(line, 60)
	if len(got) != 60 || !strings.HasPrefix(got, "aaa") || !strings.HasSuffix(got, "zzz") || !strings.Contains(got, "a...z") {
		t.Errorf("got %q", got)
	}
	digest := strings.Repeat("0123456789abcdef", 4)
	if got, want := shorten("entry 3 "+digest+" live", 40), "entry 3 01234567...89abcdef live"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := shorten("entry 3 "+digest, 80); !strings.HasSuffix(got, digest) {
		t.Errorf("a line that fits: got %q", got)
	}
	if got := shorten("a\tb", 60); got != "a b" {
		t.Errorf("got %q", got)
	}
}

func TestShellQuote(t *testing.T) {
	for arg, want := range map[string]string{
		"":               "''",
		"stable=prod":    "stable=prod",
		"it's":           `'it'\''s'`,
		"a b":            "'a b'",
		"$HOME":          "'$HOME'",
		"w1=x+0f+A/b==":  "w1=x+0f+A/b==",
		"line\nfeed":     "'line\nfeed'",
		"https://a.b/c/": "https://a.b/c/",
	} {
		if got := shellQuote(arg); got != want {
			t.Errorf("%q: got %s, want %s", arg, got, want)
		}
	}
}

func TestWrap(t *testing.T) {
	if got, want := wrap("one two  three four", 9), "one two\nthree\nfour\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOutputSaysHowMuchIsLeftOut(t *testing.T) {
	var out strings.Builder
	p := &page{out: &out}
	p.output("1\n2\n3\n4\n", 2)
	if want := "     1\n     2\n     ... 2 more lines\n"; out.String() != want || p.kept.String() != want {
		t.Errorf("got %q, kept %q, want %q", out.String(), p.kept.String(), want)
	}
	out.Reset()
	p.output("1\n2\n3\n", 2) // a line that says that one line is missing could be that line
	if want := "     1\n     2\n     3\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}
