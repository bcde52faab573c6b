package main

import (
	"encoding/json"
	"fmt"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
)

// document is an envelope in a file: a draft on its way from signer to signer,
// or an entry.
type document struct {
	path      string
	envelope  *release.Envelope
	statement *release.Statement
}

// digest is what the log, and everyone else, knows the document by.
func (d *document) digest() release.Digest { return d.envelope.PayloadDigest() }

// readDocument reads an envelope with any number of signatures. Its statement
// must be of the wanted type; an empty one takes all.
func (a *app) readDocument(path string, want release.Type) (*document, error) {
	data, err := a.readFile(path, "document", release.MaxEntry)
	if err != nil {
		return nil, err
	}
	doc, err := parseDocument(data)
	if err != nil {
		return nil, wrongFile(path, data, draftOf(want), fmt.Errorf("%s: %w", path, err))
	}
	doc.path = path
	if got := doc.statement.Type; want != "" && got != want {
		if got == "" {
			got = release.Type(quote(doc.statement.URI))
		}
		return nil, fail(exitcode.Usage, string(release.CodePredicateType), "", fmt.Errorf("%s states a thing of type %s, want %s", path, got, want))
	}
	return doc, nil
}

func parseDocument(data []byte) (*document, error) {
	envelope, err := release.ParseDraft(data)
	if err != nil {
		return nil, err
	}
	statement, err := release.ParseStatement(envelope.Payload)
	if err != nil {
		return nil, err
	}
	return &document{envelope: envelope, statement: statement}, nil
}

// newDocument makes the draft of a statement, without signatures.
func newDocument(statement *release.Statement) (*document, error) {
	payload, err := statement.Marshal()
	if err != nil {
		return nil, err
	}
	// Shown and signed is what stands in the payload, not what it was made of.
	parsed, err := release.ParseStatement(payload)
	if err != nil {
		return nil, err
	}
	return &document{envelope: &release.Envelope{Payload: payload}, statement: parsed}, nil
}

// write stores the document at path.
func (d *document) write(path string, force bool) error {
	data, err := d.envelope.Marshal()
	if err != nil {
		return err
	}
	if err := writeNew(path, data, publicMode, force); err != nil {
		return err
	}
	d.path = path
	return nil
}

// documentJSON is how a document is shown under --json. Statement is the payload
// as it is.
type documentJSON struct {
	Type      release.Type    `json:"type"`
	Digest    release.Digest  `json:"digest"`
	Identity  *release.Digest `json:"identity,omitempty"`
	SignedBy  []release.KeyID `json:"signedBy"`
	Statement json.RawMessage `json:"statement"`
	File      string          `json:"file,omitempty"`
}

// signers are the keys whose signatures are there; nothing says that they hold.
func (d *document) signers() []release.KeyID {
	keys := []release.KeyID{}
	for _, signature := range d.envelope.Signatures {
		keys = append(keys, signature.KeyID)
	}
	return keys
}

func (d *document) json() documentJSON {
	shown := documentJSON{Type: d.statement.Type, Digest: d.digest(), SignedBy: d.signers(), Statement: d.envelope.Payload, File: d.path}
	if stated, ok := d.statement.Predicate.(*release.Release); ok {
		identity := stated.Identity()
		shown.Identity = &identity
	}
	return shown
}

// printDocument shows a document; title says what became of it.
func (a *app) printDocument(d *document, title string) error {
	return a.print(d.json(), func(p *page) {
		if title != "" {
			p.line("%s", title)
		}
		d.describe(p)
	})
}
