package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/witness/witnesstest"
)

// cosigned has a witness serve and cosign sizes of logs, and stops it.
func (s site) cosigned(t *testing.T, sizes [2]int, logs ...*witnesstest.Log) {
	t.Helper()
	p := s.serve(t)
	for _, log := range logs {
		if status, answer, err := p.submit(log.Request(sizes[0], sizes[1]).Marshal()); status != http.StatusOK {
			t.Fatalf("got %d %q, %v", status, answer, err)
		}
	}
	if code, logged := p.end(syscall.SIGTERM); code != 0 {
		t.Fatal(logged)
	}
}

// refusesToServe wants a start that ends with these words.
func (s site) refusesToServe(t *testing.T, words ...string) {
	t.Helper()
	_, stderr, code := execute(t, "serve", "--data", s.data, "--key", s.key, "--listen", "127.0.0.1:0")
	if code != exitcode.Refused {
		t.Errorf("serve: exit code %d, %s", code, stderr)
	}
	for _, word := range append(words, "muster-witness recover") {
		if !strings.Contains(stderr, word) {
			t.Errorf("serve says %q, want %q", stderr, word)
		}
	}
}

func (s site) recover(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	return execute(t, append([]string{"recover", "--data", s.data, "--key", s.key}, args...)...)
}

// restore puts a copy of the database in its place.
func (s site) restore(t *testing.T, copied string) {
	t.Helper()
	if err := os.RemoveAll(s.data); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(s.data, os.DirFS(copied)); err != nil {
		t.Fatal(err)
	}
}

