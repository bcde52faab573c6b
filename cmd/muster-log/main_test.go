package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/releasetest"
)

// bin holds the programs under test, built once.
var bin string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		directory, err := os.MkdirTemp("", "muster-log-test-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(directory)
		bin = directory
		if output, err := exec.Command("go", "build", "-o", bin+"/", ".", "../muster", "../muster-witness").CombinedOutput(); err != nil {
			panic(string(output))
		}
		return m.Run()
	}())
}

// execute runs a program to its end.
func execute(t *testing.T, program string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, program), args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

// must runs a program and demands exit code 0.
func must(t *testing.T, program string, args ...string) string {
	t.Helper()
	stdout, stderr, code := execute(t, program, args...)
	if code != 0 {
		t.Fatalf("%s %v: exit code %d, %s", program, args, code, stderr)
	}
	return stdout
}

// process is a serving program.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	url  string
	mu   sync.Mutex
	log  bytes.Buffer
	done chan struct{} // closed at the end of its log
}

// listening finds the address in the log line, as text or as JSON.
var listening = regexp.MustCompile(`msg"?[=:]"?listening.*url"?[=:]"?(http://127\.0\.0\.1:[1-9]\d*)`)

// serve starts a server and waits for the log line with its address.
func serve(t *testing.T, program string, args ...string) *process {
	t.Helper()
	cmd := exec.Command(filepath.Join(bin, program), append([]string{"serve"}, args...)...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: cmd, done: make(chan struct{})}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			cmd.Process.Kill()
			<-p.done
			cmd.Wait()
		}
	})
	address := make(chan string, 1)
	go func() {
		defer close(p.done)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			p.mu.Lock()
			p.log.WriteString(lines.Text() + "\n")
			p.mu.Unlock()
			if found := listening.FindStringSubmatch(lines.Text()); found != nil {
				address <- found[1]
			}
		}
	}()
	select {
	case p.url = <-address:
	case <-p.done:
		t.Fatalf("%s %v ended: %s", program, args, p.logged())
	case <-time.After(30 * time.Second):
		t.Fatalf("%s %v does not listen: %s", program, args, p.logged())
	}
	return p
}

func (p *process) logged() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// waitLog waits until the process has logged something.
func (p *process) waitLog(text string) {
	p.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(p.logged(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("never logged %q: %s", text, p.logged())
		}
	}
}

// end sends a signal and returns the exit code, -1 if the signal killed it.
func (p *process) end(signal os.Signal) int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		p.t.Fatal(err)
	}
	<-p.done
	p.cmd.Wait()
	return p.cmd.ProcessState.ExitCode()
}

