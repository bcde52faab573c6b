// Package litewitnesstest runs litewitness of filippo.io/torchwood, a witness
// by others that is in use, for tests that compare ours with it or have a log
// cosigned by it. It is built through the Go module proxy and needs ssh-agent,
// ssh-add and ssh-keygen of OpenSSH.
package litewitnesstest

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/ncruces/go-sqlite3/driver"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness/witnesstest"
)

// Version is the version that is built.
const Version = "v0.9.0"

// module is built in its own module graph: requiring it would spoil ours.
const module = "filippo.io/torchwood/cmd/litewitness@" + Version

// Build returns the path of the program. It is built once, into the user's
// cache directory.
func Build() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	binary := filepath.Join(cache, "muster-tests", "litewitness-"+Version)
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	if err := os.MkdirAll(filepath.Dir(binary), 0o755); err != nil {
		return "", err
	}
	directory, err := os.MkdirTemp(filepath.Dir(binary), "build-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(directory)
	command := exec.Command("go", "install", "-trimpath", module)
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOBIN="+directory)
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", module, err, output)
	}
	return binary, os.Rename(filepath.Join(directory, "litewitness"), binary)
}

// Witness is one litewitness, with its key in an ssh-agent of its own.
type Witness struct {
	// Directory holds its files.
	Directory string
	// Name is its name.
	Name string

	binary, agent, fingerprint string
	process                    *witnesstest.Process
	address                    string
	key                        tlog.VerifierKey
}

// New makes a witness in a directory, whose path must be short: it holds the
// agent's socket. The agent runs until the test ends, and so, at most, does the
// witness, which Start starts.
func New(tb testing.TB, directory, name string) *Witness {
	tb.Helper()
	binary, err := Build()
	if err != nil {
		tb.Fatal(err)
	}
	w := &Witness{Directory: directory, Name: name, binary: binary, agent: filepath.Join(directory, "agent")}
	key := filepath.Join(directory, "key")
	execute(tb, nil, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key)
	agent := exec.Command("ssh-agent", "-D", "-a", w.agent)
	if err := agent.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if w.process != nil {
			w.process.End(syscall.SIGKILL)
		}
		agent.Process.Signal(syscall.SIGTERM)
		agent.Wait()
	})
	if err := waitFor("unix", w.agent); err != nil {
		tb.Fatal(err)
	}
	execute(tb, []string{"SSH_AUTH_SOCK=" + w.agent}, "ssh-add", "-q", key)
	w.fingerprint = strings.Fields(execute(tb, nil, "ssh-keygen", "-l", "-f", key+".pub"))[1]
	return w
}

// execute runs a program to its end and returns what it prints.
func execute(tb testing.TB, environment []string, name string, arguments ...string) string {
	tb.Helper()
	command := exec.Command(name, arguments...)
	command.Env = append(os.Environ(), environment...)
	output, err := command.CombinedOutput()
	if err != nil {
		tb.Fatalf("%s %s: %v\n%s", name, strings.Join(arguments, " "), err, output)
	}
	return string(output)
}

// waitFor waits until something listens.
func waitFor(network, address string) error {
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		connection, err := net.Dial(network, address)
		if err == nil {
			return connection.Close()
		}
		if time.Now().After(end) {
			return err
		}
	}
}

// saysKey finds the verifier key in the log line that says it.
var saysKey = regexp.MustCompile(`\bvkey="?([^" \n]+)`)

// Start runs it until Stop or Kill.
func (w *Witness) Start() (err error) {
	if w.process, w.address, err = w.serve(w.Database()); err != nil {
		return err
	}
	w.key, err = tlog.ParseVerifierKey(w.process.Said)
	return err
}

// Second runs another process with the key, on the same database or one of its
// own, and ends it. The error says that it refused to start.
func (w *Witness) Second(database string) error {
	process, _, err := w.serve(database)
	if err != nil {
		return err
	}
	return process.End(syscall.SIGKILL)
}

