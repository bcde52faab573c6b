package remote

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// allocating returns how many bytes a call takes from the heap, whether or not it
// gives them back.
func allocating(call func()) uint64 {
	before := allocated()
	call()
	return allocated() - before
}

// compressed serves a document compressed.
func compressed(t *testing.T, status int, contentType, document string) *Client {
	t.Helper()
	wire := gzipped(t, []byte(document))
	return serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Encoding", "gzip")
		w.WriteHeader(status)
		w.Write(wire)
	})
}

// filled repeats a part as often as it fits into so many bytes.
func filled(bytes int, head, part, tail string) string {
	return head + strings.Repeat(part, (bytes-len(head)-len(tail))/len(part)) + tail
}

// TestAnswersDoNotGrowInMemory: 8 KB on the wire are 8 MiB of JSON, and no more than
// a few times that in memory, whatever stands in it.
func TestAnswersDoNotGrowInMemory(t *testing.T) {
	live := func(c *Client) error { _, err := c.Live(t.Context(), ""); return err }
	list := func(c *Client) error { _, err := c.List(t.Context(), Query{}); return err }
	ready := func(c *Client) error { _, err := c.Ready(t.Context()); return err }
	releases := "[" + strings.Repeat("{},", maxReleases-1) + "{}]"
	for _, c := range []struct {
		name     string
		ask      func(*Client) error
		limit    int // of the answer in bytes
		document string
		refused  bool
	}{
		{"releases", live, maxLive, filled(maxLive, `{"size":1,"products":[{"product":"","releases":[{}`, ",{}", `]}]}`), true},
		{"products", live, maxLive, filled(maxLive, `{"size":1,"products":[{}`, ",{}", `]}`), true},
		{"products of releases", live, maxLive, filled(maxLive, `{"size":1,"products":[{}`, `,{"releases":`+releases+`}`, `]}`), true},
		{"lists of products", live, maxLive, filled(maxLive, `{"size":1`, `,"products":[{"releases":`+releases+`}]`, `}`), true},
		{"lists of releases", live, maxLive, filled(maxLive, `{"size":1,"products":[{"product":""`, `,"releases":[{}]`, `}]}`), true},
		{"sizes", live, maxLive, filled(maxLive, `{"size":1`, `,"size":1`, `}`), true},
		{"a member nobody knows", live, maxLive, filled(maxLive, `{"size":1,"x":[0`, `,[]`, `]}`), false},
		{"members nobody knows", live, maxLive, filled(maxLive, `{"size":1`, `,"":{}`, `}`), true},
		{"depth", live, maxLive, filled(maxLive, `{"size":1,"x":`, `[`, `]`), true},
		{"images of a release", live, maxLive, filled(maxLive, `{"size":1,"products":[{"product":"","releases":[{"images":[0`, `,0`, `]}]}]}`), true},
		{"entries", list, maxPage, filled(maxPage, `{"size":1,"entries":[{}`, ",{}", `]}`), true},
		{"reasons", list, maxPage, filled(maxPage, `{"size":1,"entries":[{"by":[0`, ",0", `]}]}`), true},
		{"missing witnesses", ready, maxProblem, filled(maxProblem, `{"missing":[""`, `,""`, `]}`), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := compressed(t, http.StatusOK, typeJSON, c.document)
			var err error
			// Most of it is a body that grows as it is read.
			most := uint64(16*c.limit + 1<<20)
			if got := allocating(func() { err = c.ask(client) }); got > most {
				t.Errorf("%d bytes took %d of memory, want at most %d", len(c.document), got, most)
			}
			if c.refused != errors.Is(err, ErrAnswer) {
				t.Errorf("got %v, refused %v is wanted", err, c.refused)
			}
		})
	}
	problem := compressed(t, http.StatusServiceUnavailable, typeProblem, filled(maxProblem, `{"detail":"away","x":[{}`, ",{}", `]}`))
	var err error
	if got := allocating(func() { err = live(problem) }); got > 8<<20 {
		t.Errorf("a problem took %d bytes of memory", got)
	}
	if status, ok := errors.AsType[*StatusError](err); !ok || status.Detail != "away" {
		t.Errorf("got %v", err)
	}
}

// TestLiveOfManyProducts: as much as a log may have is read.
func TestLiveOfManyProducts(t *testing.T) {
	var document strings.Builder
	document.WriteString(`{"size":100000,"products":[`)
	for p := range maxProducts {
		fmt.Fprintf(&document, `%s{"product":"acme/%d","releases":[{"index":0}%s]}`, comma(p), p, strings.Repeat(`,{"index":1}`, maxReleases-1))
	}
	document.WriteString(`]}`)
	live, err := compressed(t, http.StatusOK, typeJSON, document.String()).Live(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(live.Releases); n != maxProducts*maxReleases || live.Releases[n-1].Product != "acme/63" {
		t.Errorf("%d releases", n)
	}
}

func comma(n int) string {
	if n == 0 {
		return ""
	}
	return ","
}
