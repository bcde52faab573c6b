//go:build system

package main

import (
	"context"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/attest/tpm/swtpm"
	"github.com/muster-log/muster/node/nodetest"
)

// TestVerifyNode asks a real node as a person does, keeps what it showed, and judges
// that again.
func TestVerifyNode(t *testing.T) {
	directory := t.TempDir()
	file := func(name string) string { return filepath.Join(directory, name) }
	authority, err := swtpm.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	r, _ := nodetest.Make(t, authority, nodetest.Images{"model/model": {"weights.bin": "weights"}})
	machine := nodetest.Boot(t, authority, r, swtpm.Boot{Image: r.Image})
	served := machine.Serve(t, r, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) }))
	for name, data := range map[string][]byte{
		"log.policy": r.Policy, "requirements.json": r.Requirements,
		"ca.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: served.Certificate}),
	} {
		if err := os.WriteFile(file(name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	trust := []string{"--policy", file("log.policy"), "--requirements", file("requirements.json")}
	muster := func(want int, words string, args ...string) string {
		t.Helper()
		var out, errOut strings.Builder
		if got := run(context.WithoutCancel(t.Context()), args, time.Now, strings.NewReader(""), &out, &errOut); got != want {
			t.Fatalf("muster %s: exit %d, want %d\n%s%s", strings.Join(args, " "), got, want, out.String(), errOut.String())
		}
		if text := out.String() + errOut.String(); !strings.Contains(text, words) {
			t.Errorf("muster %s: got\n%s\nwant %q", strings.Join(args, " "), text, words)
		}
		return out.String()
	}
	ask := append([]string{"verify", "node", "https://" + served.Address, "--ca", file("ca.pem"), "--memory", file("memory.json"), "--save", file("node.record")}, trust...)
	muster(0, "result: pass, about the node", ask...)
	muster(2, "file-exists", append(ask, "--json")...)
	muster(0, `"about":"node"`, append(ask, "--json", "--force")...)

	// Nobody but who was there knows of the credential.
	muster(3, "ak-bound", append([]string{"verify", "record", file("node.record")}, trust...)...)
	muster(2, "muster verify record", append([]string{"verify", file("node.record")}, trust...)...)

	// The system's authorities do not know the node's name.
	muster(3, "certificate", append([]string{"verify", "node", "https://" + served.Address}, trust...)...)
	muster(2, "want https", append([]string{"verify", "node", "http://" + served.Address}, trust...)...)

	t.Run("proxy", func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		socket := file("proxy.sock")
		ended := make(chan int, 1)
		go func() {
			ended <- run(ctx, append([]string{"proxy", "--listen", "unix:" + socket, "--node", "https://" + served.Address, "--ca", file("ca.pem")}, trust...), time.Now, strings.NewReader(""), io.Discard, io.Discard)
		}()
		response := overSocket(t, socket, "a question")
		if response != "a question" {
			t.Errorf("got %q", response)
		}
		stop()
		if code := <-ended; code != 0 {
			t.Errorf("the proxy ended with exit code %d", code)
		}
	})
}

// overSocket posts to a socket that is about to listen.
func overSocket(t *testing.T, socket, text string) string {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: time.Minute}
	for end := time.Now().Add(time.Minute); ; {
		response, err := client.Post("http://localhost/", "text/plain", strings.NewReader(text))
		if err != nil {
			if _, missing := os.Stat(socket); missing != nil && time.Now().Before(end) {
				time.Sleep(10 * time.Millisecond)
				continue
			}
			t.Fatal(err)
		}
		defer response.Body.Close()
		data, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
}
