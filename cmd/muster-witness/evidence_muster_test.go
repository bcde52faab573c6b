package main

import (
	"encoding/json"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness/witnesstest"
)

// musterProgram builds muster beside the program under test.
func musterProgram(t *testing.T) string {
	t.Helper()
	muster := filepath.Join(filepath.Dir(binary), "muster")
	if output, err := exec.Command("go", "build", "-o", muster, "../muster").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return muster
}

// TestExportIsWhatMusterVerifies: the file that evidence export writes convinces
// muster verify fork, a program of somebody else's, of the log's key and of no other.
func TestExportIsWhatMusterVerifies(t *testing.T) {
	muster := musterProgram(t)
	s := newSite(t)
	log := witnesstest.NewLog(t, "log.example/a", 9)
	s.add(t, log)
	p := s.serve(t)
	if status, _, err := p.submit(log.Request(0, 5).Marshal()); status != http.StatusOK {
		t.Fatalf("got %d, %v", status, err)
	}
	for _, request := range []*[2]int{{5, 5}, {5, 8}} {
		if status, _, err := p.submit(log.Fork(3).Request(request[0], request[1]).Marshal()); status != http.StatusUnprocessableEntity {
			t.Fatalf("got %d, %v", status, err)
		}
	}
	p.end(syscall.SIGTERM)

	var list struct{ Evidence []struct{ ID, Kind string } }
	if err := json.Unmarshal([]byte(must(t, "evidence", "list", "--data", s.data, "--json")), &list); err != nil || len(list.Evidence) != 2 {
		t.Fatalf("got %+v, %v", list, err)
	}
	key := log.Key.Verifier().String()
	stranger := witnesstest.NewKey(t, log.Origin, tlog.TypeEd25519).Verifier().String()
	for _, one := range list.Evidence {
		path := filepath.Join(t.TempDir(), "accusation.fork")
		must(t, "evidence", "export", "--data", s.data, one.ID, "--out", path)
		for vkey, want := range map[string]int{key: exitcode.Verified, stranger: exitcode.Refused} {
			cmd := exec.Command(muster, "verify", "fork", path, "--log-key", vkey)
			output, _ := cmd.CombinedOutput()
			if got := cmd.ProcessState.ExitCode(); got != want || want == exitcode.Verified && !strings.Contains(string(output), "result: evidence") {
				t.Errorf("%s: exit code %d, want %d\n%s", one.Kind, got, want, output)
			}
		}
	}
}
