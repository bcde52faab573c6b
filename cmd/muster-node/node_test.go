//go:build system && linux

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/attest/tpm/swtpm"
	"github.com/muster-log/muster/client"
	"github.com/muster-log/muster/node"
	"github.com/muster-log/muster/node/nodetest"
	"github.com/muster-log/muster/release"
)

// binary is the program as it is shipped.
var binary string

func TestMain(m *testing.M) {
	directory, err := os.MkdirTemp("", "muster-node")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(directory, "muster-node")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, output)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(directory)
	os.Exit(code)
}

// TestSize: the initrd holds it.
func TestSize(t *testing.T) {
	info, err := os.Stat(binary)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%.1f MiB", float64(info.Size())/(1<<20))
	if info.Size() >= 15<<20 {
		t.Errorf("the program has %d bytes, want below 15 MiB", info.Size())
	}
	if output, err := exec.Command("ldd", binary).CombinedOutput(); err == nil {
		t.Errorf("the program is not static: %s", output)
	}
}

// rig is a machine that was booted, with a node's files.
type rig struct {
	t         *testing.T
	directory string
	images    string
	release   *nodetest.Release
	machine   *nodetest.Machine
	authority *swtpm.Authority
}

func newRig(t *testing.T, change func(*swtpm.Boot), images ...func(*release.Image)) *rig {
	t.Helper()
	r := &rig{t: t, directory: t.TempDir()}
	var err error
	if r.authority, err = swtpm.NewAuthority(); err != nil {
		t.Fatal(err)
	}
	command, err := (&release.Command{Path: "/bin/sh", Arguments: []string{"-c", "echo the work; exit 7"}, UserID: uint32(os.Geteuid()), GroupID: uint32(os.Getegid())}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	r.release, r.images = nodetest.Make(t, r.authority, nodetest.Images{"model/model": {"weights.bin": "weights"}, "config/config": {release.CommandFile: string(command)}}, images...)
	boot := swtpm.Boot{Image: r.release.Image}
	if change != nil {
		change(&boot)
	}
	r.machine = nodetest.Start(t, r.authority, r.release, boot)
	for name, data := range map[string][]byte{
		"log.policy": r.release.Policy, "requirements.json": r.release.Requirements, "release.muster": r.release.Bundle, "eventlog": r.machine.EventLog,
	} {
		if err := os.WriteFile(r.file(name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func (r *rig) file(name string) string { return filepath.Join(r.directory, name) }

// arguments are those of a command with the machine's flags.
func (r *rig) arguments(command string, more ...string) []string {
	return append([]string{command, "--policy", r.file("log.policy"), "--requirements", r.file("requirements.json"), "--bundle", r.file("release.muster"),
		"--tpm", r.machine.Server.Address(), "--event-log", r.file("eventlog"), "--verdict", r.file("verdict.json"), "--kernel-log", ""}, more...)
}

// run runs the program and wants an exit code and words.
func (r *rig) run(want int, words string, arguments ...string) string {
	r.t.Helper()
	output, err := exec.Command(binary, arguments...).CombinedOutput()
	got := 0
	if exit, ok := err.(*exec.ExitError); ok {
		got = exit.ExitCode()
	} else if err != nil {
		r.t.Fatal(err)
	}
	if got != want || !strings.Contains(string(output), words) {
		r.t.Errorf("muster-node %s: exit code %d, want %d with %q\n%s", strings.Join(arguments, " "), got, want, words, output)
	}
	return string(output)
}

func (r *rig) verdict() (v struct{ About, Result string }) {
	r.t.Helper()
	data, err := os.ReadFile(r.file("verdict.json"))
	if err != nil {
		r.t.Fatal(err)
	}
	if err := json.Unmarshal(data, &v); err != nil {
		r.t.Fatal(err)
	}
	return v
}

func (r *rig) gate(more ...string) []string {
	return r.arguments("gate", append([]string{"--memory", "--images", r.images, "--root", r.file("images")}, more...)...)
}

// TestNode: check, gate, the command with its own exit code, again; then serve, and a
// client's request.
func TestNode(t *testing.T) {
	r := newRig(t, nil)
	r.run(0, "this machine passes muster", r.arguments("check")...)
	if v := r.verdict(); v.About != "boot" || v.Result != "pass" {
		t.Errorf("got %+v", v)
	}
	r.run(0, `"about":"boot"`, r.arguments("check", "--json")...)
	r.run(node.ExitUsage, "by hand", r.gate("--", "/bin/true")...)
	r.run(7, "the work", r.gate()...)
	r.run(7, "the work", r.gate()...)
	// Without its issuers, the TPM's certificate is worth nothing to clients: serve says
	// so before it listens.
	r.run(node.ExitUnknown, "check=ek-certificate", r.arguments("serve", "--listen", "127.0.0.1:none", "--name", "127.0.0.1")...)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	address, ended := r.serve(ctx)
	c, err := client.New(r.release.Trust, client.WithRootCAs(certificateOf(t, address)))
	if err != nil {
		t.Fatal(err)
	}
	response, err := c.Post("https://"+address+"/", "text/plain", strings.NewReader("a question"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil || string(text) != "a question" {
		t.Errorf("got %q (%v)", text, err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("serve: %v", err)
	}
}

// serve starts the program's serve with a backend that answers what it is asked, and
// waits until it listens.
func (r *rig) serve(ctx context.Context) (address string, ended chan error) {
	r.t.Helper()
	backend, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) { io.Copy(w, request.Body) })}
	go server.Serve(backend)
	r.t.Cleanup(func() { server.Close() })
	if err := os.WriteFile(r.file("issuers.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.authority.Root()}), 0o644); err != nil {
		r.t.Fatal(err)
	}
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	address = probe.Addr().String()
	probe.Close()
	command := exec.CommandContext(ctx, binary, r.arguments("serve", "--listen", address, "--name", "127.0.0.1", "--issuers", r.file("issuers.pem"), "--backend", "http://"+backend.Addr().String())...)
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	var output strings.Builder
	command.Stderr = &output
	if err := command.Start(); err != nil {
		r.t.Fatal(err)
	}
	ended = make(chan error, 1)
	exited := make(chan struct{})
	go func() {
		err := command.Wait()
		if command.ProcessState.Success() {
			err = nil // it was asked to end
		}
		close(exited)
		ended <- err
	}()
	for {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			connection.Close()
			return address, ended
		}
		select {
		case <-exited:
			r.t.Fatalf("serve ended: %s", output.String())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// TestRefusals: the exit code, the words, the verdict's file, and the ledger.
func TestRefusals(t *testing.T) {
	t.Run("a debug command line", func(t *testing.T) {
		r := newRig(t, func(b *swtpm.Boot) { b.Cmdline = b.Image.Cmdline + " systemd.debug_shell" })
		r.run(node.ExitRefused, "kernel-inputs", r.arguments("check")...)
		if v := r.verdict(); v.Result != "fail" {
			t.Errorf("got %+v", v)
		}
		pcrs, err := r.machine.TPM.PCRs()
		if err != nil || pcrs[15] != attest.Extend(attest.Digest{}, attest.Refused.SHA256()) {
			t.Errorf("the ledger is %s (%v)", pcrs[15], err)
		}
		r.run(node.ExitRefused, "refused by the gate", r.gate()...)
		r.run(node.ExitRefused, "kernel-inputs", r.arguments("serve", "--listen", "127.0.0.1:0", "--name", "x", "--wait", "1ms")...)
	})
	t.Run("an altered image", func(t *testing.T) {
		r := newRig(t, nil)
		path := filepath.Join(r.images, "model/model")
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		data[4096] ^= 1
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		r.run(node.ExitRefused, "opened: expected", r.gate()...)
	})
	t.Run("what cannot be told", func(t *testing.T) {
		r := newRig(t, nil)
		if err := os.Remove(r.file("release.muster")); err != nil {
			t.Fatal(err)
		}
		r.run(node.ExitUnknown, "release.muster", r.arguments("check")...)
		r.run(node.ExitUsage, "log.policy", append(r.arguments("check"), "--policy", r.file("no"), "--policy", r.file("none/log.policy"))...)
		r.run(node.ExitUsage, "unknown", "check", "--unknown")
	})
	t.Run("no gate has run", func(t *testing.T) {
		r := newRig(t, nil)
		r.run(node.ExitRefused, "no gate opened a ledger", r.arguments("serve", "--listen", "127.0.0.1:0", "--name", "x", "--wait", "1ms")...)
	})
}

func certificateOf(t *testing.T, address string) *x509.CertPool {
	t.Helper()
	connection, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	pool := x509.NewCertPool()
	pool.AddCert(connection.ConnectionState().PeerCertificates[0])
	return pool
}
