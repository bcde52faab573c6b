package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/tlog/fork"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/witnesstest"
)

// TestW8Evidence: a log shows two histories, in both ways in which that proves
// itself; the operator is shown it and exports it.
func TestW8Evidence(t *testing.T) {
	s := newSite(t)
	log := witnesstest.NewLog(t, "log.example/a", 9)
	s.add(t, log)
	if listed := must(t, "evidence", "list", "--data", s.data); !strings.Contains(listed, "none") {
		t.Errorf("before: %s", listed)
	}
	p := s.serve(t)
	if status, _, err := p.submit(log.Request(0, 5).Marshal()); status != http.StatusOK {
		t.Fatalf("got %d, %v", status, err)
	}
	other := log.Fork(3)
	for _, request := range []*witness.AddCheckpoint{other.Request(5, 5), other.Request(5, 8), other.Request(5, 8)} {
		if status, answer, err := p.submit(request.Marshal()); status != http.StatusUnprocessableEntity {
			t.Errorf("got %d %q, %v", status, answer, err)
		}
	}
	if code, logged := p.end(syscall.SIGTERM); code != 0 || strings.Count(logged, "level=WARN") < 2 {
		t.Errorf("exit code %d, %s", code, logged)
	}
	var list struct {
		Evidence []struct{ ID, Kind, Origin, Shows string }
	}
	if err := json.Unmarshal([]byte(must(t, "evidence", "list", "--data", s.data, "--json")), &list); err != nil {
		t.Fatal(err)
	}
	kinds := make(map[string]string)
	for _, one := range list.Evidence {
		kinds[one.Kind] = one.ID
	}
	if len(list.Evidence) != 2 || kinds["same-size"] == "" || kinds["prefix"] == "" {
		t.Fatalf("got %+v", list)
	}
	if listed := must(t, "evidence", "list", "--data", s.data); !strings.Contains(listed, kinds["prefix"][:16]) {
		t.Errorf("listed: %s", listed)
	}
	for kind, id := range kinds {
		shown := must(t, "evidence", "show", "--data", s.data, id[:8])
		if !strings.Contains(shown, "the log signed") || !strings.Contains(shown, "— log.example/a ") {
			t.Errorf("%s: %s", kind, shown)
		}
		path := filepath.Join(t.TempDir(), "a.fork")
		must(t, "evidence", "export", "--data", s.data, id, "--out", path)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		evidence, err := fork.Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		if err := evidence.Verify(log.Key.Verifier()); err != nil {
			t.Error(err)
		}
		if _, stderr, code := execute(t, "evidence", "export", "--data", s.data, id, "--out", path); code != exitcode.Usage || !strings.Contains(stderr, "exists") {
			t.Errorf("over a file: exit code %d, %s", code, stderr)
		}
	}
	for _, id := range []string{"ffffffffffff", "x", "0123"} {
		if _, stderr, code := execute(t, "evidence", "show", "--data", s.data, id); code != exitcode.Usage || !strings.Contains(stderr, "evidence list") {
			t.Errorf("%s: exit code %d, %s", id, code, stderr)
		}
	}
}
