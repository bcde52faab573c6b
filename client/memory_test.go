//go:build system

package client_test

import (
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/muster-log/muster/client"
	"github.com/muster-log/muster/client/memory"
	"github.com/muster-log/muster/client/record"
	"github.com/muster-log/muster/verify"
)

// TestMemory: what a verdict has learnt is on the disk before a request leaves; a
// memory that is damaged, or cannot be written, lets none leave.
func TestMemory(t *testing.T) {
	w := newWorld(t)
	path := filepath.Join(t.TempDir(), "memory.json")
	var remembered atomic.Bool
	s := w.machine.Serve(t, w.release, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		m, err := memory.Read(path)
		remembered.Store(err == nil && !m.Empty())
	}))
	transport := newTransport(t, w, s, client.WithMemory(path))
	response, err := (&http.Client{Transport: transport}).Get("https://" + s.Address + "/")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if !remembered.Load() {
		t.Error("the request came before the memory was written")
	}
	remembered.Store(false)
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = transport.Attest(t.Context(), &url.URL{Scheme: "https", Host: s.Address})
	if _, ok := errors.AsType[*memory.DamagedError](err); !ok {
		t.Errorf("got %v", err)
	}
	if _, err := client.NewTransport(w.release.Trust, client.WithMemory(path)); err == nil {
		t.Error("there is a transport with a damaged memory")
	}
	nowhere := newTransport(t, w, s, client.WithMemory(filepath.Join(t.TempDir(), "none", "memory.json")))
	if _, err := (&http.Client{Transport: nowhere}).Get("https://" + s.Address + "/"); err == nil || !strings.Contains(err.Error(), "cannot be remembered") || remembered.Load() {
		t.Errorf("got %v", err)
	}
}

// TestRecord: what a live node showed is judged again by somebody else, years later:
// all but what only the client can know.
func TestRecord(t *testing.T) {
	w := newWorld(t)
	s := w.machine.Serve(t, w.release, nil)
	attestation, err := newTransport(t, w, s).Attest(t.Context(), &url.URL{Scheme: "https", Host: s.Address})
	if err != nil || attestation.Verdict.Result != verify.Pass || !attestation.Activated {
		t.Fatalf("got %v", err)
	}
	saved, err := attestation.Record()
	if err != nil {
		t.Fatal(err)
	}
	data, err := saved.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	read, err := record.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	judgement, err := record.Judge(read, w.release.Trust, w.release.Time.AddDate(2, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	for _, check := range judgement.Verdict.Checks {
		if check.Decisive() != (check.Code == "ak-bound") {
			t.Errorf("%s: %s: expected %s, found %s", check.Code, check.Status, check.Expected, check.Found)
		}
	}
	if judgement.Verdict.Result != verify.Unknown || read.Address != s.Address {
		t.Errorf("got %s about %s", judgement.Verdict.Result, read.Address)
	}
}