// serve starts a process and returns where it listens: it takes no port 0.
func (w *Witness) serve(database string) (*witnesstest.Process, string, error) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		return nil, "", err
	}
	if err := os.MkdirAll(database, 0o700); err != nil {
		return nil, "", err
	}
	process, err := witnesstest.Launch(exec.Command(w.binary, "-db", databaseFile(database), "-key", w.fingerprint,
		"-ssh-agent", w.agent, "-name", w.Name, "-listen", address), saysKey)
	if err != nil {
		return nil, "", err
	}
	return process, address, waitFor("tcp", address)
}

// Stop ends it by an interrupt, which it takes for a stop; Kill by SIGKILL.
func (w *Witness) Stop() error { return w.process.End(syscall.SIGINT) }
func (w *Witness) Kill() error { return w.process.End(syscall.SIGKILL) }

// PID is the running process's id.
func (w *Witness) PID() int { return w.process.PID() }

// URL is where it answers.
func (w *Witness) URL() string { return "http://" + w.address }

// Key is its verifier key, known once it has started.
func (w *Witness) Key() tlog.VerifierKey { return w.key }

// Database is the directory of its database.
func (w *Witness) Database() string { return filepath.Join(w.Directory, "data") }

func databaseFile(directory string) string { return filepath.Join(directory, "litewitness.db") }

// change alters its database as its witnessctl would, which needs a module,
// sigsum-go, that not every proxy has. A running witness knows it at once.
func (w *Witness) change(statement string, arguments ...any) error {
	file := url.URL{Scheme: "file", Path: databaseFile(w.Database()), RawQuery: "_pragma=busy_timeout(10000)"}
	db, err := sql.Open("sqlite3", file.String())
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(context.Background(), statement, arguments...)
	return err
}

// AddLog is witnessctl add-log, unless the log is there, and add-key.
func (w *Witness) AddLog(origin string, key tlog.VerifierKey) error {
	if err := os.MkdirAll(w.Database(), 0o700); err != nil {
		return err
	}
	if err := w.change(`CREATE TABLE IF NOT EXISTS log (origin TEXT PRIMARY KEY, tree_size INTEGER NOT NULL, tree_hash TEXT NOT NULL);
		CREATE TABLE IF NOT EXISTS key (origin TEXT NOT NULL, key TEXT NOT NULL, FOREIGN KEY(origin) REFERENCES log(origin));`); err != nil {
		return err
	}
	empty := sha256.Sum256(nil)
	if err := w.change(`INSERT OR IGNORE INTO log (origin, tree_size, tree_hash) VALUES (?, 0, ?)`, origin, base64.StdEncoding.EncodeToString(empty[:])); err != nil {
		return err
	}
	return w.change(`INSERT INTO key (origin, key) SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM key WHERE origin = ?1 AND key = ?2)`, origin, key.String())
}

// AddLogs adds many new logs at once, each under its key's name, after at least
// one AddLog.
func (w *Witness) AddLogs(keys ...tlog.VerifierKey) error {
	empty := sha256.Sum256(nil)
	var logs, logKeys []any
	for _, key := range keys {
		logs = append(logs, key.Name, base64.StdEncoding.EncodeToString(empty[:]))
		logKeys = append(logKeys, key.Name, key.String())
	}
	rows := func(row string) string { return strings.Repeat(row+", ", len(keys)-1) + row }
	if err := w.change(`INSERT INTO log (origin, tree_size, tree_hash) VALUES `+rows("(?, 0, ?)"), logs...); err != nil {
		return err
	}
	return w.change(`INSERT INTO key (origin, key) VALUES `+rows("(?, ?)"), logKeys...)
}

// DisableLog takes all keys of a log away, as its documentation says.
func (w *Witness) DisableLog(origin string) error {
	return w.change(`DELETE FROM key WHERE origin = ?`, origin)
}

// DisableKey is witnessctl del-key.
func (w *Witness) DisableKey(origin string, key tlog.VerifierKey) error {
	return w.change(`DELETE FROM key WHERE origin = ? AND key = ?`, origin, key.String())
}
