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
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/releasetest"
)

// made is what init --json prints, as far as tests need it.
type made struct {
	Key, WitnessCommand, Policy, KeyFile, HighWater, Authority, InForce string
	Quorum, Operators, Versions                                         int
	SuccessorOf                                                         []string
}

func (s *testSite) init(more ...string) made {
	s.t.Helper()
	var m made
	if err := json.Unmarshal([]byte(must(s.t, "muster-log", append(s.flags(more...), "--json")...)), &m); err != nil {
		s.t.Fatal(err)
	}
	return m
}

// TestLogFromNothing: a new log waits for its witnesses, saying for whom;
// publishes its authority once enough know it; takes an image; keeps everything
// over a restart and kill -9.
func TestLogFromNothing(t *testing.T) {
	s := newSite(t)
	m := s.init()
	if m.Authority != s.digest.String() || m.Quorum != 2 || m.Operators != 3 {
		t.Errorf("init printed %+v", m)
	}
	args := []string{"--data", s.data, "--listen", "127.0.0.1:0", "--publish-wait", "100ms"}
	p := serve(t, "muster-log", args...)
	p.waitLog(`msg="appended the authority"`)
	for i := range s.witnesses {
		p.waitLog(fmt.Sprintf(`msg="waiting for a witness" witness=w%d reason="does not know this log yet" "its operator runs"="%s" "asked again about every"=3s`, i, m.WitnessCommand))
	}
	if status, body := p.get("/checkpoint"); status != http.StatusNotFound {
		t.Errorf("checkpoint before: %d %s", status, body)
	}
	if status, body := p.get("/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, `"unknownLog":true`) {
		t.Errorf("readyz before: %d %s", status, body)
	}
	early := s.image("early")
	status, body, err := p.submit(early)
	if status != http.StatusAccepted || !strings.Contains(body, `"index":1`) {
		t.Fatalf("submitted before: %d %s, %v", status, body, err)
	}
	s.add(m.WitnessCommand, 0, 2)
	p.waitLog(`msg="the witnesses know the log"`)
	p.waitStatus("/readyz", http.StatusOK)
	p.waitStatus("/api/v1/entries/1/proof", http.StatusOK)
	status, body, err = p.submit(s.image("late"))
	if status == http.StatusAccepted { // publication takes longer than the wait on a busy machine
		p.waitStatus("/api/v1/entries/2", http.StatusOK)
	} else if status != http.StatusCreated {
		t.Fatalf("submitted: %d %s, %v", status, body, err)
	}
	if _, home := p.get("/"); !strings.Contains(home, "Operator 0") || !strings.Contains(home, origin) {
		t.Errorf("home page: %s", home)
	}
	policy := p.waitStatus("/api/v1/policy", http.StatusOK)
	if written, err := os.ReadFile(m.Policy); err != nil || string(written) != policy || strings.Contains(policy, "127.0.0.1") || !strings.Contains(policy, m.Key) {
		t.Errorf("policy %q, %v, served %q", written, err, policy)
	}

	if _, stderr, code := execute(t, "muster-log", append([]string{"serve"}, args...)...); code != 3 || !strings.Contains(stderr, "in use by another process") {
		t.Errorf("a second process: exit code %d, %s", code, stderr)
	}
	if code := p.end(syscall.SIGTERM); code != 0 || !strings.Contains(p.logged(), "msg=stopped") {
		t.Errorf("exit code %d, %s", code, p.logged())
	}

	p = serve(t, "muster-log", append(args, "--json")...)
	p.waitStatus("/readyz", http.StatusOK)
	for _, entry := range []string{"early", "late"} {
		if status, body := p.get("/api/v1/entries?name=" + entry); status != http.StatusOK || !strings.Contains(body, `"name":"`+entry+`"`) {
			t.Errorf("%s after a restart: %d %s", entry, status, body)
		}
	}
	if status, body, err := p.submit(early); status != http.StatusOK || !strings.Contains(body, `"index":1,`) || !strings.Contains(body, `"duplicate":true`) {
		t.Errorf("again: %d %s, %v", status, body, err)
	}
	for line := range strings.Lines(p.logged()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
	if code := p.end(syscall.SIGKILL); code != -1 {
		t.Fatalf("exit code %d", code)
	}
	p = serve(t, "muster-log", args...)
	if body := p.waitStatus("/readyz", http.StatusOK); !strings.Contains(body, `"size":3,"published":3`) {
		t.Errorf("after kill -9: %s", body)
	}
	if code := p.end(os.Interrupt); code != 0 {
		t.Errorf("exit code %d after an interrupt", code)
	}
}

// TestStopAnswersThoseWhoWait: a submission that waits for its witnesses when
// the log is stopped is answered 202: it is durable.
func TestStopAnswersThoseWhoWait(t *testing.T) {
	s := newSite(t)
	m := s.init()
	args := []string{"--data", s.data, "--listen", "127.0.0.1:0"}
	p := serve(t, "muster-log", args...)
	answered := make(chan string, 1)
	go func() {
		status, body, err := p.submit(s.image("waiting"))
		answered <- fmt.Sprint(status, " ", body, err)
	}()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, body := p.get("/readyz"); strings.Contains(body, `"size":2`) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the submission was not logged")
		}
	}
	started := time.Now()
	if code := p.end(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d: %s", code, p.logged())
	}
	if took := time.Since(started); took > 10*time.Second {
		t.Errorf("stopped after %v", took)
	}
	if answer := <-answered; !strings.HasPrefix(answer, "202 ") || !strings.Contains(answer, `"published":false`) {
		t.Errorf("answered %s", answer)
	}
	s.add(m.WitnessCommand, 0, 1, 2)
	p = serve(t, "muster-log", args...)
	p.waitStatus("/api/v1/entries/1", http.StatusOK)
}

