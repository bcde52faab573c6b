package remote

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// answering serves one JSON document, and keeps what was asked.
func answering(t *testing.T, document string, asked *string) *Client {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		*asked = r.URL.Path + "?" + r.URL.RawQuery
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(document))
	})
}

func TestList(t *testing.T) {
	var asked string
	c := answering(t, `{"size":10,"entries":[{"index":7,"digest":"d","type":"release","product":"acme/ai","channel":"stable","version":"2","issued":"i","notAfter":"n","identity":"x","status":"admitted","standing":"superseded","by":[8],"signers":[],"new":{}},{"index":3,"type":"release","product":"acme/ai"}],"next":3}`, &asked)
	before := uint64(9)
	got, err := c.List(t.Context(), Query{Type: "release", Product: "acme/ai", Before: &before, Limit: 2})
	if err != nil {
		t.Fatal(err)
	}
	next := uint64(3)
	want := &Page{Size: 10, Next: &next, Entries: []Listed{
		{Index: 7, Digest: "d", Type: "release", Product: "acme/ai", Channel: "stable", Version: "2", Issued: "i", NotAfter: "n", Identity: "x", Status: "admitted", Standing: "superseded", By: []uint64{8}},
		{Index: 3, Type: "release", Product: "acme/ai"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if asked != "/api/v1/entries?before=9&limit=2&product=acme%2Fai&type=release" {
		t.Errorf("asked for %s", asked)
	}
	if _, err := answering(t, `{"size":0,"entries":[]}`, &asked).List(t.Context(), Query{}); err != nil || asked != "/api/v1/entries?limit=200" {
		t.Errorf("got %v for %s", err, asked)
	}
}

// TestHostileLists: a list that could make its reader go round in a circle, or
// bring text to a terminal that does more than stand there, is none.
func TestHostileLists(t *testing.T) {
	entry := func(members string) string { return `{"size":10,"entries":[{"index":7` + members + `}]}` }
	many := func(count int) string {
		var entries []string
		for i := range count {
			entries = append(entries, fmt.Sprintf(`{"index":%d,"type":"release"}`, count-i))
		}
		return `{"size":1000,"entries":[` + strings.Join(entries, ",") + `]}`
	}
	for name, document := range map[string]string{
		"no size":                  `{"entries":[]}`,
		"a negative size":          `{"size":-1,"entries":[]}`,
		"an index beyond the size": `{"size":7,"entries":[{"index":7,"type":"release"}]}`,
		"not below before":         `{"size":100,"entries":[{"index":50,"type":"release"}]}`,
		"one entry twice":          `{"size":10,"entries":[{"index":7,"type":"release"},{"index":7,"type":"release"}]}`,
		"rising":                   `{"size":10,"entries":[{"index":7,"type":"release"},{"index":8,"type":"release"}]}`,
		"more than a page":         many(PageLimit + 1),
		"another type":             entry(`,"type":"image"`),
		"a next that goes back":    `{"size":10,"entries":[{"index":7,"type":"release"}],"next":9}`,
		"a next of nothing":        `{"size":10,"entries":[],"next":9}`,
		"a next that skips":        `{"size":10,"entries":[{"index":7,"type":"release"}],"next":5}`,
		"an escape":                entry(`,"type":"release","version":"\u001b[31m"`),
		"a bidirectional mark":     entry(`,"type":"release","version":"\u202e"`),
		"a long text":              entry(`,"type":"release","version":"` + strings.Repeat("a", maxListText+1) + `"`),
		"many reasons":             entry(`,"type":"release","by":[` + strings.Repeat("1,", maxBy) + `1]`),
		"no object":                `[]`,
		"no JSON":                  `{"size":10`,
		"more than a page's bytes": `{"size":10,"entries":[],"x":"` + strings.Repeat("a", maxPage) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			var asked string
			before := uint64(40)
			got, err := answering(t, document, &asked).List(t.Context(), Query{Type: "release", Before: &before})
			if !errors.Is(err, ErrAnswer) {
				t.Errorf("got %v, %v, want an answer that no log gives", got, err)
			}
			if err != nil && strings.ContainsAny(err.Error(), "\x1b\u202e") {
				t.Errorf("the error has the log's text as it is: %q", err)
			}
		})
	}
}

func TestLive(t *testing.T) {
	var asked string
	c := answering(t, `{"size":10,"products":[{"product":"acme/ai","releases":[{"index":3,"digest":"d","identity":"x","channel":"stable","version":"2","issued":"i","notAfter":"n","images":["a"]}]},{"product":"acme/b","releases":[]}]}`, &asked)
	got, err := c.Live(t.Context(), "")
	if err != nil || asked != "/api/v1/live?" {
		t.Fatalf("got %v for %s", err, asked)
	}
	want := &Live{Size: 10, Releases: []Listed{{Index: 3, Digest: "d", Type: "release", Product: "acme/ai", Channel: "stable", Version: "2", Issued: "i", NotAfter: "n", Identity: "x", Status: "admitted", Standing: "live"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := c.Live(t.Context(), "acme/ai"); !errors.Is(err, ErrAnswer) || asked != "/api/v1/live?product=acme%2Fai" {
		t.Errorf("got %v for %s: another product is listed, too", err, asked)
	}
	for name, document := range map[string]string{
		"no size":          `{"products":[]}`,
		"beyond the size":  `{"size":3,"products":[{"product":"a","releases":[{"index":3}]}]}`,
		"an escape":        `{"size":10,"products":[{"product":"a\u0007","releases":[{"index":3}]}]}`,
		"another document": `{"size":10,"products":{}}`,
	} {
		if got, err := answering(t, document, &asked).Live(t.Context(), ""); !errors.Is(err, ErrAnswer) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	if _, err := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }).Live(t.Context(), ""); err == nil {
		t.Error("a log that is away says what is live")
	}
}
