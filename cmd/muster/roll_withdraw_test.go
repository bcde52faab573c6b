package main

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/internal/exitcode"
	rollremote "github.com/muster-log/muster/roll/remote"
)

// TestWithdrawByRollSignerAlone: a withdrawal of a digest goes to the roll signer and
// to no log; the roll signer has it logged, and its next roll does not list the release.
func TestWithdrawByRollSignerAlone(t *testing.T) {
	s := newRollSite(t)
	s.do("muster", "requirements", "create", "--authority", s.pin, "--product", "acme/ai", "--channel", "stable", "--operator", "w1=Ost", "--log-operator", "Acme",
		"--roll-max-age", "4h", "--out", "requirements.json")
	_, server := s.serve()
	defer func() {
		if err := server.Stop(); err != nil {
			t.Errorf("the roll signer ended with %v", err)
		}
	}()
	s.wait(server.URL, "a roll of one release", newestLists(1))

	withdraw := []string{"release", "withdraw", s.entry, "--reason", "defect", "--authority", "authority.json", "--key", "ana.key", "--roll", server.URL, "--json"}
	command := exec.Command(filepath.Join(programs, "muster"), withdraw...)
	command.Dir = s.directory
	if output, err := command.Output(); command.ProcessState.ExitCode() != exitcode.Usage {
		t.Errorf("a digest without its product: got %v\n%s", err, output)
	}
	var said struct {
		Submitted *json.RawMessage
		Roll      *handedIn
	}
	output := s.do(append(append([]string{"muster"}, withdraw...), "--product", "acme/ai")...)
	if err := json.Unmarshal([]byte(output), &said); err != nil {
		t.Fatal(err)
	}
	if said.Submitted != nil || said.Roll == nil || said.Roll.URL != server.URL || said.Roll.State != rollremote.StateWaiting {
		t.Fatalf("got %s", output)
	}
	if _, err := time.Parse(time.RFC3339, said.Roll.Deadline); err != nil {
		t.Errorf("got the deadline %q", said.Roll.Deadline)
	}
	s.wait(server.URL, "a roll of nothing", newestLists(0))
	if listed := s.do("muster", "release", "list", "--verified", "--all", "--log", s.url, "--policy", "log/log.policy"); !strings.Contains(listed, "withdrawn") {
		t.Errorf("the log does not hold the withdrawal:\n%s", listed)
	}
}
