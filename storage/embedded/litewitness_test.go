//go:build system

package embedded_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/ncruces/go-sqlite3/driver"

	"github.com/muster-log/muster/log/logtest"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/policy"
)

// litewitnessModule is the foreign witness. It is built in its own module graph:
// requiring torchwood would spoil ours.
const litewitnessModule = "filippo.io/torchwood/cmd/litewitness@v0.9.0"

// run runs a program to its end and returns what it prints.
func run(t *testing.T, environment []string, name string, arguments ...string) string {
	t.Helper()
	command := exec.Command(name, arguments...)
	command.Env = append(os.Environ(), environment...)
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(arguments, " "), err, out)
	}
	return string(out)
}

// background starts a program that is stopped by a signal when the test ends.
func background(t *testing.T, command *exec.Cmd) {
	t.Helper()
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		command.Process.Signal(syscall.SIGTERM)
		command.Wait()
	})
}

// waitFor waits until something listens.
func waitFor(t *testing.T, network, address string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		connection, err := net.Dial(network, address)
		if err == nil {
			connection.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// litewitnessLogs makes litewitness's database with one log in it, as its
// witnessctl add-log and add-key would. (witnessctl needs a module, sigsum-go,
// that not every proxy has.)
func litewitnessLogs(t *testing.T, path string, key tlog.VerifierKey) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	empty := sha256.Sum256(nil)
	for _, statement := range []struct {
		text      string
		arguments []any
	}{
		{`CREATE TABLE log (origin TEXT PRIMARY KEY, tree_size INTEGER NOT NULL, tree_hash TEXT NOT NULL)`, nil},
		{`CREATE TABLE key (origin TEXT NOT NULL, key TEXT NOT NULL, FOREIGN KEY(origin) REFERENCES log(origin))`, nil},
		{`INSERT INTO log (origin, tree_size, tree_hash) VALUES (?, 0, ?)`, []any{key.Name, base64.StdEncoding.EncodeToString(empty[:])}},
		{`INSERT INTO key (origin, key) VALUES (?, ?)`, []any{key.Name, key.String()}},
	} {
		if _, err := db.Exec(statement.text, statement.arguments...); err != nil {
			t.Fatal(err)
		}
	}
}

// startLitewitness builds and starts litewitness, which knows the log, with its
// key in an ssh-agent of its own, and returns its policy line.
func startLitewitness(t *testing.T, log tlog.VerifierKey) policy.Witness {
	t.Helper()
	// An agent's socket has a short path, and t.TempDir's may be long.
	dir, err := os.MkdirTemp("", "lw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	run(t, []string{"GOBIN=" + dir}, "go", "install", litewitnessModule)
	key, socket, database := filepath.Join(dir, "key"), filepath.Join(dir, "agent"), filepath.Join(dir, "db")
	run(t, nil, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key)
	background(t, exec.Command("ssh-agent", "-D", "-a", socket))
	waitFor(t, "unix", socket)
	run(t, []string{"SSH_AUTH_SOCK=" + socket}, "ssh-add", "-q", key)
	fingerprint := strings.Fields(run(t, nil, "ssh-keygen", "-l", "-f", key+".pub"))[1]
	litewitnessLogs(t, database, log)

	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	command := exec.Command(filepath.Join(dir, "litewitness"), "-db", database, "-key", fingerprint, "-ssh-agent", socket, "-name", "litewitness.example/w", "-listen", address)
	stderr, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	background(t, command)
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		_, text, ok := strings.Cut(lines.Text(), "vkey=")
		if !ok {
			continue
		}
		verifier, err := tlog.ParseVerifierKey(strings.Trim(strings.Fields(text)[0], `"`))
		if err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		go func() { // its log must not fill the pipe
			for lines.Scan() {
			}
		}()
		waitFor(t, "tcp", address)
		return policy.Witness{Name: "litewitness", Key: verifier, URL: "http://" + address}
	}
	t.Fatal("litewitness ended without naming its key")
	return policy.Witness{}
}

// litewitness, a witness by others, cosigns our log beside our witnesses: a
// quorum of all three needs it.
func TestLitewitnessCosignsOurLog(t *testing.T) {
	key, err := tlog.GenerateSigningKey(peerOrigin, tlog.TypeEd25519)
	if err != nil {
		t.Fatal(err)
	}
	foreign := startLitewitness(t, key.Verifier())
	witnesses := logtest.NewWitnesses(t, 2, key.Verifier())
	trusted := logtest.Policy(t, key.Verifier(), 2, witnesses...)
	trusted.Witnesses = append(trusted.Witnesses, foreign)
	trusted.Groups[0].Members = append(trusted.Groups[0].Members, foreign.Name)
	trusted.Groups[0].Threshold = 3
	if err := trusted.Check(); err != nil {
		t.Fatal(err)
	}
	s := newSite(t, key, trusted)
	for _, more := range []int{1, 5, 300} {
		anchor := s.submit(s.images(more)...)
		signed, err := tlog.ParseCheckpoint(anchor.Note)
		if err != nil {
			t.Fatal(err)
		}
		cosignatures, err := trusted.Verify(signed)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(anchor.Note, []byte("\n— litewitness.example/w ")) || len(cosignatures) < 3 {
			t.Errorf("size %d: %d cosignatures\n%s", signed.Size, len(cosignatures), anchor.Note)
		}
	}
	for _, status := range s.Status().Witnesses {
		if status.Alarm != "" || status.Error != "" {
			t.Errorf("%s: %s %s", status.Name, status.Error, status.Alarm)
		}
	}
}
