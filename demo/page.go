package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

// width is how many columns of a line of output are shown.
const width = 110

// page is what the demo prints: numbered steps, what happens in plain words, the
// real command lines, and their real output, shortened. Everything is also kept,
// for the comparison with README.
type page struct {
	out    io.Writer
	colour bool
	kept   bytes.Buffer
	step   int
}

// newPage prints to out, with colours where that is a terminal that wants them.
func newPage(out *os.File) *page {
	info, err := out.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	return &page{out: out, colour: terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

// The escape sequences of ECMA-48 that are used.
const (
	bold  = "1"
	faint = "2"
	red   = "31"
	green = "32"
)

func (p *page) paint(colour, text string) string {
	if !p.colour {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

func (p *page) line(colour, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	p.kept.WriteString(text + "\n")
	fmt.Fprintln(p.out, p.paint(colour, text))
}

// title begins a step.
func (p *page) title(text string) {
	p.step++
	p.line(bold, "\n%d. %s", p.step, text)
}

// say prints a paragraph of plain words.
func (p *page) say(format string, args ...any) {
	for line := range strings.Lines(wrap(fmt.Sprintf(format, args...), width-3)) {
		p.line("0", "   %s", strings.TrimSuffix(line, "\n"))
	}
}

// command prints a command line, and what the shell is told behind it, as somebody
// in directory who typed it.
func (p *page) command(who string, args []string, behind string) {
	words := make([]string, len(args))
	for i, arg := range args {
		words[i] = shellQuote(arg)
	}
	// Command lines are not cut: they are there to be copied.
	p.line(bold, "   %s$ %s%s", who, strings.Join(words, " "), behind)
}

// output prints at most limit lines of what a command printed, and says how many
// more there are.
func (p *page) output(text string, limit int) {
	text = strings.TrimRight(text, "\n")
	if text == "" || limit == 0 {
		return
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if i == limit && len(lines) > limit+1 {
			p.line(faint, "     ... %d more lines", len(lines)-limit)
			return
		}
		p.line(faint, "     %s", shorten(line, width-5))
	}
}

// matching prints the lines of what a command printed that match, with "..." where
// others are left out.
func (p *page) matching(text string, show *regexp.Regexp) {
	skipped := false
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if !show.MatchString(line) {
			skipped = true
			continue
		}
		if skipped {
			p.line(faint, "     ...")
		}
		skipped = false
		p.line(faint, "     %s", shorten(line, width-5))
	}
	if skipped {
		p.line(faint, "     ...")
	}
}

// held says that something is as it must be.
func (p *page) held(format string, args ...any) {
	p.line(green, "   => %s", fmt.Sprintf(format, args...))
}

// longDigest is a digest whose middle says nothing to a person.
var longDigest = regexp.MustCompile(`\b([0-9a-f]{8})[0-9a-f]{48}([0-9a-f]{8})\b`)

// shorten cuts the digests of a line that is too long, and then, where that is not
// enough, the line in its middle, so that its end can be seen.
func shorten(line string, columns int) string {
	runes := []rune(strings.ReplaceAll(line, "\t", " "))
	if len(runes) > columns {
		runes = []rune(longDigest.ReplaceAllString(string(runes), "$1...$2"))
	}
	if len(runes) <= columns {
		return string(runes)
	}
	const tail = 44
	return string(runes[:columns-tail-3]) + "..." + string(runes[len(runes)-tail:])
}

// wrap breaks text at spaces into lines of at most columns.
func wrap(text string, columns int) string {
	var wrapped strings.Builder
	length := 0
	for _, word := range strings.Fields(text) {
		switch {
		case length == 0:
		case length+1+len(word) > columns:
			wrapped.WriteByte('\n')
			length = 0
		default:
			wrapped.WriteByte(' ')
			length++
		}
		wrapped.WriteString(word)
		length += len(word)
	}
	wrapped.WriteByte('\n')
	return wrapped.String()
}

// shellQuote writes an argument so that a shell reads it as it is.
func shellQuote(arg string) string {
	plain := arg != "" && strings.IndexFunc(arg, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./=:,+@%", r))
	}) < 0
	if plain {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}
