package embedded_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/log/cosign"
	"github.com/muster-log/muster/log/logtest"
	"github.com/muster-log/muster/storage/embedded"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/policy"
)

const (
	killOrigin = "log.example/kill"
	// killDir names the directory of the process that is to be killed: the test
	// binary runs as that process where the variable is set.
	killDir = "MUSTER_TEST_KILL_DIR"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(killDir); dir != "" {
		if err := submitAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// running is a log on embedded storage.
type running struct {
	*log.Log
	storage *embedded.Storage
}

// openAll opens the log in dir/data, with the key and the policy that lie in dir.
func openAll(dir string) (*running, error) {
	text, err := os.ReadFile(filepath.Join(dir, "log.key"))
	if err != nil {
		return nil, err
	}
	key, err := tlog.ParseSigningKey(string(text))
	if err != nil {
		return nil, err
	}
	if text, err = os.ReadFile(filepath.Join(dir, "log.policy")); err != nil {
		return nil, err
	}
	trusted, err := policy.Parse(text)
	if err != nil {
		return nil, err
	}
	logger := slog.New(slog.DiscardHandler)
	storage, err := embedded.Open(context.Background(), filepath.Join(dir, "data"), key, logger, embedded.WithHighWater(filepath.Join(dir, "high-water")))
	if err != nil {
		return nil, err
	}
	group, err := cosign.NewGroup(trusted, cosign.Options{Logger: logger})
	if err != nil {
		return nil, err
	}
	opened, err := log.Open(context.Background(), log.Config{
		Origin: killOrigin, Key: key, Appender: storage.Appender, Anchors: storage.Anchors, HighWater: storage.HighWater,
		Cosigner: group, CheckpointInterval: 5 * time.Millisecond, Logger: logger,
	})
	if err != nil {
		return nil, errors.Join(err, storage.Close())
	}
	return &running{Log: opened, storage: storage}, nil
}

func (r *running) close() error {
	r.Log.Close()
	return r.storage.Close()
}

// submitAll is the process that is killed: it submits every entry of dir/entries
// at once and writes a line for each that is acknowledged, its number and index.
func submitAll(dir string) error {
	entries, err := readEntries(filepath.Join(dir, "entries"))
	if err != nil {
		return err
	}
	r, err := openAll(dir)
	if err != nil {
		return err
	}
	if _, err := r.Submit(context.Background(), entries[0]); err != nil { // the authority
		return err
	}
	var group sync.WaitGroup
	failures := make(chan error, len(entries))
	for i, entry := range entries {
		group.Go(func() {
			receipt, err := r.Submit(context.Background(), entry)
			if err != nil {
				failures <- err
				return
			}
			fmt.Fprintf(os.Stdout, "%d %d\n", i, receipt.Index)
		})
	}
	group.Wait()
	close(failures)
	return errors.Join(<-failures, r.close())
}

func writeEntries(path string, entries [][]byte) error {
	var all []byte
	for _, entry := range entries {
		var err error
		if all, err = tlog.AppendEntry(all, entry); err != nil {
			return err
		}
	}
	return os.WriteFile(path, all, 0o600)
}

func readEntries(path string) ([][]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	for len(data) > 0 {
		width := int(data[0])<<8 | int(data[1])
		entries = append(entries, data[2:2+width])
		data = data[2+width:]
	}
	return entries, nil
}

// L7: kill -9 while 1,000 submissions are under way, several times.
func TestL7KillWhileSubmissionsAreUnderWay(t *testing.T) {
	const submissions = 1000
	dir := t.TempDir()
	key, err := tlog.GenerateSigningKey(killOrigin, tlog.TypeEd25519)
	if err != nil {
		t.Fatal(err)
	}
	witnesses := logtest.NewWitnesses(t, 3, key.Verifier())
	trusted := logtest.Policy(t, key.Verifier(), 2, witnesses...)
	issuer := logtest.NewIssuer(t, killOrigin)
	entries := [][]byte{issuer.Authority}
	for range submissions {
		entry, _ := issuer.Image()
		entries = append(entries, entry)
	}
	for name, data := range map[string][]byte{"log.key": []byte(key.String()), "log.policy": trusted.Marshal()} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := writeEntries(filepath.Join(dir, "entries"), entries); err != nil {
		t.Fatal(err)
	}

	// After so many acknowledgements in a process it is killed. -1: never.
	acknowledged := map[int]uint64{}
	for _, after := range []int{0, 1, 40, 300, 700, -1} {
		runAndKill(t, dir, after, acknowledged)
		checkKilled(t, dir, entries, acknowledged)
	}
	if len(acknowledged) != len(entries) {
		t.Errorf("%d entries were acknowledged at last, want %d", len(acknowledged), len(entries))
	}
}

// runAndKill runs the process and notes what it acknowledged. An entry that was
// acknowledged before must have the same index.
func runAndKill(t *testing.T, dir string, after int, acknowledged map[int]uint64) {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), killDir+"="+dir)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	killed := false
	for count := 0; ; count++ {
		if count == after {
			if err := command.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			killed = true
		}
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			break
		}
		var number int
		var index uint64
		if _, err := fmt.Sscanf(line, "%d %d\n", &number, &index); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		if before, ok := acknowledged[number]; ok && before != index {
			t.Fatalf("entry %d was acknowledged at index %d and then at %d", number, before, index)
		}
		acknowledged[number] = index
	}
	if err := command.Wait(); (err == nil) == killed {
		t.Fatalf("killed %t, and it ended with %v\n%s", killed, err, stderr.Bytes())
	}
}

// checkKilled opens what the process left and compares it with what it said.
func checkKilled(t *testing.T, dir string, entries [][]byte, acknowledged map[int]uint64) {
	t.Helper()
	r, err := openAll(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	size := r.Status().Size
	if size == 0 {
		if len(acknowledged) > 0 {
			t.Fatalf("%d entries were acknowledged, none is there", len(acknowledged))
		}
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	anchor, err := r.WaitPublished(ctx, size-1)
	if err != nil {
		t.Fatalf("%v: %+v", err, r.Status())
	}
	frontier, err := tlog.NewFrontier(ctx, 0, r.storage.Appender)
	if err != nil {
		t.Fatal(err)
	}
	at := make(map[string]uint64, size)
	for index := range anchor.Checkpoint.Size {
		entry, err := r.Entry(ctx, index)
		if err != nil {
			t.Fatal(err)
		}
		if before, ok := at[string(entry)]; ok {
			t.Fatalf("the entry at index %d stands at %d too", index, before)
		}
		at[string(entry)] = index
		frontier.Append(tlog.LeafHash(entry))
	}
	if frontier.Root() != anchor.Checkpoint.Root {
		t.Fatalf("the entries have root %s, the checkpoint %s", frontier.Root(), anchor.Checkpoint.Root)
	}
	used := make(map[uint64]int, len(acknowledged))
	for number, index := range acknowledged {
		if other, ok := used[index]; ok {
			t.Errorf("index %d was given to entries %d and %d", index, number, other)
		}
		used[index] = number
		if got, ok := at[string(entries[number])]; !ok || got != index {
			t.Errorf("entry %d was acknowledged at index %d: there %t, at %d", number, index, ok, got)
		}
	}
}
