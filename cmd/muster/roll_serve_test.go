package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/internal/process"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/roll"
	"github.com/muster-log/muster/tlog"
)

// rollSite is a log of real processes with a release in it, behind a proxy that can
// refuse submissions or show another checkpoint, and the programs' files.
type rollSite struct {
	t          *testing.T
	directory  string
	pin, entry string
	url        string // of the proxy
	refuse     atomic.Bool
	checkpoint atomic.Pointer[[]byte]
}

// do runs a command line in the site's directory and returns what it printed.
func (s *rollSite) do(words ...string) string {
	s.t.Helper()
	command := exec.Command(filepath.Join(programs, words[0]), words[1:]...)
	command.Dir = s.directory
	output, err := command.Output()
	if err != nil {
		exit, _ := errors.AsType[*exec.ExitError](err)
		s.t.Fatalf("%v: %v\n%s%s", words, err, output, exit.Stderr)
	}
	return string(output)
}

// digest runs a command line that prints JSON and returns its member digest.
func (s *rollSite) digest(words ...string) string {
	s.t.Helper()
	var shown struct{ Digest string }
	if err := json.Unmarshal([]byte(s.do(append(words, "--json")...)), &shown); err != nil || shown.Digest == "" {
		s.t.Fatalf("%v: %v", words, err)
	}
	return shown.Digest
}

func newRollSite(t *testing.T) *rollSite {
	t.Helper()
	s := &rollSite{t: t, directory: t.TempDir()}
	measurement, err := filepath.Abs("testdata/measurement/node-os.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ana", "ci", "roll"} {
		s.do("muster", "key", "generate", "--out", name+".key")
	}
	s.pin = s.digest("muster", "authority", "create", "--origin", testOrigin, "--root", "ana.pub", "--image", "ci.pub", "--release", "ana.pub",
		"--withdraw", "ana.pub", "--roll", "roll.pub", "--channel", "stable=production", "--out", "authority.json")
	s.do("muster", "authority", "sign", "authority.json", "--key", "ana.key")
	var servers servers
	t.Cleanup(func() { servers.stop(t) })
	witness := verifierKey.FindString(s.do("muster-witness", "key", "generate", "--name", "w1.example", "--out", "w1.key"))
	at := servers.start(t, s.directory, "muster-witness", "serve", "--data", "w1", "--key", "w1.key", "--listen", "127.0.0.1:0")
	key := verifierKey.FindString(s.do("muster-log", "init", "--data", "log", "--origin", testOrigin, "--authority", "authority.json", "--log-operator", "Acme",
		"--quorum", "1", "--witness", "w1="+witness+"="+at+"=Ost"))
	s.do("muster-witness", "log", "add", "--data", "w1", key)
	s.proxy(servers.start(t, s.directory, "muster-log", "serve", "--data", "log", "--listen", "127.0.0.1:0"))
	s.do("muster", "image", "create", "--measurement", measurement, "--product", "acme/ai", "--name", "node-os", "--version", "1", "--security-version", "1",
		"--url", "https://dl.example/", "--authority", "authority.json", "--out", "os.json")
	s.do("muster", "image", "sign", "os.json", "--key", "ci.key")
	s.do("muster", "image", "submit", "os.json", "--log", s.url, "--policy", "log/log.policy")
	s.entry = s.digest("muster", "release", "create", "--product", "acme/ai", "--channel", "stable", "--version", "1", "--image", "os.json",
		"--authority", "authority.json", "--not-after", "30d", "--out", "release.json")
	s.do("muster", "release", "sign", "release.json", "--key", "ana.key")
	s.do("muster", "release", "submit", "release.json", "--log", s.url, "--policy", "log/log.policy")
	return s
}

func (s *rollSite) proxy(log string) {
	target, err := url.Parse(log)
	if err != nil {
		s.t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(target)
	forward.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown := s.checkpoint.Load()
		switch {
		case r.Method == http.MethodPost && s.refuse.Load():
			w.WriteHeader(http.StatusServiceUnavailable)
		case r.URL.Path == "/checkpoint" && shown != nil:
			w.Header().Set("Content-Type", "text/plain")
			w.Write(*shown)
		default:
			forward.ServeHTTP(w, r)
		}
	}))
	s.t.Cleanup(server.Close)
	s.url = server.URL
}

