//go:build unix

package process

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// start runs a shell script as a server.
func start(t *testing.T, timeout time.Duration, script string) (*Server, string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	path := filepath.Join(t.TempDir(), "server.log")
	s, err := Start(ctx, "server", path, exec.Command("/bin/sh", "-c", script))
	return s, path, err
}

const listen = `echo "time=now level=INFO msg=listening address=127.0.0.1:7 url=http://127.0.0.1:7 x=y" >&2; `

func TestStartAndStop(t *testing.T) {
	s, path, err := start(t, 10*time.Second, `echo before; trap 'echo stopped; exit 0' TERM; `+listen+`while :; do sleep 0.05; done`)
	if err != nil {
		t.Fatal(err)
	}
	if s.URL != "http://127.0.0.1:7" {
		t.Errorf("got URL %q", s.URL)
	}
	for range 2 {
		if err := s.Stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	}
	logged, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(logged), "before\n") || !strings.HasSuffix(string(logged), "stopped\n") {
		t.Errorf("logged %q, %v", logged, err)
	}
}

func TestStopEndsTheWholeGroup(t *testing.T) {
	child := filepath.Join(t.TempDir(), "child")
	s, _, err := start(t, 10*time.Second, `sleep 600 & echo $! >`+child+`; trap 'exit 0' TERM; `+listen+`wait`)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	text, err := os.ReadFile(child)
	if err != nil {
		t.Fatal(err)
	}
	// Killed is not yet gone: the kernel may take a moment to end it.
	stat := filepath.Join("/proc", strings.TrimSpace(string(text)), "stat")
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		status, err := os.ReadFile(stat)
		if err != nil || strings.Contains(string(status), ") Z ") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the server's child is still there: %s", status)
		}
	}
}

func TestServerThatFails(t *testing.T) {
	if _, _, err := start(t, 10*time.Second, `echo "no such directory" >&2; exit 3`); err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "no such directory") {
		t.Errorf("got %v, want the exit code and what it printed", err)
	}
	before := time.Now()
	if _, _, err := start(t, 200*time.Millisecond, `exec sleep 600`); err == nil || !strings.Contains(err.Error(), "does not listen") {
		t.Errorf("got %v", err)
	}
	if took := time.Since(before); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
	s, _, err := start(t, 10*time.Second, listen+`sleep 0.1; exit 5`)
	if err != nil {
		t.Fatal(err)
	}
	<-s.Ended()
	if err := s.Stop(); err == nil || !strings.Contains(err.Error(), "exit status 5") {
		t.Errorf("a server that ended by itself: got %v", err)
	}
	if err := syscall.Kill(s.command.Process.Pid, 0); err == nil {
		t.Error("the process is still there")
	}
}
