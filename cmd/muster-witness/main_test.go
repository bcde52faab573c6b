package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness/witnesstest"
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		directory, err := os.MkdirTemp("", "muster-witness-test-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(directory)
		binary = filepath.Join(directory, "muster-witness")
		if output, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
			panic(string(output))
		}
		return m.Run()
	}())
}

// execute runs the program to its end.
func execute(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

// must runs the program and demands exit code 0.
func must(t *testing.T, args ...string) string {
	t.Helper()
	stdout, stderr, code := execute(t, args...)
	if code != 0 {
		t.Fatalf("%v: exit code %d, %s", args, code, stderr)
	}
	return stdout
}

// site is a witness's files.
type site struct{ data, key string }

func newSite(t *testing.T) site {
	t.Helper()
	directory := t.TempDir()
	s := site{data: filepath.Join(directory, "data"), key: filepath.Join(directory, "witness.key")}
	must(t, "key", "generate", "--name", "witness.example/w1", "--out", s.key)
	return s
}

// keys reads the witness's public keys from key show.
func (s site) keys(t *testing.T) []tlog.VerifierKey {
	t.Helper()
	var shown struct {
		Keys []struct{ VKey string }
	}
	if err := json.Unmarshal([]byte(must(t, "key", "show", "--key", s.key, "--json")), &shown); err != nil {
		t.Fatal(err)
	}
	var keys []tlog.VerifierKey
	for _, key := range shown.Keys {
		parsed, err := tlog.ParseVerifierKey(key.VKey)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, parsed)
	}
	return keys
}

func (s site) add(t *testing.T, log *witnesstest.Log) {
	t.Helper()
	must(t, "log", "add", "--data", s.data, log.Key.Verifier().String())
}

// process is a serving witness.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	url   string
	first string      // the log line with its address
	rest  chan string // what it logs after that
}

// listening finds the address in the first log line, as text or as JSON.
var listening = regexp.MustCompile(`msg"?[=:]"?listening.*url"?[=:]"?(http://127\.0\.0\.1:[1-9]\d*)[" ].*witness\.example/w1`)

// serve starts a witness and waits for the log line with its address.
func (s site) serve(t *testing.T, flags ...string) *process {
	t.Helper()
	args := append([]string{"serve", "--data", s.data, "--key", s.key, "--listen", "127.0.0.1:0"}, flags...)
	cmd := exec.Command(binary, args...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			cmd.Process.Kill()
			cmd.Wait()
		}
	})
	lines := bufio.NewReader(stderr)
	first, err := lines.ReadString('\n')
	if strings.Contains(first, "the anchor is brought up to the database") {
		// After a kill between the two.
		first, err = lines.ReadString('\n')
	}
	if err != nil {
		t.Fatalf("no log line: %q, %v", first, err)
	}
	found := listening.FindStringSubmatch(first)
	if found == nil {
		t.Fatalf("log line %q", first)
	}
	p := &process{t: t, cmd: cmd, url: found[1], first: first, rest: make(chan string, 1)}
	go func() {
		rest, _ := io.ReadAll(lines)
		p.rest <- string(rest)
	}()
	return p
}

// end sends a signal and returns the exit code, -1 if the signal killed it,
// and what was logged.
func (p *process) end(signal os.Signal) (int, string) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		p.t.Fatal(err)
	}
	rest := <-p.rest
	p.cmd.Wait()
	return p.cmd.ProcessState.ExitCode(), rest
}

// submit posts an add-checkpoint request; err is set if no answer came whole.
func (p *process) submit(body []byte) (status int, answer string, err error) {
	response, err := http.Post(p.url+"/add-checkpoint", "text/plain", bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

// get reads a page that must be there.
func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: got %d %q, %v", url, response.StatusCode, body, err)
	}
	return string(body)
}

// originHash is what monitors ask by.
func originHash(origin string) string {
	hash := sha256.Sum256([]byte(origin))
	return hex.EncodeToString(hash[:])
}

func TestServeStopsCleanly(t *testing.T) {
	for signal, flags := range map[os.Signal][]string{syscall.SIGTERM: nil, os.Interrupt: {"--json"}} {
		p := newSite(t).serve(t, flags...)
		if json.Valid([]byte(p.first)) != (flags != nil) {
			t.Errorf("flags %v: log line %q", flags, p.first)
		}
		code, logged := p.end(signal)
		if code != 0 || !strings.Contains(strings.ReplaceAll(logged, `"`, ""), "stopped") {
			t.Errorf("%v: exit code %d, %s", signal, code, logged)
		}
	}
}

func TestLogAddWhileServing(t *testing.T) {
	s := newSite(t)
	p := s.serve(t)
	log := witnesstest.NewLog(t, "log.example/a", 9)
	if status, _, err := p.submit(log.Request(0, 5).Marshal()); status != http.StatusNotFound {
		t.Fatalf("before: got %d, %v", status, err)
	}
	s.add(t, log)
	status, answer, err := p.submit(log.Request(0, 5).Marshal())
	if status != http.StatusOK {
		t.Fatalf("after: got %d, %v", status, err)
	}
	lines, err := tlog.ParseSignatureLines(answer)
	if err != nil {
		t.Fatal(err)
	}
	cosigned, err := log.Checkpoint(5).With(lines...)
	if err != nil {
		t.Fatal(err)
	}
	if cosignatures, err := cosigned.Cosignatures(s.keys(t)); err != nil || len(cosignatures) != 2 {
		t.Errorf("got cosignatures %v, %v", cosignatures, err)
	}
	if listed := must(t, "log", "list", "--data", s.data); !strings.Contains(listed, "log.example/a  1     5") {
		t.Errorf("listed: %s", listed)
	}
}

// TestW14SecondProcessRefusesToStart: whatever it has in common with the first.
func TestW14SecondProcessRefusesToStart(t *testing.T) {
	s, other := newSite(t), newSite(t)
	p := s.serve(t)
	for name, args := range map[string][]string{
		"same data":   {"serve", "--data", s.data, "--key", other.key, "--listen", "127.0.0.1:0"},
		"same key":    {"serve", "--data", other.data, "--key", s.key, "--anchor", other.key + ".anchor", "--listen", "127.0.0.1:0"},
		"same anchor": {"serve", "--data", other.data, "--key", other.key, "--anchor", s.key + ".anchor", "--listen", "127.0.0.1:0"},
	} {
		stdout, stderr, code := execute(t, args...)
		if code != 3 || !strings.Contains(stderr, "in use by another witness process") || strings.Contains(stderr, "listening") {
			t.Errorf("%s: exit code %d, %q, %q", name, code, stdout, stderr)
		}
	}
	if code, _ := p.end(syscall.SIGKILL); code != -1 {
		t.Fatalf("exit code %d", code)
	}
	// The kernel has freed the locks of the killed one.
	s.serve(t).end(syscall.SIGTERM)
}
