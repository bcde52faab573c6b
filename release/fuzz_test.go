package release

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gowebpki/jcs"
)

// FuzzParseEnvelope: what parses is written anew as the same bytes.
func FuzzParseEnvelope(f *testing.F) {
	f.Add(readExample(f, "03.envelope.json"))
	f.Add([]byte(`{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		draft, err := ParseDraft(data)
		if err != nil {
			if CodeOf(err) == "" {
				t.Fatalf("no code: %v", err)
			}
			if _, err := ParseEnvelope(data); err == nil {
				t.Fatal("no draft, and an entry")
			}
			return
		}
		got, err := draft.Marshal()
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("got %s, %v, want %s", got, err, data)
		}
		if _, err := ParseEnvelope(data); (err == nil) != (len(draft.Signatures) > 0) {
			t.Fatalf("%d signatures: %v", len(draft.Signatures), err)
		}
	})
}

// FuzzParseStatement: what parses is canonical, and written anew as the same
// bytes, from the statement and from its predicate alone.
func FuzzParseStatement(f *testing.F) {
	for index := range exampleDigests {
		f.Add(examplePayload(f, index))
	}
	for _, predicate := range fullPredicates(f) {
		f.Add(mustMarshal(f, mustNew(f, predicate)))
	}
	f.Add([]byte(`{"_type":"https://in-toto.io/Statement/v1","predicate":{},"predicateType":"x","subject":[]}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		statement, err := ParseStatement(payload)
		if err != nil {
			if CodeOf(err) == "" {
				t.Fatalf("no code: %v", err)
			}
			return
		}
		if got, err := jcs.Transform(payload); err != nil || !bytes.Equal(got, payload) {
			t.Fatalf("others write %s, %v, for %s", got, err, payload)
		}
		if got, err := statement.Marshal(); err != nil || !bytes.Equal(got, payload) {
			t.Fatalf("got %s, %v, want %s", got, err, payload)
		}
		if statement.Type == "" {
			return
		}
		made, err := newOf(statement.Predicate)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(statement, made); diff != "" {
			t.Fatalf("(-read +made):\n%s", diff)
		}
	})
}
