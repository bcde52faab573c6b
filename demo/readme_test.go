package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const printedByDemo = `
1. First
   ci$ muster submit --log http://127.0.0.1:4711
     index   3
     digest  850bc7ae1aa2756ad9b4b3b5ef025779ab230715da9ce33bb0d5032eb3c8331e

2. Second
   => held at 2026-11-24T21:32:54Z

All 2 steps held, in 5.3 seconds.
`

func TestCompareExcerpt(t *testing.T) {
	for name, test := range map[string]struct {
		excerpt string
		ok      bool
	}{
		"whole":                     {strings.TrimPrefix(printedByDemo, "\n"), true},
		"other digests and times":   {"1. First\n...\n     digest  ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\n\n2. Second\n   => held at 2027-01-01T00:00:00Z\n...\nAll 2 steps held, in 12.9 seconds.", true},
		"other port":                {"   ci$ muster submit --log http://127.0.0.1:1\n", true},
		"line left out unsaid":      {"1. First\n     index   3\n", false},
		"line that is not printed":  {"1. First\n...\n     index   4\n", false},
		"wrong order":               {"2. Second\n...\n1. First\n", false},
		"a digest where none is":    {"1. First\n...\n     index   850bc7ae1aa2756ad9b4b3b5ef025779ab230715da9ce33bb0d5032eb3c8331e\n", false},
		"more than was printed":     {"All 2 steps held, in 5.3 seconds.\nand more\n", false},
		"another number of seconds": {"All 3 steps held, in 5.3 seconds.\n", false},
	} {
		if err := compareExcerpt(test.excerpt, printedByDemo); (err == nil) != test.ok {
			t.Errorf("%s: got %v, want ok %t", name, err, test.ok)
		}
	}
}

// TestNearestLine: a line that was not printed is named with the one that was
// printed in its stead, as it was printed.
func TestNearestLine(t *testing.T) {
	for name, test := range map[string]struct {
		excerpt string
		want    differenceError
	}{
		"after lines left out": {"1. First\n...\n     index   4\n", differenceError{3, "     index   4", "     index   3"}},
		"the next line":        {"1. First\n     index   3\n", differenceError{2, "     index   3", "   ci$ muster submit --log http://127.0.0.1:4711"}},
		"a varying part":       {"...\n   => it held, 2026-01-01T00:00:00Z\n", differenceError{2, "   => it held, 2026-01-01T00:00:00Z", ""}},
		"a word more":          {"...\n   => held at last, 2026-01-01T00:00:00Z\n", differenceError{2, "   => held at last, 2026-01-01T00:00:00Z", "   => held at 2026-11-24T21:32:54Z"}},
		"the end":              {"All 2 steps held, in 5.3 seconds.\nand more\n", differenceError{2, "and more", ""}},
	} {
		var got *differenceError
		if err := compareExcerpt(test.excerpt, printedByDemo); !errors.As(err, &got) || *got != test.want {
			t.Errorf("%s: got %+v, want %+v", name, got, test.want)
		}
	}
}

// TestReadmeDiffers: that the steps held is said before what is wrong with README.
func TestReadmeDiffers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "README.md")
	if err := os.WriteFile(path, []byte(excerptBegins+"1. Another\n"+excerptEnds), 0o644); err != nil {
		t.Fatal(err)
	}
	err := compareReadme(path, printedByDemo)
	if err == nil || !strings.HasPrefix(err.Error(), "every step held, but "+path+" shows what the demo does not print: line 1 of its excerpt is\n  1. Another\n") {
		t.Errorf("got %v", err)
	}
}
