package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness/witnesstest"
)

// muster is muster-witness: the built program.
type muster struct{ binary string }

// buildMuster builds the program into a directory.
func buildMuster(directory string) (muster, error) {
	m := muster{filepath.Join(directory, "muster-witness")}
	output, err := exec.Command("go", "build", "-o", m.binary, "github.com/muster-log/muster/cmd/muster-witness").CombinedOutput()
	if err != nil {
		return m, fmt.Errorf("build muster-witness: %w\n%s", err, output)
	}
	return m, nil
}

func (m muster) name() string  { return "muster-witness" }
func (m muster) foreign() bool { return false }

func (m muster) install(t testing.TB, directory string) instance {
	t.Helper()
	i := &musterInstance{muster: m, t: t, data: filepath.Join(directory, "data"), key: filepath.Join(directory, "witness.key")}
	i.must("key", "generate", "--name", "witness.example/w1", "--out", i.key)
	var shown struct {
		Keys []struct{ VKey string }
	}
	if err := json.Unmarshal([]byte(i.must("key", "show", "--key", i.key, "--json")), &shown); err != nil {
		t.Fatal(err)
	}
	for _, key := range shown.Keys {
		parsed, err := tlog.ParseVerifierKey(key.VKey)
		if err != nil {
			t.Fatal(err)
		}
		i.verifiers = append(i.verifiers, parsed)
	}
	t.Cleanup(func() {
		if i.running != nil {
			i.kill()
		}
	})
	return i
}

// musterInstance is one muster-witness.
type musterInstance struct {
	muster
	t         testing.TB
	data, key string
	verifiers []tlog.VerifierKey
	running   *witnesstest.Process
}

// execute runs the program to its end.
func (i *musterInstance) execute(arguments ...string) (string, error) {
	command := exec.Command(i.binary, arguments...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%w: %s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	return stdout.String(), nil
}

func (i *musterInstance) must(arguments ...string) string {
	i.t.Helper()
	out, err := i.execute(arguments...)
	if err != nil {
		i.t.Fatalf("muster-witness %s: %v", strings.Join(arguments, " "), err)
	}
	return out
}

// withoutLimits are flags for checks that ask faster than a log does. A check
// of the limits comes after them with its own.
var withoutLimits = []string{"--rate", "0", "--origin-rate", "0", "--unknown-rate", "0"}

// musterListens finds the address in the log line that says it.
var musterListens = regexp.MustCompile(`msg=listening .*\burl=(\S+)`)

func (i *musterInstance) start(flags ...string) error {
	running, err := i.serve(i.data, i.key, flags...)
	if err == nil {
		i.running = running
	}
	return err
}

// serve starts a process, also a second one.
func (i *musterInstance) serve(data, key string, flags ...string) (*witnesstest.Process, error) {
	arguments := slices.Concat([]string{"serve", "--data", data, "--key", key, "--listen", "127.0.0.1:0"}, withoutLimits, flags)
	return witnesstest.Launch(exec.Command(i.binary, arguments...), musterListens)
}

func (i *musterInstance) stop() error              { return i.running.End(syscall.SIGTERM) }
func (i *musterInstance) kill() error              { return i.running.End(syscall.SIGKILL) }
func (i *musterInstance) pid() int                 { return i.running.PID() }
func (i *musterInstance) url() string              { return i.running.Said }
func (i *musterInstance) keys() []tlog.VerifierKey { return i.verifiers }
func (i *musterInstance) database() string         { return i.data }
func (i *musterInstance) anchor() string           { return i.key + ".anchor" }

func (i *musterInstance) signingKeys() ([]*tlog.SigningKey, error) {
	file, err := os.ReadFile(i.key)
	if err != nil {
		return nil, err
	}
	var keys []*tlog.SigningKey
	for line := range strings.Lines(string(file)) {
		key, err := tlog.ParseSigningKey(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func (i *musterInstance) addLog(origin string, key tlog.VerifierKey) error {
	_, err := i.execute("log", "add", "--data", i.data, "--origin", origin, key.String())
	return err
}

func (i *musterInstance) disableLog(origin string) error {
	_, err := i.execute("log", "disable", "--data", i.data, origin)
	return err
}

func (i *musterInstance) disableKey(origin string, key tlog.VerifierKey) error {
	_, err := i.execute("log", "disable", "--data", i.data, origin, "--key", key.String())
	return err
}

func (i *musterInstance) tool(arguments ...string) (string, error) {
	arguments = append(arguments, "--data", i.data)
	if arguments[0] == "recover" {
		arguments = append(arguments, "--key", i.key)
	}
	return i.execute(arguments...)
}

func (i *musterInstance) second(same second) error {
	directory := i.t.TempDir()
	data, key := filepath.Join(directory, "data"), filepath.Join(directory, "witness.key")
	switch same {
	case sameDatabase:
		data = i.data
		i.must("key", "generate", "--name", "witness.example/w1", "--out", key)
	case sameKey:
		key = i.key
	case copiedKey:
		if err := copyFile(key, i.key); err != nil {
			i.t.Fatal(err)
		}
	}
	running, err := i.serve(data, key)
	if err != nil {
		return err
	}
	return running.End(syscall.SIGKILL)
}

// copyFile copies a file with mode 0600.
func copyFile(to, from string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o600)
}
