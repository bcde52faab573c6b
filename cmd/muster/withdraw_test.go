package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/release/releasetest"
	rollremote "github.com/muster-log/muster/roll/remote"
)

// TestWithdrawalGoesToTheRollSigner: release withdraw signs and hands over in one
// call, again where the roll signer is busy; what it answers is told, and what was signed
// is kept.
func TestWithdrawalGoesToTheRollSigner(t *testing.T) {
	l := newTestLog(t)
	directory := t.TempDir()
	for name, index := range map[string]uint64{"authority.json": 0, "release.json": 3} {
		put(t, filepath.Join(directory, name), l.Entry(index))
	}
	pem, err := releasetest.KeyFromName("root1").MarshalPEM()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(directory, "root.key"), pem, 0o600); err != nil {
		t.Fatal(err)
	}
	_, target, err := decodeEntry(l.Entry(3))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		status  int
		answer  func(release.Digest) any
		exit    int
		code    string
		outcome string
	}{
		"taken": {http.StatusAccepted, func(digest release.Digest) any {
			return rollremote.Withdrawal{Digest: digest, Product: "acme/ai", Target: target, State: rollremote.StateWaiting, HandedIn: testTime, Deadline: testTime.Add(5 * time.Minute)}
		}, 0, "", "has it (waiting), and signs no roll without it from 2026-11-03T12:05:00Z on"},
		"refused": {http.StatusForbidden, func(release.Digest) any {
			return map[string]any{"status": 403, "code": register.CodeThresholdMissed, "detail": "too few"}
		}, exitcode.Refused, string(register.CodeThresholdMissed), "signed and kept in "},
		"refused later": {http.StatusOK, func(digest release.Digest) any {
			return rollremote.Withdrawal{Digest: digest, State: rollremote.StateRefused, Code: register.CodeAuthorityNotInForce, Detail: "another authority"}
		}, exitcode.Refused, string(register.CodeAuthorityNotInForce), "signed and kept in "},
		"away": {http.StatusServiceUnavailable, func(release.Digest) any { return map[string]any{"status": 503} }, exitcode.Unknown, "roll-signer-away", "signed and kept in "},
	} {
		t.Run(name, func(t *testing.T) {
			var got []byte
			busy := true
			signer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got, _ = io.ReadAll(r.Body)
				if busy {
					busy = false
					w.Header().Set("Retry-After", "0")
					w.WriteHeader(http.StatusTooManyRequests)
					return
				}
				w.Header().Set("Content-Type", "application/json")
				if test.status >= 400 {
					w.Header().Set("Content-Type", "application/problem+json")
				}
				w.WriteHeader(test.status)
				_, digest, _ := decodeEntry(got)
				json.NewEncoder(w).Encode(test.answer(digest))
			}))
			t.Cleanup(signer.Close)
			out := filepath.Join(t.TempDir(), "w.json")
			text := want(t, test.exit, test.code, "release", "withdraw", filepath.Join(directory, "release.json"), "--reason", "defect", "--authority", filepath.Join(directory, "authority.json"),
				"--key", filepath.Join(directory, "root.key"), "--roll", signer.URL, "--out", out, "--force")
			if said := text.out + text.errOut; !strings.Contains(said, test.outcome) {
				t.Errorf("got %s, want %q", said, test.outcome)
			}
			statement, _, err := decodeEntry(got)
			if err != nil {
				t.Fatal(err)
			}
			if w, ok := statement.Predicate.(*release.Withdrawal); !ok || w.Target != target || w.Reason != "defect" || w.Product != "acme/ai" {
				t.Errorf("the roll signer got %s", got)
			}
			if test.exit == 0 {
				wantRollSignerAlone(t, out, signer.URL)
			}
			if kept := muster(t, "withdrawal", "show", out); !strings.Contains(kept.out, "takes back  "+target.String()) {
				t.Errorf("kept: %s%s", kept.out, kept.errOut)
			}
		})
	}
}

// wantRollSignerAlone submits a withdrawal to a roll signer that takes it and to a log
// that is away: that the roll signer has it is said, and not only that the log has not.
func wantRollSignerAlone(t *testing.T, path, signer string) {
	t.Helper()
	call := []string{"withdrawal", "submit", path, "--roll", signer, "--log", "http://127.0.0.1:1"}
	text := muster(t, call...)
	if text.code != exitcode.Unknown || !strings.Contains(text.out, "has it (waiting), and signs no roll without it from 2026-11-03T12:05:00Z on") ||
		!strings.Contains(text.out, "did not take it from here: ") {
		t.Errorf("got %d, %s%s", text.code, text.out, text.errOut)
	}
	text = muster(t, append(call, "--json")...)
	var said struct {
		Submitted *submitted
		Log       *notLogged
		Roll      *handedIn
	}
	if err := json.Unmarshal([]byte(text.out), &said); err != nil || text.code != exitcode.Unknown {
		t.Fatalf("got %d, %v, %s", text.code, err, text.out)
	}
	if said.Submitted != nil || said.Log == nil || said.Log.Error == "" || said.Roll == nil || said.Roll.Deadline != "2026-11-03T12:05:00Z" || said.Roll.State != rollremote.StateWaiting {
		t.Errorf("got %s", text.out)
	}
}

// decodeEntry returns what an entry states, and its payload digest.
func decodeEntry(entry []byte) (*release.Statement, release.Digest, error) {
	doc, err := parseDocument(entry)
	if err != nil {
		return nil, release.Digest{}, err
	}
	return doc.statement, doc.digest(), nil
}
