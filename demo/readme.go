package main

import (
	"fmt"
	"os"
	"regexp"
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
// order, and without other lines between where none are left out.
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
		return fmt.Errorf("%s shows what the demo does not print: %w", path, err)
	}
	return nil
}

func compareExcerpt(excerpt, printed string) error {
	var lines []string
	for line := range strings.Lines(printed) {
		lines = append(lines, sameButVarying(strings.TrimSuffix(line, "\n")))
	}
	at, skip := 0, true
	for wanted := range strings.Lines(excerpt) {
		wanted = strings.TrimSuffix(wanted, "\n")
		if strings.TrimSpace(wanted) == leftOut {
			skip = true
			continue
		}
		want := sameButVarying(wanted)
		for skip && at < len(lines) && lines[at] != want {
			at++
		}
		if at == len(lines) || lines[at] != want {
			got := "the end"
			if at < len(lines) {
				got = fmt.Sprintf("%q", lines[at])
			}
			return fmt.Errorf("want the line\n  %q\ngot\n  %s", want, got)
		}
		at, skip = at+1, false
	}
	return nil
}
