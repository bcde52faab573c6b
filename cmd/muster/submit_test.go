package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/tlog/tlogtest"
)

// TestSubmitToAnotherLog: under the policy of another log nothing is sent.
func TestSubmitToAnotherLog(t *testing.T) {
	other := newTestLog(t)
	policyFile := filepath.Join(t.TempDir(), "log.policy")
	put(t, policyFile, tlogtest.Policy(t, 2, other.witnesses, tlogtest.NewLog(t, "log.example/mine")).Marshal())
	file := filepath.Join(t.TempDir(), "release.json")
	put(t, file, other.Entry(3))
	for name, s := range map[string]*site{
		"published":     other.site(other.Log, other.cosigned(other.Log, 4, testTime)),
		"not published": {log: other.Log, answers: map[string]answer{"/checkpoint": {404, "text/plain", nil}, "/api/v1/policy": {200, "text/plain", other.policy.Marshal()}}},
	} {
		t.Run(name, func(t *testing.T) {
			text := want(t, exitcode.Refused, "policy-of-other-log", "release", "submit", file, "--log", s.serve(t), "--policy", policyFile)
			if !strings.Contains(text.errOut, "muster: nothing sent: ") || slices.Contains(s.requests, "/api/v1/entries") {
				t.Errorf("got %s, asked for %v", text.errOut, s.requests)
			}
		})
	}
}

// TestSubmitTooSlow: a log that does not publish in time may have the entry, and
// that is said, with what it waits for.
func TestSubmitTooSlow(t *testing.T) {
	l := newTestLog(t)
	policyFile := l.files(t, "{}")[1]
	file := filepath.Join(t.TempDir(), "release.json")
	put(t, file, l.Entry(3))
	for name, test := range map[string]struct {
		accepted bool
		status   int
		ready    string
		said     string
	}{
		"no answer, quorum missing": {false, 503, `{"ready":false,"quorum":false,"missing":["w2","w3"]}`, "the log is up and may have the entry, but its quorum of witnesses is missing: w2, w3"},
		"accepted, quorum missing":  {true, 503, `{"ready":false,"quorum":false,"missing":["w2"]}`, "the log is up and has the entry, but its quorum of witnesses is missing: w2"},
		"no answer, ready":          {false, 200, `{"ready":true,"quorum":true,"missing":[]}`, "the log is up, and may have the entry"},
		"no answer at all":          {false, 500, `{}`, "the log may have the entry, and whether it is up cannot be told: "},
	} {
		t.Run(name, func(t *testing.T) {
			honest := l.site(l.Log, l.cosigned(l.Log, 4, testTime))
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				switch {
				case r.URL.Path == "/readyz":
					w.WriteHeader(test.status)
					io.WriteString(w, test.ready)
				case r.URL.Path == "/api/v1/entries" && test.accepted:
					w.Header().Set("Location", "/api/v1/entries/3/proof")
					w.WriteHeader(http.StatusAccepted)
					io.WriteString(w, `{"index":3}`)
				case strings.HasPrefix(r.URL.Path, "/api/v1/entries"):
					io.Copy(io.Discard, r.Body)
					<-r.Context().Done()
				default:
					honest.ServeHTTP(w, r)
				}
			}))
			t.Cleanup(server.Close)
			text := want(t, exitcode.Unknown, "not-published-yet", "release", "submit", file, "--log", server.URL, "--policy", policyFile, "--timeout", "300ms")
			if !strings.Contains(text.errOut, "within 300ms: ") || !strings.Contains(text.errOut, test.said) || !strings.Contains(text.errOut, "gets the same index") {
				t.Errorf("got %s, want %q", text.errOut, test.said)
			}
		})
	}
}