// serve starts the roll signer.
func (s *rollSite) serve() (*exec.Cmd, *process.Server) {
	s.t.Helper()
	command := exec.Command(filepath.Join(programs, "muster"), "roll", "serve", "--log", s.url, "--policy", "log/log.policy", "--requirements", "requirements.json",
		"--key", "roll.key", "--state", "state", "--listen", "127.0.0.1:0")
	command.Dir = s.directory
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	server, err := process.Start(ctx, "roll", filepath.Join(s.directory, "roll.output"), command)
	if err != nil {
		s.t.Fatal(err)
	}
	return command, server
}

// wait asks a roll signer for its status until it is as wanted.
func (s *rollSite) wait(at string, what string, want func(roll.Status) bool) {
	s.t.Helper()
	var status roll.Status
	for end := time.Now().Add(40 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		response, err := http.Get(at + "/status")
		if err != nil {
			continue
		}
		data, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err == nil && json.Unmarshal(data, &status) == nil && want(status) {
			return
		}
	}
	output, _ := os.ReadFile(filepath.Join(s.directory, "roll.output"))
	s.t.Fatalf("no status with %s: %+v\n%s", what, status, output)
}

func newestLists(count int) func(roll.Status) bool {
	return func(status roll.Status) bool {
		return len(status.Products) == 1 && status.Products[0].Newest != nil && status.Products[0].Newest.Live == count
	}
}

// TestRollServe: a release is live and stands in a roll; a withdrawal that was handed
// in is on disk, survives kill -9 before the log had it, and the next roll does not
// list it; a log that forks ends the signer with evidence.
func TestRollServe(t *testing.T) {
	s := newRollSite(t)
	s.do("muster", "requirements", "create", "--authority", s.pin, "--product", "acme/ai", "--channel", "stable", "--operator", "w1=Ost", "--log-operator", "Acme",
		"--roll-max-age", "4h", "--out", "requirements.json")
	command, server := s.serve()
	s.wait(server.URL, "a roll of one release", newestLists(1))
	s.do("muster", "roll", "check", "--log", s.url, "--policy", "log/log.policy")
	s.verify("live.muster", exitcode.Verified)
	if said := s.do("muster", "roll", "ask", "--roll", server.URL); !strings.Contains(said, ": ready\n") || !strings.Contains(said, "1 live release") || !strings.Contains(said, "no alarms") {
		t.Errorf("got %s", said)
	}

	s.refuse.Store(true)
	s.do("muster", "release", "withdraw", "release.json", "--reason", "defect", "--authority", "authority.json", "--key", "ana.key", "--roll", server.URL, "--out", "withdrawal.json")
	s.wait(server.URL, "a withdrawal that waits", func(status roll.Status) bool { return len(status.Withdrawals) == 1 })
	if err := command.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-server.Ended()

	s.refuse.Store(false)
	_, server = s.serve()
	s.wait(server.URL, "a roll of nothing", newestLists(0))
	s.wait(server.URL, "no withdrawal that waits", func(status roll.Status) bool { return len(status.Withdrawals) == 0 && status.Ready })
	if listed := s.do("muster", "release", "list", "--verified", "--all", "--log", s.url, "--policy", "log/log.policy"); !strings.Contains(listed, "withdrawn") {
		t.Errorf("the log does not hold the withdrawal:\n%s", listed)
	}

	s.verify("withdrawn.muster", exitcode.Refused)

	forked := s.fork()
	s.checkpoint.Store(&forked)
	select {
	case <-server.Ended():
	case <-time.After(20 * time.Second):
		t.Fatal("it goes on though the log signed two histories")
	}
	s.misbehaved(server.Stop())
	found, err := filepath.Glob(filepath.Join(s.directory, "state", "log-*.fork"))
	if err != nil || len(found) != 1 {
		t.Fatalf("got evidence %v, %v", found, err)
	}
	s.do("muster", "verify", "fork", found[0], "--policy", "log/log.policy")

	// It does not start again while the evidence lies there.
	s.checkpoint.Store(nil)
	again := exec.Command(filepath.Join(programs, "muster"), command.Args[1:]...)
	again.Dir = s.directory
	s.misbehaved(again.Run())
}