// TestL6RestoredData: data older than what was signed are refused, and the
// error says what to do.
func TestL6RestoredData(t *testing.T) {
	s := newSite(t)
	m := s.init()
	s.add(m.WitnessCommand, 0, 1, 2)
	args := []string{"--data", s.data, "--listen", "127.0.0.1:0"}
	p := serve(t, "muster-log", args...)
	p.waitStatus("/readyz", http.StatusOK)
	if code := p.end(syscall.SIGTERM); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	backup := filepath.Join(s.dir, "backup")
	if err := os.CopyFS(backup, os.DirFS(s.data)); err != nil {
		t.Fatal(err)
	}
	p = serve(t, "muster-log", args...)
	p.waitStatus("/readyz", http.StatusOK)
	if status, body, err := p.submit(nil); status != http.StatusBadRequest {
		t.Errorf("nothing submitted: %d %s, %v", status, body, err)
	}
	if status, body, err := p.submit(s.image("after-the-backup")); status != http.StatusCreated {
		t.Fatalf("submit: %d %s, %v", status, body, err)
	}
	if code := p.end(syscall.SIGTERM); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	if err := os.RemoveAll(s.data); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(backup, s.data); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := execute(t, "muster-log", append([]string{"serve"}, args...)...)
	if code != 3 || stdout != "" || !strings.Contains(stderr, "the data were rolled back") || !strings.Contains(stderr, "restore the newest copy") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	if err := os.Remove(m.HighWater); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code = execute(t, "muster-log", append([]string{"serve"}, args...)...); code != 3 || !strings.Contains(stderr, "the high-water mark is gone") {
		t.Errorf("without the mark: exit code %d, %s", code, stderr)
	}
}

// TestAlarmBeforeExpiry: a log whose authority ends within thirty days says so when
// it starts.
func TestAlarmBeforeExpiry(t *testing.T) {
	s := newSite(t)
	authority := authorityOf(t, origin, time.Now()).Predicate.(*release.Authority)
	authority.Expires = authority.Issued.AddDate(0, 0, 29)
	statement, err := release.NewAuthority(authority)
	if err != nil {
		t.Fatal(err)
	}
	entry, _ := releasetest.SignStatement(t, statement, "root1", "root2")
	s.write(s.authority, entry)
	s.init()
	p := serve(t, "muster-log", "--data", s.data, "--listen", "127.0.0.1:0")
	p.waitLog(`msg=alarm what="authority version 1 expires at ` + release.FormatTime(authority.Expires))
	if _, body := p.get("/readyz"); !strings.Contains(body, `"alarms":["authority version 1 expires at `) {
		t.Errorf("readyz: %s", body)
	}
}
