package main

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/muster-log/muster/internal/command"
	"github.com/muster-log/muster/release"
)

// What is printed and where, package command says. A progress bar is drawn on a
// terminal only. A verdict that is not pass is a result and no error: it ends with
// 1 or 3 and prints no error. Text of a peer is quoted.

// app is what every command shares.
type app struct {
	*command.Program
	in io.Reader
	// interrupted is closed when the program is told to end.
	interrupted <-chan struct{}
	// clock tells the time of verdicts and of new statements.
	clock func() time.Time
	// namesFrom is the directory of --names, names what the keys there are called.
	namesFrom string
	names     keyNames
	namedKeys map[release.KeyID]release.Key
	// imagesFrom is the directory of --images, images what was read there.
	imagesFrom string
	images     imageNames
}

// print writes a result: value under --json, else what text writes.
func (a *app) print(value any, text func(*page)) error {
	return a.Print(value, func(out io.Writer) error {
		p := &page{names: a.names, images: a.images}
		text(p)
		return p.flush(out)
	})
}

// announce writes a page to standard error: what is about to happen.
func (a *app) announce(text func(*page)) error {
	p := &page{names: a.names, images: a.images}
	text(p)
	return p.flush(a.ErrOut)
}

// say writes one line of progress to standard error.
func (a *app) say(format string, args ...any) {
	fmt.Fprintf(a.ErrOut, format+"\n", args...)
}

// page is text for people: lines, and aligned fields.
type page struct {
	strings.Builder
	names  keyNames
	images imageNames
}

func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// field writes a name and a value; neighbouring fields are aligned.
func (p *page) field(name, format string, args ...any) {
	fmt.Fprintf(p, "  "+name+"\t"+format+"\n", args...)
}

// row writes cells that are aligned with those of neighbouring rows.
func (p *page) row(cells ...string) { p.WriteString(strings.Join(cells, "\t") + "\n") }

func (p *page) flush(w io.Writer) error {
	var text bytes.Buffer
	aligned := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.TabIndent)
	if _, err := io.WriteString(aligned, p.String()); err != nil {
		return err
	}
	if err := aligned.Flush(); err != nil {
		return err
	}
	var out bytes.Buffer
	for line := range bytes.Lines(text.Bytes()) {
		out.Write(bytes.TrimRight(line, " \n"))
		out.WriteByte('\n')
	}
	_, err := w.Write(out.Bytes())
	return err
}

// quoteWhole shows text that somebody is about to sign: nothing of it is left out.
func quoteWhole(text string) string { return strconv.QuoteToGraphic(text) }
