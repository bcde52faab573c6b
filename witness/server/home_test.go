package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness/server"
	"github.com/muster-log/muster/witness/witnesstest"
)

func TestHomeSaysWhoAndWhat(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 9)
	r := start(t, server.Timeouts{}, log)
	hostile := `<script>alert("x")</script>`
	if _, err := r.db.AddLog(t.Context(), hostile, witnesstest.NewKey(t, "x", tlog.TypeEd25519).Verifier()); err != nil {
		t.Fatal(err)
	}
	r.cosign(log.Request(0, 7))
	got := r.do(http.MethodGet, "/", nil)
	if got.status != http.StatusOK || !strings.HasPrefix(got.header.Get("Content-Type"), "text/html") {
		t.Fatalf("got %d, %v", got.status, got.header)
	}
	for _, want := range []string{witnessName, log.Origin, "<td>7</td>", "never yet", "/checkpoint", "&lt;script&gt;"} {
		if !strings.Contains(got.body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, key := range r.keys.Verifiers() {
		if !strings.Contains(strings.ReplaceAll(got.body, "&#43;", "+"), key.String()) {
			t.Errorf("the page lacks the key %s", key)
		}
	}
	if strings.Contains(got.body, "<script") {
		t.Error("an origin was written as markup")
	}
}

func TestHomeIsBounded(t *testing.T) {
	r := start(t, server.Timeouts{})
	key := witnesstest.NewKey(t, "x", tlog.TypeEd25519).Verifier()
	for i := range 501 {
		if _, err := r.db.AddLog(t.Context(), fmt.Sprintf("log.example/%03d", i), key); err != nil {
			t.Fatal(err)
		}
	}
	got := r.do(http.MethodGet, "/", nil)
	if strings.Contains(got.body, "log.example/500") || !strings.Contains(got.body, "log.example/499") || !strings.Contains(got.body, "More logs") {
		t.Error("the page does not end after 500 logs, saying so")
	}
}

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
