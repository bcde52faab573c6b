package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/internal/problem"
)

// step is one answer of a scripted log.
type step struct {
	status int
	header map[string]string
	body   string
}

// script answers request after request, and repeats the last answer.
func script(t *testing.T, steps ...step) (c *Client, requests *[]string) {
	t.Helper()
	requests = new([]string)
	c = serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*requests = append(*requests, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+string(body)))
		next := steps[min(len(*requests), len(steps))-1]
		w.Header().Set("Content-Type", "application/json")
		for name, value := range next.header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(next.status)
		io.WriteString(w, next.body)
	})
	return c, requests
}

// noSleep replaces the clock and notes the pauses.
func noSleep(c *Client) *[]time.Duration {
	pauses := new([]time.Duration)
	c.sleep = func(ctx context.Context, d time.Duration) error {
		*pauses = append(*pauses, d)
		if len(*pauses) > 20 {
			return context.DeadlineExceeded
		}
		return ctx.Err()
	}
	return pauses
}

const receipt7 = `{"index":7,"digest":"ab"}`

func TestSubmitPublishedAtOnce(t *testing.T) {
	c, requests := script(t, step{status: 201, body: `{"index":7,"digest":"ab","duplicate":true}`})
	got, err := c.Submit(t.Context(), []byte("entry"), nil)
	if err != nil || *got != (Receipt{Index: 7, Digest: "ab", Duplicate: true}) {
		t.Fatalf("got %+v, %v", got, err)
	}
	if want := []string{"POST /api/v1/entries entry"}; !slices.Equal(*requests, want) {
		t.Errorf("got requests %q, want %q", *requests, want)
	}
}

func TestSubmitFollowsTheLocationOf202(t *testing.T) {
	c, requests := script(t,
		step{status: 202, header: map[string]string{"Location": "/api/v1/entries/7/proof", "Retry-After": "1"}, body: receipt7},
		step{status: 404},
		step{status: 503, header: map[string]string{"Retry-After": "3"}},
		step{status: 200, header: map[string]string{"Content-Type": "text/plain"}, body: "proof"},
	)
	pauses := noSleep(c)
	var reasons []string
	got, err := c.Submit(t.Context(), []byte("entry"), func(_ time.Duration, err error) { reasons = append(reasons, fmt.Sprint(err)) })
	if err != nil || got.Index != 7 {
		t.Fatalf("got %+v, %v", got, err)
	}
	proof := "GET /api/v1/entries/7/proof"
	if want := []string{"POST /api/v1/entries entry", proof, proof, proof}; !slices.Equal(*requests, want) {
		t.Errorf("got requests %q, want %q", *requests, want)
	}
	if want := []time.Duration{500 * time.Millisecond, 3 * time.Second}; !slices.Equal(*pauses, want) {
		t.Errorf("got pauses %v, want %v", *pauses, want)
	}
	if len(reasons) != 3 || reasons[0] != "<nil>" || reasons[1] != "<nil>" || !strings.Contains(reasons[2], "503") {
		t.Errorf("got reasons %q", reasons)
	}
}

func TestSubmitWaitsForALogThatAsksTo(t *testing.T) {
	c, requests := script(t,
		step{status: 503, header: map[string]string{"Retry-After": "2"}},
		step{status: 429, header: map[string]string{"Retry-After": "999999999"}},
		step{status: 502},
		step{status: 500}, step{status: 500}, step{status: 500}, step{status: 500},
		step{status: 200, body: receipt7},
	)
	pauses := noSleep(c)
	if _, err := c.Submit(t.Context(), []byte("entry"), nil); err != nil {
		t.Fatal(err)
	}
	if len(*requests) != 8 {
		t.Errorf("got %d requests, want 8", len(*requests))
	}
	if (*pauses)[0] != 2*time.Second || (*pauses)[1] != maxRetryAfter || (*pauses)[6] != lastPause {
		t.Errorf("got pauses %v, want the log's word, bounded, and a bounded back-off", *pauses)
	}
}

func TestSubmitRefusedIsNotRepeated(t *testing.T) {
	c, requests := script(t, step{status: 422, header: map[string]string{"Content-Type": "application/problem+json"},
		body: `{"title":"refused","status":422,"detail":"too few signatures","code":"threshold-missed","member":"signatures","got":"1","want":"2"}`})
	noSleep(c)
	_, err := c.Submit(t.Context(), []byte("entry"), nil)
	refused, ok := errors.AsType[*StatusError](err)
	if !ok || !refused.Refused() || refused.Code != "threshold-missed" || refused.Member != "signatures" || refused.Got != "1" || refused.Want != "2" {
		t.Fatalf("got %#v", err)
	}
	if len(*requests) != 1 {
		t.Errorf("got %d requests, want 1", len(*requests))
	}
}

func TestSubmitLocationElsewhereIsNotFollowed(t *testing.T) {
	for _, location := range []string{"", "https://other.example/x", "http://user@127.0.0.1/", "://"} {
		c, requests := script(t, step{status: 202, header: map[string]string{"Location": location}, body: receipt7})
		noSleep(c)
		_, err := c.Submit(t.Context(), []byte("entry"), nil)
		if _, ok := errors.AsType[*PendingError](err); !ok || len(*requests) != 1 {
			t.Errorf("location %q: got %v after %d requests, want a *PendingError after one", location, err, len(*requests))
		}
	}
}

func TestSubmitAcceptedAndNeverPublished(t *testing.T) {
	c, _ := script(t, step{status: 202, header: map[string]string{"Location": "/api/v1/entries/7"}, body: receipt7})
	noSleep(c)
	_, err := c.Submit(t.Context(), []byte("entry"), nil)
	if _, ok := errors.AsType[*PendingError](err); !ok || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want a *PendingError at the deadline", err)
	}
}

func TestSubmitGivesUpOnALogThatIsAway(t *testing.T) {
	c, _ := script(t, step{status: 200})
	c.base.Host = "127.0.0.1:1"
	pauses := noSleep(c)
	if _, err := c.Submit(t.Context(), []byte("entry"), nil); err == nil || len(*pauses) != maxFailures-1 {
		t.Errorf("got %v after %d pauses, want an error after %d", err, len(*pauses), maxFailures-1)
	}
}

func TestSubmitReceiptsThatAreNone(t *testing.T) {
	for _, body := range []string{"", "[]", "{}", `{"index":-1}`, `{"index":"7"}`, `{"index":9223372036854775807}`, `{"index":1e30}`} {
		c, _ := script(t, step{status: 200, body: body})
		if got, err := c.Submit(t.Context(), []byte("entry"), nil); err == nil {
			t.Errorf("receipt %q: got %+v, want an error", body, got)
		}
	}
}

func TestProblemTextIsFitForATerminal(t *testing.T) {
	body := "{\"detail\":\"red \\u001b[31m and \u202e back " + strings.Repeat("é", 1000) + "\"}"
	c, _ := script(t, step{status: 400, header: map[string]string{"Content-Type": "application/problem+json"}, body: body})
	_, err := c.Checkpoint(t.Context())
	text := err.Error()
	if strings.ContainsAny(text, "\x1b\u202e") || len(text) > 2*problem.MaxText || !strings.Contains(text, "red ?[31m and ? back") {
		t.Errorf("got %q", text)
	}
}
