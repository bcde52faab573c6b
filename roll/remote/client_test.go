package remote_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/releasetest"
	"github.com/muster-log/muster/roll/remote"
)

var when = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)

func withdrawal(t *testing.T) ([]byte, release.Digest) {
	t.Helper()
	statement, err := release.NewWithdrawal(&release.Withdrawal{Issued: when, Product: "acme/ai", Target: release.Digest{1}, Reason: release.ReasonDefect})
	if err != nil {
		t.Fatal(err)
	}
	return releasetest.SignStatement(t, statement, "wd")
}

func client(t *testing.T, handler http.HandlerFunc) *remote.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	c, err := remote.New(server.URL + "/roll")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestHand(t *testing.T) {
	entry, digest := withdrawal(t)
	index := uint64(7)
	want := remote.Withdrawal{Digest: digest, Product: "acme/ai", Target: release.Digest{1}, State: remote.StateLogged, HandedIn: when, Deadline: when.Add(5 * time.Minute), Index: &index}
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != http.MethodPost || r.URL.Path != "/roll/withdrawals" || r.Header.Get("Content-Type") != remote.MediaType || string(body) != string(entry) {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusAccepted)
		json.NewEncoder(w).Encode(want)
	})
	got, err := c.Hand(t.Context(), entry)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if _, err := c.Hand(t.Context(), []byte("{}")); release.CodeOf(err) == "" {
		t.Errorf("no envelope was handed in: %v", err)
	}
}

// TestAnswers: what a server may answer, and what a caller is told.
func TestAnswers(t *testing.T) {
	entry, digest := withdrawal(t)
	tests := []struct {
		name, contentType, body, want string
		status                        int
		refused                       bool
	}{
		{"a refusal", "application/problem+json", `{"code":"threshold-missed","detail":"one of two","member":"signatures"}`, "403 Forbidden (threshold-missed): one of two", 403, true},
		{"a busy signer", "application/problem+json", `{"code":"busy"}`, "429 Too Many Requests (busy)", 429, false},
		{"a proxy's page", "text/html", `<h1>sorry</h1>`, "502 Bad Gateway", 502, false},
		{"a redirect", "text/html", ``, "307 Temporary Redirect", 307, false},
		{"a page", "text/html", `<h1>welcome</h1>`, "no roll signer", 200, false},
		{"no JSON", "application/json", `<h1>`, "no roll signer", 200, false},
		{"another withdrawal", "application/json", `{"digest":"` + release.Digest{9}.String() + `"}`, "want " + digest.String(), 202, false},
		{"too long", "application/json", `{"digest":"` + digest.String() + `"}` + strings.Repeat(" ", 70<<10), "no roll signer", 202, false},
		{"control characters", "application/problem+json", `{"code":"a\u001b[2J","detail":"` + strings.Repeat("x", 9000) + `"}`, "(a?[2J): xxx", 400, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := client(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", tt.contentType)
				w.Header().Set("Location", "http://127.0.0.1:1/")
				w.WriteHeader(tt.status)
				io.WriteString(w, tt.body)
			})
			_, err := c.Hand(t.Context(), entry)
			if err == nil || !strings.Contains(err.Error(), tt.want) || len(err.Error()) > 2000 {
				t.Fatalf("got %.3000v, want %q", err, tt.want)
			}
			status, ok := errors.AsType[*remote.StatusError](err)
			if ok && status.Refused() != tt.refused {
				t.Errorf("refused: got %v, want %v", status.Refused(), tt.refused)
			}
		})
	}
}

// TestRetry: a roll signer that says when to ask again is asked again, until the deadline
// of the context; without one, and where it refuses, it is asked once.
func TestRetry(t *testing.T) {
	entry, digest := withdrawal(t)
	for name, test := range map[string]struct {
		status     int
		retryAfter string
		busy       int           // so many answers, and then it takes it
		timeout    time.Duration // 0: none
		asked      int           // 0: as often as there is time
		taken      bool
	}{
		"busy":           {429, "0", 2, time.Minute, 3, true},
		"behind":         {503, "0", 1, time.Minute, 2, true},
		"refused":        {403, "0", 9, time.Minute, 1, false},
		"no deadline":    {429, "0", 9, 0, 1, false},
		"does not say":   {503, "", 9, time.Minute, 1, false},
		"a date":         {503, "Mon, 02 Nov 2026 10:00:00 GMT", 9, time.Minute, 1, false},
		"negative":       {503, "-1", 9, time.Minute, 1, false},
		"after the end":  {429, "25", 9, 20 * time.Second, 1, false},
		"longer":         {429, "60000", 9, 20 * time.Second, 1, false},
		"busy until end": {429, "0", 99, 250 * time.Millisecond, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			c := client(t, func(w http.ResponseWriter, r *http.Request) {
				if body, _ := io.ReadAll(r.Body); string(body) != string(entry) {
					t.Errorf("was handed %q", body)
				}
				if asked++; asked > test.busy {
					w.Header().Set("Content-Type", "application/json")
					w.WriteHeader(http.StatusAccepted)
					json.NewEncoder(w).Encode(remote.Withdrawal{Digest: digest})
					return
				}
				w.Header().Set("Content-Type", "application/problem+json")
				w.Header().Set("Retry-After", test.retryAfter)
				w.WriteHeader(test.status)
				io.WriteString(w, `{"code":"busy"}`)
			})
			ctx, cancel := t.Context(), func() {}
			if test.timeout > 0 {
				ctx, cancel = context.WithTimeout(ctx, test.timeout)
			}
			defer cancel()
			_, err := c.Hand(ctx, entry)
			if status, ok := errors.AsType[*remote.StatusError](err); test.taken && err != nil || !test.taken && (!ok || status.Status != test.status) {
				t.Errorf("got %v", err)
			}
			if test.asked != 0 && asked != test.asked || asked > 3 {
				t.Errorf("asked %d times, want %d", asked, test.asked)
			}
		})
	}
}

func TestURL(t *testing.T) {
	for _, base := range []string{"", "roll.example", "ftp://roll.example", "http://", "http://u:p@roll.example", "http://roll.example/?a", "http://roll.example/#a", "http://%zz"} {
		if _, err := remote.New(base); err == nil {
			t.Errorf("%q was taken", base)
		}
	}
}