// TestRollServeWithoutRole: a key that may not sign rolls is said at once, and whoever
// asks is told.
func TestRollServeWithoutRole(t *testing.T) {
	s := newRollSite(t)
	s.do("muster", "requirements", "create", "--authority", s.pin, "--product", "acme/ai", "--channel", "stable", "--operator", "w1=Ost", "--log-operator", "Acme",
		"--roll-max-age", "4h", "--out", "requirements.json")
	s.do("muster", "key", "generate", "--out", "stranger.key")
	if err := os.Rename(filepath.Join(s.directory, "stranger.key"), filepath.Join(s.directory, "roll.key")); err != nil {
		t.Fatal(err)
	}
	_, server := s.serve()
	s.wait(server.URL, "an alarm", func(status roll.Status) bool {
		return !status.Ready && len(status.Alarms) == 1 && status.Alarms[0].Code == register.CodeSignerUnknown && status.Alarms[0].Stops
	})
	ask := exec.Command(filepath.Join(programs, "muster"), "roll", "ask", "--roll", server.URL)
	said, _ := ask.Output()
	if ask.ProcessState.ExitCode() != exitcode.Refused || !strings.Contains(string(said), ": NOT READY\n") || !strings.Contains(string(said), `of "acme/ai": "signer-unknown" since 20`) {
		t.Errorf("got %d, %s", ask.ProcessState.ExitCode(), said)
	}
	if err := server.Stop(); err != nil {
		t.Error(err)
	}
	ask = exec.Command(filepath.Join(programs, "muster"), "roll", "ask", "--roll", server.URL)
	if said, _ := ask.CombinedOutput(); ask.ProcessState.ExitCode() != exitcode.Unknown {
		t.Errorf("got %d, %s", ask.ProcessState.ExitCode(), said)
	}
}

// misbehaved wants the exit code of a log that misbehaved.
func (s *rollSite) misbehaved(err error) {
	s.t.Helper()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != exitcode.Misbehaved {
		output, _ := os.ReadFile(filepath.Join(s.directory, "roll.output"))
		s.t.Errorf("got %v, want exit code %d\n%s", err, exitcode.Misbehaved, output)
	}
}

// fork signs, with the log's own key, another tree of the size that the log shows.
func (s *rollSite) fork() []byte {
	s.t.Helper()
	response, err := http.Get(s.url + "/checkpoint")
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	shown, err := tlog.ParseCheckpoint(data)
	if err != nil {
		s.t.Fatal(err)
	}
	config, err := os.ReadFile(filepath.Join(s.directory, "log", "muster-log.json"))
	if err != nil {
		s.t.Fatal(err)
	}
	var files struct{ Key string }
	if err := json.Unmarshal(config, &files); err != nil {
		s.t.Fatal(err)
	}
	secret, err := os.ReadFile(filepath.Join(s.directory, "log", files.Key))
	if err != nil {
		s.t.Fatal(err)
	}
	key, err := tlog.ParseSigningKey(strings.TrimSpace(string(secret)))
	if err != nil {
		s.t.Fatal(err)
	}
	other := tlog.Checkpoint{Origin: shown.Origin, Size: shown.Size, Root: tlog.Hash{1}}
	line, err := key.SignNote(other.Text())
	if err != nil {
		s.t.Fatal(err)
	}
	signed, err := tlog.NewSignedCheckpoint(other, line)
	if err != nil {
		s.t.Fatal(err)
	}
	return signed.Marshal()
}

// verify fetches the release's bundle and wants an exit code of its verdict, which asks
// for a roll of at most four hours.
func (s *rollSite) verify(name string, code int) {
	s.t.Helper()
	s.do("muster", "bundle", "get", s.entry, "--log", s.url, "--policy", "log/log.policy", "--out", name)
	command := exec.Command(filepath.Join(programs, "muster"), "verify", name, "--policy", "log/log.policy", "--requirements", "requirements.json")
	command.Dir = s.directory
	output, err := command.CombinedOutput()
	if got := command.ProcessState.ExitCode(); got != code {
		s.t.Errorf("%s: got exit code %d, %v, want %d\n%s", name, got, err, code, output)
	}
}
