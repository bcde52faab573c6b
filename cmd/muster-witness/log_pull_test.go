package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/muster-log/muster/witness/witnesstest"
)

// TestPullWhileServing: what a list adds is cosigned at once, at the rate that the list
// says, by the process that is serving.
func TestPullWhileServing(t *testing.T) {
	s := newSite(t)
	p := s.serve(t)
	log := witnesstest.NewLog(t, "log.example/listed", 30)
	list := filepath.Join(t.TempDir(), "list")
	text := fmt.Sprintf("logs/v0\nvkey %s\nqpd 1\ncontact somebody\n", log.Key.Verifier())
	if err := os.WriteFile(list, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, _, err := p.submit(log.Request(0, 1).Marshal()); status != http.StatusNotFound {
		t.Fatalf("before: got %d, %v", status, err)
	}
	must(t, "log", "pull", "--data", s.data, list)
	// One request a day, and at first some at once.
	answered := 0
	for size := range 29 {
		status, answer, err := p.submit(log.Request(size, size+1).Marshal())
		if status == http.StatusTooManyRequests && strings.Contains(answer, "rate-limited") {
			break
		}
		if status != http.StatusOK {
			t.Fatalf("size %d: got %d %q, %v", size, status, answer, err)
		}
		answered++
	}
	if answered < 5 || answered > 20 {
		t.Errorf("%d requests were answered before the rate was noticed", answered)
	}
	if listed := must(t, "log", "list", "--data", s.data); !strings.Contains(listed, fmt.Sprintf("log.example/listed  1     %d ", answered)) {
		t.Errorf("listed: %s", listed)
	}
	must(t, "log", "disable", "--data", s.data, log.Origin)
	if status, answer, err := p.submit(log.Request(answered, 30).Marshal()); status != http.StatusNotFound {
		t.Errorf("disabled: got %d %q, %v", status, answer, err)
	}
	if code, logged := p.end(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d, %s", code, logged)
	}
}