// get reads a path of the log.
func (p *process) get(path string) (int, string) {
	p.t.Helper()
	response, err := http.Get(p.url + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// waitStatus waits until a path is answered with a status.
func (p *process) waitStatus(path string, want int) string {
	p.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		status, body := p.get(path)
		if status == want {
			return body
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%s: still %d, want %d: %s\n%s", path, status, want, body, p.logged())
		}
	}
}

// submit posts an entry.
func (p *process) submit(entry []byte) (int, string, error) {
	response, err := http.Post(p.url+"/api/v1/entries", "application/vnd.dsse.envelope.v1+json", bytes.NewReader(entry))
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

// witness is a witness's files and address.
type witness struct{ data, key, vkey, url string }

// testSite is a log to be made, with three witnesses that serve.
type testSite struct {
	t         *testing.T
	dir       string
	data      string
	authority string
	digest    release.Digest // of the authority
	witnesses []witness
}

const origin = "log.example/acme"

func newSite(t *testing.T) *testSite {
	t.Helper()
	s := &testSite{t: t, dir: t.TempDir()}
	s.data, s.authority = filepath.Join(s.dir, "data"), filepath.Join(s.dir, "authority.json")
	var entry []byte
	entry, s.digest = releasetest.SignStatement(t, authorityOf(t, origin, time.Now()), "root1", "root2")
	if err := os.WriteFile(s.authority, entry, 0o644); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		w := witness{data: filepath.Join(s.dir, fmt.Sprint("witness", i)), key: filepath.Join(s.dir, fmt.Sprint("witness", i, ".key"))}
		printed := must(t, "muster-witness", "key", "generate", "--json", "--name", fmt.Sprintf("w%d.example", i), "--out", w.key)
		var keys struct{ Keys []struct{ VKey string } }
		if err := json.Unmarshal([]byte(printed), &keys); err != nil {
			t.Fatal(err)
		}
		w.vkey = keys.Keys[0].VKey
		w.url = serve(t, "muster-witness", "--data", w.data, "--key", w.key, "--listen", "127.0.0.1:0").url
		s.witnesses = append(s.witnesses, w)
	}
	return s
}

// flags are those of init that make the log.
func (s *testSite) flags(more ...string) []string {
	flags := []string{"init", "--data", s.data, "--origin", origin, "--authority", s.authority, "--quorum", "2"}
	for i, w := range s.witnesses {
		flags = append(flags, "--witness", fmt.Sprintf("w%d=%s=%s=Operator %d", i, w.vkey, w.url, i))
	}
	return append(flags, more...)
}

// add has witnesses follow the log, by the line that init printed.
func (s *testSite) add(line string, witnesses ...int) {
	s.t.Helper()
	for _, i := range witnesses {
		words := strings.Fields(strings.Replace(line, "DIR", s.witnesses[i].data, 1))
		must(s.t, words[0], words[1:]...)
	}
}

// authorityOf states the first authority of a log.
func authorityOf(tb testing.TB, origin string, now time.Time) *release.Statement {
	tb.Helper()
	now = now.UTC().Truncate(time.Second)
	authority := &release.Authority{Version: 1, Issued: now.Add(-time.Hour), Origin: origin, Expires: now.AddDate(1, 0, 0), Keys: make(map[release.KeyID]release.Key),
		Channels: []release.Channel{{Name: "stable", Mode: release.ModeProduction}}, Limits: release.Limits{PublishWithinDays: 30, ReleaseDays: 90}}
	for _, role := range []struct {
		name      release.RoleName
		threshold int
		keys      []string
	}{{release.RoleRoot, 2, []string{"root1", "root2", "root3"}}, {release.RoleImage, 1, []string{"ci"}}} {
		var ids []release.KeyID
		for _, name := range role.keys {
			key := releasetest.KeyFromName(name).Key()
			authority.Keys[key.ID()] = key
			ids = append(ids, key.ID())
		}
		slices.SortFunc(ids, release.KeyID.Compare)
		authority.Roles = append(authority.Roles, release.Role{Name: role.name, Keys: ids, Threshold: role.threshold})
	}
	statement, err := release.NewAuthority(authority)
	if err != nil {
		tb.Fatal(err)
	}
	return statement
}

// image makes the entry of an image.
func (s *testSite) image(name string) []byte {
	s.t.Helper()
	now := time.Now().UTC().Truncate(time.Second)
	statement, err := release.NewImage(&release.Image{Issued: now, Authority: s.digest, Product: "acme/ai", Kind: release.KindModel, Name: name, Version: "1", SecurityVersion: 1,
		Mode: release.ModeProduction, PublishBy: now.AddDate(0, 0, 5),
		Measurements: release.Measurements{Verity: &release.Verity{RootHash: strings.Repeat("ab", 32), Salt: "00", DataBlockSize: 4096, HashBlockSize: 4096, DataBlocks: 1, HashOffset: 4096, Algorithm: release.VeritySHA256, FileSystem: "erofs"}},
		Artifacts:    []release.Artifact{{Name: name, Digest: release.Digest{1}, Size: 1, MediaType: "application/octet-stream", URLs: []string{"https://dl.example/" + name}}}})
	if err != nil {
		s.t.Fatal(err)
	}
	entry, _ := releasetest.SignStatement(s.t, statement, "ci")
	return entry
}
