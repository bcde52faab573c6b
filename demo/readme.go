package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

// The marks in README between which the excerpt of the demo's output stands, as a
// fenced block. A line "..." stands for any number of lines.
const (
	excerptBegins = "<!-- the output of make demo -->\n```text\n$ make demo\n"
	excerptEnds   = "\n```\n"
	leftOut       = "..."
)

// varying is what differs from run to run and from machine to machine: digests,
// keys, times, addresses, paths and versions of packages.
var varying = regexp.MustCompile(strings.Join([]string{
	`[0-9a-f]{4,64}\.\.\.[0-9a-f]{8,64}`,
	`[0-9a-f]{16,64}`,
	`\+[0-9a-f]{8}\+[A-Za-z0-9+/]{20,}=*`,
	`20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ`,
	`127\.0\.0\.1:\d+`,
	`/\S*/\.?state\S*`,
	`\d+\.\d seconds`,
	`252\.\d[\w.~+-]*`,
	`byte \d+ of \d+`,
	`byte \d+: '.' became '.'`,
}, "|"))

func sameButVarying(line string) string {
	return varying.ReplaceAllString(strings.TrimRight(line, " "), "*")
}

// compareReadme checks that every line of README's excerpt was printed, in its
// order, and without other lines between where none are left out. It is asked
// after the last step, so what it says is about the text alone.
func compareReadme(path, printed string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	_, rest, found := strings.Cut(string(text), excerptBegins)
	excerpt, _, ends := strings.Cut(rest, excerptEnds)
	if !found || !ends {
		return fmt.Errorf("%s holds no excerpt of the demo's output between %q and %q", path, excerptBegins, excerptEnds)
	}
	if err := compareExcerpt(excerpt, printed); err != nil {
		return fmt.Errorf("every step held, but %s shows what the demo does not print: %w", path, err)
	}
	return nil
}

// differenceError is a line of the excerpt that was not printed where it must be.
type differenceError struct {
	Line int    // of the excerpt, from 1
	Want string // as the excerpt has it
	Got  string // the printed line that is nearest to it; empty: none is near
}

func (e *differenceError) Error() string {
	text := fmt.Sprintf("line %d of its excerpt is\n  %s\n", e.Line, e.Want)
	if e.Got == "" {
		return text + "and nothing like it was printed there; write what the demo prints into the excerpt"
	}
	return text + "the nearest that was printed there is\n  " + e.Got + "\nwrite that into the excerpt"
}

func compareExcerpt(excerpt, printed string) error {
	lines := strings.Split(strings.TrimSuffix(printed, "\n"), "\n")
	same := make([]string, len(lines))
	for i, line := range lines {
		same[i] = sameButVarying(line)
	}
	at, skip, number := 0, true, 0
	for wanted := range strings.Lines(excerpt) {
		number++
		wanted = strings.TrimSuffix(wanted, "\n")
		if strings.TrimSpace(wanted) == leftOut {
			skip = true
			continue
		}
		from, want := at, sameButVarying(wanted)
		for skip && at < len(lines) && same[at] != want {
			at++
		}
		if at < len(lines) && same[at] == want {
			at, skip = at+1, false
			continue
		}
		difference := &differenceError{Line: number, Want: wanted}
		if skip {
			difference.Got = nearest(want, lines[from:], same[from:])
		} else if from < len(lines) {
			difference.Got = lines[from]
		}
		return difference
	}
	return nil
}

// nearest returns the line whose form shares the most words with want, the first
// of several, or none if it shares fewer than half of them.
func nearest(want string, lines, same []string) string {
	words := strings.Fields(want)
	best, found := (len(words)+1)/2, ""
	for i, line := range same {
		shared := 0
		others := strings.Fields(line)
		for _, word := range words {
			if at := slices.Index(others, word); at >= 0 {
				others = slices.Delete(others, at, at+1)
				shared++
			}
		}
		// Words that want does not have count against a line.
		if score := shared - len(others)/2; score > best || score == best && found == "" {
			best, found = score, lines[i]
		}
	}
	return found
}
