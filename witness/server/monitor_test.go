package server_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/server"
	"github.com/muster-log/muster/witness/witnesstest"
)

// TestHalted: a witness that was rolled back says so everywhere, cosigns nothing
// and still shows what it cosigned.
func TestHalted(t *testing.T) {
	log, other := witnesstest.NewLog(t, "log.example/a", 9), witnesstest.NewLog(t, "log.example/b", 9)
	r := start(t, server.Timeouts{}, log, other)
	r.cosign(log.Request(0, 5))
	if got := r.do(http.MethodGet, "/readyz", nil); got.status != http.StatusOK || got.body != "ok\n" {
		t.Errorf("readyz: got %d %q", got.status, got.body)
	}
	kept := r.latest(log.Origin)
	if err := r.db.Halt(t.Context(), witness.Unremembered{Origin: log.Origin, Size: 7, Root: log.Root(7), Time: 1900000000, Note: []byte("a note")}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		got := r.refused(other, other.Request(0, 5).Marshal(), http.StatusServiceUnavailable)
		if !strings.HasPrefix(got.body, "rolled-back: ") || !strings.Contains(got.body, "operator") {
			t.Errorf("got %q", got.body)
		}
	}
	if got := r.do(http.MethodGet, "/readyz", nil); got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, "muster-witness recover") {
		t.Errorf("readyz: got %d %q", got.status, got.body)
	}
	if got := r.do(http.MethodGet, "/livez", nil); got.status != http.StatusOK {
		t.Errorf("livez: got %d %q", got.status, got.body)
	}
	if got := r.page(""); !strings.Contains(got.body, "<strong>Halted</strong>") || strings.Contains(got.body, "<strong>Signing</strong>") || !strings.Contains(got.body, "<title>Not cosigning: ") {
		t.Error("the page does not say that the witness has halted")
	}
	if got := r.latest(log.Origin); got.status != http.StatusOK || got.body != kept.body {
		t.Errorf("what was cosigned: got %d %q", got.status, got.body)
	}
	if text := r.log.String(); strings.Count(text, "level=ERROR msg=refused kind=rolled-back") != 1 {
		t.Errorf("logged %s", text)
	}
}

// TestNotReady: a state that cannot be kept is said, to those who watch and in the
// log, and not to submitters; and no longer once nobody has asked for a while.
func TestNotReady(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 9)
	var seconds atomic.Int64
	r := startWith(t, server.Config{Now: func() time.Time { return time.Unix(1800000000+seconds.Load(), 0) }}, log)
	r.cosign(log.Request(0, 5))
	if err := r.db.Close(); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		got := r.submit(log.Request(5, 9).Marshal())
		if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") != "5" || got.body != "unavailable: the witness cannot answer now; try again\n" {
			t.Fatalf("got %d %q", got.status, got.body)
		}
	}
	seconds.Store(12)
	if got := r.do(http.MethodGet, "/readyz", nil); got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, "could not be kept, 12s ago") {
		t.Errorf("readyz: got %d %q", got.status, got.body)
	}
	seconds.Store(61)
	if got := r.do(http.MethodGet, "/readyz", nil); got.status != http.StatusOK {
		t.Errorf("readyz: got %d %q", got.status, got.body)
	}
	if text := r.log.String(); strings.Count(text, "level=ERROR msg=refused kind=unavailable") != 1 {
		t.Errorf("logged %s", text)
	}
}

// TestOtherPaths: the probe of the process, and paths where there is nothing.
func TestOtherPaths(t *testing.T) {
	r := start(t, server.Timeouts{})
	if got := r.do(http.MethodGet, "/livez", nil); got.status != http.StatusOK || got.body != "ok\n" {
		t.Errorf("livez: got %d %q", got.status, got.body)
	}
	for _, path := range []string{"/checkpoint", "/favicon.ico", "/sign-subtree", "/a/b/c"} {
		if got := r.do(http.MethodGet, path, nil); got.status != http.StatusNotFound {
			t.Errorf("%s: got %d", path, got.status)
		}
	}
}