// TestW5Recover goes the way of an operator who restored yesterday's database.
func TestW5Recover(t *testing.T) {
	s := newSite(t)
	first, second := witnesstest.NewLog(t, "log.example/first", 9), witnesstest.NewLog(t, "log.example/second", 9)
	s.add(t, first)
	s.add(t, second)
	s.cosigned(t, [2]int{0, 4}, first, second)
	yesterday := filepath.Join(t.TempDir(), "yesterday")
	if err := os.CopyFS(yesterday, os.DirFS(s.data)); err != nil {
		t.Fatal(err)
	}
	s.cosigned(t, [2]int{4, 6}, first)
	if stdout, _, code := s.recover(t); code != 0 || !strings.Contains(stdout, "nothing is in doubt") {
		t.Errorf("before: exit code %d, %s", code, stdout)
	}
	s.restore(t, yesterday)

	s.refusesToServe(t, `"log.example/first"`, "the database has size 4", "the anchor 6")
	stdout, stderr, code := s.recover(t)
	if code != exitcode.Refused || !strings.Contains(stdout, "\n6 log.example/first\n") || strings.Contains(stdout, "second") {
		t.Errorf("exit code %d, %s, %s", code, stdout, stderr)
	}
	for name, tt := range map[string]struct {
		args []string
		code int
		says string
	}{
		"below":           {[]string{"--origin", first.Origin, "--size", "4"}, exitcode.Refused, "has cosigned size 6"},
		"unknown root":    {[]string{"--origin", first.Origin, "--size", "8"}, exitcode.Refused, "give a checkpoint of that size"},
		"not in doubt":    {[]string{"--origin", second.Origin, "--size", "4"}, exitcode.Refused, "not in doubt"},
		"size alone":      {[]string{"--size", "4"}, exitcode.Usage, "go together"},
		"checkpoint only": {[]string{"--checkpoint", s.key}, exitcode.Usage, "--origin and --size"},
		"no such file":    {[]string{"--accept", "/nowhere"}, exitcode.Unknown, "no such file"},
	} {
		if _, stderr, code := s.recover(t, tt.args...); code != tt.code || !strings.Contains(stderr, tt.says) {
			t.Errorf("%s: exit code %d, %q", name, code, stderr)
		}
	}
	s.refusesToServe(t)

	// The log says that it was cosigned at 8, by another copy of this witness.
	checkpoint := filepath.Join(t.TempDir(), "checkpoint")
	if err := os.WriteFile(checkpoint, first.Checkpoint(8).Marshal(), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code = s.recover(t, "--origin", first.Origin, "--size", "8", "--checkpoint", checkpoint)
	if code != 0 || !strings.Contains(stdout, "# accepted: 8 log.example/first\n# logs and keys") {
		t.Errorf("exit code %d, %s, %s", code, stdout, stderr)
	}
	s.cosigned(t, [2]int{8, 9}, first)
	s.cosigned(t, [2]int{4, 9}, second)
}

// TestW5AllInDoubt: with the anchor gone every log is to be named, and what
// recover prints is the file to do it with.
func TestW5AllInDoubt(t *testing.T) {
	s := newSite(t)
	logs := []*witnesstest.Log{witnesstest.NewLog(t, "log.example/first", 4), witnesstest.NewLog(t, "log.example/second", 4)}
	for _, log := range logs {
		s.add(t, log)
	}
	s.cosigned(t, [2]int{0, 4}, logs...)
	if err := os.Remove(s.key + ".anchor"); err != nil {
		t.Fatal(err)
	}
	s.refusesToServe(t, "there is no anchor")
	printed, _, code := s.recover(t)
	if code != exitcode.Refused || !strings.Contains(printed, "\n? log.example/first\n") || !strings.Contains(printed, "\n? log.example/second\n") {
		t.Fatalf("exit code %d, %s", code, printed)
	}
	accept := filepath.Join(t.TempDir(), "accept")
	for _, tt := range []struct {
		content string
		code    int
		says    string
	}{
		{printed, exitcode.Usage, "line 11: put the size in place"},
		{"4 log.example/first\n", exitcode.Refused, "nothing was accepted, as 1 logs are not named"},
		{"4 log.example/first\n4 log.example/first\n", exitcode.Usage, "line 2: log.example/first was named before"},
		{"4 log.example/first", exitcode.Usage, "is the file whole"},
		{"04 log.example/first\n", exitcode.Usage, "line 1: want a size"},
		{"# nothing\n", exitcode.Usage, "no line names"},
		{strings.ReplaceAll(printed, "\n? ", "\n4 "), 0, ""},
	} {
		if err := os.WriteFile(accept, []byte(tt.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if stdout, stderr, code := s.recover(t, "--accept", accept); code != tt.code || !strings.Contains(stderr, tt.says) {
			t.Errorf("%q: exit code %d, %s, %s", tt.content, code, stdout, stderr)
		}
	}
	s.cosigned(t, [2]int{4, 4}, logs...)
}

// TestW9RolledBackWhole: database and anchor were both restored. The first
// checkpoint that comes back with a later cosignature of the witness stops it.
func TestW9RolledBackWhole(t *testing.T) {
	s := newSite(t)
	log, other := witnesstest.NewLog(t, "log.example/a", 9), witnesstest.NewLog(t, "log.example/b", 9)
	s.add(t, log)
	s.add(t, other)
	s.cosigned(t, [2]int{0, 4}, log, other)
	yesterday := filepath.Join(t.TempDir(), "yesterday")
	if err := os.CopyFS(yesterday, os.DirFS(s.data)); err != nil {
		t.Fatal(err)
	}
	anchor, err := os.ReadFile(s.key + ".anchor")
	if err != nil {
		t.Fatal(err)
	}
	p := s.serve(t)
	status, lines, err := p.submit(log.Request(4, 7).Marshal())
	if status != http.StatusOK {
		t.Fatalf("got %d %q, %v", status, lines, err)
	}
	p.end(syscall.SIGTERM)
	s.restore(t, yesterday)
	if err := os.WriteFile(s.key+".anchor", anchor, 0o600); err != nil {
		t.Fatal(err)
	}

	p = s.serve(t)
	body := string(log.Request(4, 7).Marshal()) + lines
	if status, answer, err := p.submit([]byte(body)); status != http.StatusServiceUnavailable || !strings.Contains(answer, "rolled-back") {
		t.Errorf("its own cosignature: got %d %q, %v", status, answer, err)
	}
	if status, answer, err := p.submit(other.Request(4, 5).Marshal()); status != http.StatusServiceUnavailable {
		t.Errorf("another log after that: got %d %q, %v", status, answer, err)
	}
	if code, logged := p.end(syscall.SIGTERM); code != 0 || !strings.Contains(logged, "ERROR") {
		t.Errorf("exit code %d, %s", code, logged)
	}
	s.refusesToServe(t, "does not remember", "a cosignature 7")
	stdout, _, _ := s.recover(t, "--json")
	var shown struct {
		All    bool
		Doubts []struct {
			Origin  string
			AtLeast uint64
			Note    string
		}
	}
	if err := json.Unmarshal([]byte(stdout), &shown); err != nil {
		t.Fatal(err)
	}
	if len(shown.Doubts) != 2 || !shown.All || shown.Doubts[0].AtLeast != 7 || !strings.Contains(shown.Doubts[0].Note, "log.example/a\n7\n") || shown.Doubts[1].AtLeast != 4 {
		t.Errorf("got %+v", shown)
	}
	accept := filepath.Join(t.TempDir(), "accept")
	if err := os.WriteFile(accept, fmt.Appendf(nil, "7 %s\n4 %s\n", log.Origin, other.Origin), 0o600); err != nil {
		t.Fatal(err)
	}
	if stdout, stderr, code := s.recover(t, "--accept", accept); code != 0 {
		t.Errorf("exit code %d, %s, %s", code, stdout, stderr)
	}
	s.cosigned(t, [2]int{7, 9}, log)
}

func TestAcceptedOriginWithSpaces(t *testing.T) {
	accepted, err := parseAccepted("# a comment\n\n4 a log with spaces\n0 b\n")
	if err != nil || len(accepted) != 2 || accepted[0].Origin != "a log with spaces" || accepted[0].Size != 4 || accepted[1].Size != 0 {
		t.Errorf("got %v, %v", accepted, err)
	}
}

// TestAnchorInTheDataDirectory: one restore would take both back.
func TestAnchorInTheDataDirectory(t *testing.T) {
	s := newSite(t)
	if err := os.MkdirAll(filepath.Join(s.data, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(s.data, link); err != nil {
		t.Fatal(err)
	}
	for _, anchor := range []string{filepath.Join(s.data, "a"), filepath.Join(s.data, "sub", "a"), filepath.Join(link, "a"), s.data + "/../" + filepath.Base(s.data) + "/a"} {
		for _, command := range [][]string{{"serve", "--listen", "127.0.0.1:0"}, {"recover"}} {
			args := append(command, "--data", s.data, "--key", s.key, "--anchor", anchor)
			if _, stderr, code := execute(t, args...); code != exitcode.Usage || !strings.Contains(stderr, "lies in the data directory") {
				t.Errorf("%v: exit code %d, %s", args, code, stderr)
			}
		}
	}
	_, stderr, code := execute(t, "serve", "--listen", "127.0.0.1:0", "--data", s.data, "--key", s.key, "--anchor", filepath.Join(t.TempDir(), "nowhere", "a"))
	if code != exitcode.Unknown || !strings.Contains(stderr, "the anchor's directory is not there") {
		t.Errorf("no directory: exit code %d, %s", code, stderr)
	}
}
