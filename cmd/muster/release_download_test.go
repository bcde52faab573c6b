package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog/bundle"
	"github.com/muster-log/muster/web/webtest"
)

// TestDownloadInterrupted: what was fetched is kept, nothing has its name before
// it is whole, and the same command goes on.
func TestDownloadInterrupted(t *testing.T) {
	data := bytes.Repeat([]byte("x"), 500_000)
	ctx, cancel := context.WithCancel(t.Context())
	var whole atomic.Bool
	directory := t.TempDir()
	file := func(name string) string { return filepath.Join(directory, name) }
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if whole.Load() {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
			return
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		w.Write(data[:200_000])
		w.(http.Flusher).Flush()
		for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			if info, err := os.Stat(file("got/os-node-os-1/node.efi.part")); err == nil && info.Size() == 200_000 {
				cancel()
				<-r.Context().Done()
				return
			}
		}
	}))
	defer server.Close()
	s := webtest.New(t, webtest.Options{})
	node := s.OS("node-os", "1")
	node.Artifacts = []release.Artifact{{Name: "node.efi", Digest: sha256.Sum256(data), Size: uint64(len(data)), MediaType: "application/efi", URLs: []string{server.URL + "/node.efi"}}}
	entry, digest := s.Sign(node)
	s.Submit(entry)
	entry, _ = s.Sign(s.Release("1", digest))
	index := s.Submit(entry)
	proofs, err := s.Log.Bundle(t.Context(), index)
	if err != nil {
		t.Fatal(err)
	}
	put(t, file("release"+bundle.Extension), proofs)
	put(t, file("log.policy"), s.Policy.Marshal())
	put(t, file("ca.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	args := []string{"release", "download", file("release" + bundle.Extension), "--policy", file("log.policy"), "--ca", file("ca.pem"), "--out", file("got")}

	var out, errOut bytes.Buffer
	code := run(ctx, args, s.Now, strings.NewReader(""), &out, &errOut)
	if code != exitcode.Unknown || out.Len() > 0 || !strings.Contains(errOut.String(), "interrupted, what was fetched is kept\nhint: run the same command again: it goes on where it stopped") {
		t.Fatalf("got exit code %d, %s%s", code, out.String(), errOut.String())
	}
	if _, err := os.Stat(file("got/os-node-os-1/node.efi")); !os.IsNotExist(err) {
		t.Errorf("the file has its name already: %v", err)
	}
	whole.Store(true)
	again := musterAt(t, s.Now(), append(args, "--json")...)
	// It is no unified kernel image: the bytes are right, and the statement is not.
	if again.code != exitcode.Refused || !strings.Contains(again.out, `"status":"fetched","url":"`+server.URL+`/node.efi","resumed":200000}`) ||
		!strings.Contains(again.out, `"predicate.artifacts[0].sha256"],"differences":[{"member":"predicate.measurements.tpm2-uki/v1","stated":"a unified kernel image","measured":"no artifact is one"}`) {
		t.Errorf("got exit code %d, %s%s", again.code, again.out, again.errOut)
	}
	if text := musterAt(t, s.Now(), args...); text.code != exitcode.Refused || !matches(text.out, `differs +predicate\.measurements\.tpm2-uki/v1\n +stated "a unified kernel image"\n +measured "no artifact is one"`) {
		t.Errorf("got exit code %d, %s", text.code, text.out)
	}
}

// TestDownloadOfHostileLogs: what is not proved is not fetched, and no directory
// is made for it.
func TestDownloadOfHostileLogs(t *testing.T) {
	l := newTestLog(t)
	when := testTime.Add(time.Minute)
	image := func(index uint64) *document {
		doc, err := parseDocument(l.Entry(index))
		if err != nil {
			t.Fatal(err)
		}
		return doc
	}
	node, llama := image(1).digest(), image(2).digest()
	stated := func(version string, images ...release.Digest) *release.Statement {
		statement, err := release.NewRelease(&release.Release{Issued: testTime, Authority: l.pin, Product: "acme/ai", Channel: "stable", Version: version, NotAfter: testTime.AddDate(0, 0, 60), Images: images})
		if err != nil {
			t.Fatal(err)
		}
		return statement
	}
	l.admit(t, stated("by-one", node, llama), "rel1")                   // 4
	l.admit(t, stated("by-the-builder", node), "ci", "rel1")            // 5
	l.admit(t, stated("of-nothing", release.Digest{1}), "rel1", "rel2") // 6
	other := image(1).statement
	other.Predicate.(*release.Image).Version = "forged"
	forged := l.admit(t, other, "rel1")                  // 7
	l.admit(t, stated("forged", forged), "rel1", "rel2") // 8
	of := func(indices ...uint64) *bundle.Bundle {
		return l.Bundle(l.Checkpoint(l.Size(), l.witnesses[0].At(when), l.witnesses[1].At(when)), nil, indices...)
	}
	marshal := func(b *bundle.Bundle) []byte {
		data, err := b.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	altered := of(0, 1, 2, 3)
	altered.Entries[3].Envelope = l.Entry(4)
	lonely := l.Bundle(l.Checkpoint(l.Size(), l.witnesses[0].At(when)), nil, 0, 1, 2, 3)
	tests := []struct {
		name  string
		which string
		data  []byte
		code  string
	}{
		{"another release than asked for", "4", marshal(of(0, 1, 2, 3)), "other-entry"},
		{"another digest than asked for", strings.Repeat("0", 64), marshal(of(0, 1, 2, 3)), "other-entry"},
		{"an image left out", "3", marshal(of(0, 1, 3)), "image-missing"},
		{"no release", "2", marshal(of(0, 1, 2)), "no-release"},
		{"too few signatures", "4", marshal(of(0, 1, 2, 4)), "threshold-missed"},
		{"a signature outside the role", "5", marshal(of(0, 1, 5)), "signer-outside-role"},
		{"an image that was never logged", "6", marshal(of(0, 1, 2, 6)), "image-missing"},
		{"an image that its builder did not sign", "8", marshal(of(0, 7, 8)), "signer-outside-role"},
		{"the authority left out", "3", marshal(of(1, 2, 3)), "no-authority"},
		{"an entry that is not included", "3", marshal(altered), "inclusion"},
		{"no quorum", "3", marshal(lonely), "quorum"},
		{"no bundle", "3", []byte("{}"), "bundle-form"},
	}
	policyFile := l.files(t, "{}")[1]
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := l.site(l.Log, l.cosigned(l.Log, 4, testTime))
			s.answers["/api/v1/entries/"+tt.which+"/bundle"] = answer{200, bundle.MediaType, tt.data}
			out := filepath.Join(t.TempDir(), "got")
			got := want(t, exitcode.Refused, tt.code, "release", "download", tt.which, "--log", s.serve(t), "--policy", policyFile, "--out", out)
			if _, err := os.Stat(out); !os.IsNotExist(err) {
				t.Errorf("a directory is made: %v\n%s", err, got.errOut)
			}
		})
	}
}
