//go:build system

package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness/witnesstest"
)

// startAgent runs OpenSSH's agent at a socket until it is ended.
func startAgent(t *testing.T, socket string) (end func()) {
	t.Helper()
	agent := exec.Command("ssh-agent", "-D", "-a", socket)
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	end = func() {
		if agent.ProcessState == nil {
			agent.Process.Kill()
			agent.Wait()
			os.Remove(socket)
		}
	}
	t.Cleanup(end)
	for range 500 {
		if _, err := os.Stat(socket); err == nil {
			return end
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("ssh-agent makes no socket")
	return nil
}

func ssh(t *testing.T, program string, args ...string) string {
	t.Helper()
	output, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v, %s", program, args, err, output)
	}
	return string(output)
}

// TestKeyInAgent: a witness whose Ed25519 key is in OpenSSH's agent, from the key
// file to the cosignatures, with an agent that is away and comes back.
func TestKeyInAgent(t *testing.T) {
	directory, err := os.MkdirTemp("", "agent-") // short enough for a socket's address
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	socket, private := filepath.Join(directory, "s"), filepath.Join(directory, "id")
	t.Setenv(agentSocket, socket)
	ssh(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", private)
	fingerprint := strings.Fields(ssh(t, "ssh-keygen", "-l", "-f", private))[1]
	endAgent := startAgent(t, socket)

	s := site{data: filepath.Join(directory, "data"), key: filepath.Join(directory, "witness.key")}
	generate := []string{"key", "generate", "--name", "witness.example/w1", "--out", s.key, "--ssh-agent"}
	refused := func(want string, args ...string) {
		t.Helper()
		_, stderr, code := executeWith(t, nil, args...)
		if code != exitcode.Unknown || !strings.Contains(stderr, want) || !strings.Contains(stderr, fingerprint) || !strings.Contains(stderr, "hint: ") || !strings.Contains(stderr, "ssh-add") {
			t.Errorf("%v: exit code %d, %q; want %q and %s", args, code, stderr, want, fingerprint)
		}
	}
	refused("holds no key, or is locked", append(generate, fingerprint)...)
	if _, err := os.Stat(s.key); !os.IsNotExist(err) {
		t.Errorf("a key file was made, %v", err)
	}
	ssh(t, "ssh-add", "-q", private)
	must(t, append(generate, fingerprint)...)
	byFile := filepath.Join(directory, "by-file.key")
	must(t, "key", "generate", "--name", "witness.example/w1", "--out", byFile, "--ssh-agent", private+".pub")
	if (site{key: byFile}).keys(t)[0].String() != s.keys(t)[0].String() {
		t.Error("by fingerprint and by file the key is not the same")
	}

	log := witnesstest.NewLog(t, "log.example/a", 9)
	s.add(t, log)
	p := s.serve(t)
	cosigns := func(from, to int) {
		t.Helper()
		status, answer, err := p.submit(log.Request(from, to).Marshal())
		if err != nil || status != http.StatusOK {
			t.Fatalf("got %d %q, %v", status, answer, err)
		}
		lines, err := tlog.ParseSignatureLines(answer)
		if err != nil {
			t.Fatal(err)
		}
		cosigned, err := log.Checkpoint(to).With(lines...)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := cosigned.Cosignatures(s.keys(t)); err != nil || len(got) != 2 {
			t.Errorf("got %v, %v, want a cosignature by each key", got, err)
		}
	}
	cosigns(0, 3)

	endAgent()
	s.keys(t) // key show needs no agent
	if status, answer, err := p.submit(log.Request(3, 5).Marshal()); status != http.StatusServiceUnavailable {
		t.Errorf("without an agent: got %d %q, %v", status, answer, err)
	}
	startAgent(t, socket)
	if status, answer, err := p.submit(log.Request(3, 5).Marshal()); status != http.StatusServiceUnavailable {
		t.Errorf("an agent without the key: got %d %q, %v", status, answer, err)
	}
	ssh(t, "ssh-add", "-q", private)
	// Nothing was kept of what was not cosigned: the size is what it was.
	cosigns(3, 5)
	if code, logged := p.end(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d, %s", code, logged)
	}

	ssh(t, "ssh-add", "-q", "-D")
	serve := []string{"serve", "--data", s.data, "--key", s.key, "--listen", "127.0.0.1:0"}
	refused("holds no key, or is locked", serve...)
	t.Setenv(agentSocket, "")
	refused("$SSH_AUTH_SOCK is not set", serve...)
	t.Setenv(agentSocket, socket)
	ssh(t, "ssh-add", "-q", private)
	p = s.serve(t)
	cosigns(5, 9)
	p.end(syscall.SIGTERM)
}
