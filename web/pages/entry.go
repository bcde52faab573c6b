package pages

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
)

// entryView is everything that is known of one entry.
type entryView struct {
	Index     uint64
	Published bool
	Digest    string // of the payload; empty if there is none
	Title     string
	Summary   string
	Note      string // its signers' free text
	Facts     []fact
	State     stateView
	// Code and Reason say why a void or unknown entry is so; Reason is partly
	// the entry's own text.
	Code, Reason string
	Signers      signersView
	Images       []imageLine
	Withdrawals  []withdrawalLine // of an image or a release
	Changes      []fact           // of an authority, against the version before
	Effects      []effectsView
	Artifacts    []release.Artifact
	Measurements []measurementView
	Witnessed    time.Time
	Raw          string // the payload, indented for reading
	Opaque       bool   // Raw is the entry as it is: it could not be read
	Base         string // path of the entry in the API
	File         string // how its files are called
	Commands     []string
	Release      bool
}

// fact is one line of what an entry states. One of Text, Digest, Link and Time
// stands.
type fact struct {
	Name   string
	Same   bool // the line before has the name already
	Text   string
	Digest string
	Index  uint64 // where the entry of the digest is, if Linked
	Linked bool
	Time   time.Time
}

// entry is the page of one entry.
func (p *Pages) entry(c echo.Context) error {
	ctx := c.Request().Context()
	text := c.Param("index")
	index, err := strconv.ParseUint(text, 10, 63)
	if err != nil || strconv.FormatUint(index, 10) != text {
		return p.noEntry(text)
	}
	data, err := p.config.Log.Entry(ctx, index)
	if errors.Is(err, log.ErrNotPublished) {
		return p.notPublished(c, index)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return p.noEntry(text)
	}
	if err != nil {
		return err
	}
	view, err := p.describe(ctx, index, data)
	if err != nil {
		return err
	}
	view.Commands = p.commands(c, view)
	return p.render(c, http.StatusOK, "entry", frame{Title: view.Title, Here: "entry", View: view})
}

func (p *Pages) noEntry(text string) error {
	newest, _ := p.config.Log.Checkpoint()
	return &EntryError{Got: text, Size: newest.Checkpoint.Size}
}

// notPublished is the page of an entry that waits for its witnesses.
func (p *Pages) notPublished(c echo.Context, index uint64) error {
	c.Response().Header().Set("Cache-Control", "no-store")
	c.Response().Header().Set("Retry-After", "2")
	view := entryView{Index: index, Title: "Entry " + strconv.FormatUint(index, 10)}
	return p.render(c, http.StatusNotFound, "entry", frame{Title: view.Title, Here: "entry", View: view})
}

// describe gathers what is known of a published entry.
func (p *Pages) describe(ctx context.Context, index uint64, data []byte) (entryView, error) {
	number := strconv.FormatUint(index, 10)
	view := entryView{Index: index, Published: true, Title: "Entry " + number, Base: "/api/v1/entries/" + number, File: "entry-" + number, Witnessed: p.witnessed(ctx, index)}
	envelope, err := release.ParseEnvelope(data)
	if err != nil {
		view.Raw, view.Opaque = string(data), true
	} else {
		view.Digest = envelope.PayloadDigest().String()
		view.Raw = indented(envelope.Payload)
	}
	var statement *release.Statement
	if envelope != nil {
		if statement, err = release.ParseStatement(envelope.Payload); err != nil {
			statement = nil
		}
	}
	admitted := false
	indices := make(map[release.Digest]uint64)
	newest, _ := p.config.Log.Checkpoint()
	size := newest.Checkpoint.Size
	p.config.Log.View(func(state *register.State) {
		record, _ := state.Entry(index)
		view.State = stateAt(state, index, size)
		if record.Refusal != nil {
			view.Code, view.Reason = string(record.Refusal.Code), record.Refusal.Error()
		}
		if statement == nil {
			return
		}
		view.Signers = signersOf(state, record, envelope, statement)
		if own, ok := statement.Predicate.(*release.Authority); ok && record.Status == register.StatusAdmitted {
			if before, _ := state.AuthorityAt(index); before != nil {
				view.Changes = changes(before, own)
			}
		}
		admitted = record.Status == register.StatusAdmitted
		for _, digest := range digestsOf(statement) {
			if at, ok := state.Lookup(digest); ok && at < size {
				indices[digest] = at
			}
		}
	})
	if statement == nil {
		return view, nil
	}
	view.state(statement, indices)
	switch stated := statement.Predicate.(type) {
	case *release.Release:
		view.Images = p.images(ctx, stated.Images, indices)
	case *release.Roll:
		named, err := p.rollCheckpoint(ctx, stated)
		if err != nil {
			return view, err
		}
		view.Facts = append(view.Facts, named)
	}
	if admitted {
		if view.Withdrawals, err = p.withdrawals(ctx, index, size, envelope.PayloadDigest()); err != nil {
			return view, err
		}
		if view.Effects, err = p.effects(ctx, index, size, statement); err != nil {
			return view, err
		}
	}
	return view, nil
}

// indented lays JSON out for reading. What is signed is the text without it.
func indented(payload []byte) string {
	var out bytes.Buffer
	if json.Indent(&out, payload, "", "  ") != nil {
		return string(payload)
	}
	return out.String()
}

// commands are the lines that check the entry on the reader's own machine.
func (p *Pages) commands(c echo.Context, view entryView) []string {
	get := fmt.Sprintf("muster bundle get %d --log %s --policy log.policy --out %s.muster", view.Index, shellWord(p.address(c)), view.File)
	if !view.Release {
		return []string{get}
	}
	return []string{get, "muster verify " + view.File + ".muster --policy log.policy --requirements requirements.json"}
}

// shellWord quotes a word for a shell, where it holds anything but what an
// address usually has.
func shellWord(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(":/.-_[]", r)
	}
	if strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
