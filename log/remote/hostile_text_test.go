package remote

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/muster-log/muster/internal/problem"
)

// TestLongTextOfALog: what a log writes into an error is bounded, wherever it
// puts it, and fit for a terminal.
func TestLongTextOfALog(t *testing.T) {
	long := strings.Repeat("a", 40_000)
	// A query may hold anything but controls.
	bidi := "?x=\u202e" + long
	cases := map[string]http.HandlerFunc{
		"redirect to a long host": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://"+long+".example/")
			w.WriteHeader(http.StatusFound)
		},
		"redirect to a long path that is a loop": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/checkpoint"+bidi)
			w.WriteHeader(http.StatusFound)
		},
		"redirect to a long path that fails": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.RawQuery == "" {
				w.Header().Set("Location", "/checkpoint"+bidi)
				w.WriteHeader(http.StatusFound)
				return
			}
			w.Header().Set("Content-Type", "text/html")
		},
		"redirect to a long path that is not there": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.RawQuery == "" {
				w.Header().Set("Location", "/checkpoint"+bidi)
				w.WriteHeader(http.StatusFound)
				return
			}
			w.WriteHeader(http.StatusNotFound)
		},
		"long content type": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "text/"+long) },
		"long encoding": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			w.Header().Set("Content-Encoding", long)
			w.Write([]byte("x"))
		},
	}
	for name, answer := range cases {
		t.Run(name, func(t *testing.T) {
			c := serve(t, answer)
			_, err := c.Checkpoint(t.Context())
			if err == nil {
				t.Fatal("want an error")
			}
			if text := err.Error(); len(text) > 3*problem.MaxText || strings.ContainsRune(text, '\u202e') {
				t.Errorf("got %d bytes: %.300q", len(text), text)
			}
		})
	}
}

// TestLongLocation: the same for the Location of an answer 202.
func TestLongLocation(t *testing.T) {
	for _, location := range []string{"/" + strings.Repeat("a", 40_000), "http://other.example/" + strings.Repeat("a", 40_000), "/a?\u202e"} {
		c, _ := script(t,
			step{status: 202, header: map[string]string{"Location": location}, body: receipt7},
			step{status: 403})
		noSleep(c)
		_, err := c.Submit(t.Context(), []byte("entry"), nil)
		pending, ok := errors.AsType[*PendingError](err)
		if !ok {
			t.Fatalf("got %v, want a *PendingError", err)
		}
		if text := pending.Error(); len(text) > 3*problem.MaxText || strings.ContainsRune(text, '\u202e') {
			t.Errorf("got %d bytes: %.300q", len(text), text)
		}
	}
}

// TestHeaderOverTheBound: an endless header ends the request.
func TestHeaderOverTheBound(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		for range 100 {
			w.Header().Add("X-Padding", strings.Repeat("a", 4096))
		}
	})
	if _, err := c.Checkpoint(t.Context()); err == nil {
		t.Error("got an answer with 400 KiB of header, want an error")
	}
}
