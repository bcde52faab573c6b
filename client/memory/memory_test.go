package memory_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/muster-log/muster/client/memory"
	"github.com/muster-log/muster/internal/inputfile"
	"github.com/muster-log/muster/tlog"
	logs "github.com/muster-log/muster/tlog/memory"
	"github.com/muster-log/muster/verify"
)

const origin = "log.example/acme"

// childFile and childStart have this program learn one checkpoint after another, of
// every other size from that one on, and print each size that is durable.
const childFile, childStart, childSizes = "MEMORY_TEST_FILE", "MEMORY_TEST_START", 150

func TestMain(m *testing.M) {
	if path := os.Getenv(childFile); path != "" {
		start, err := strconv.ParseUint(os.Getenv(childStart), 10, 64)
		for size := start; err == nil && size < start+2*childSizes; size += 2 {
			if _, err = memory.Learn(context.Background(), path, checkpoint(size, origin), false); err == nil {
				fmt.Println(size)
			}
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// checkpoint is a memory of one checkpoint, whose root is made of its size, as
// fresh as it is large. Nothing here looks at a signature.
func checkpoint(size uint64, origin string) *verify.Memory {
	line := tlog.NoteSignature{Name: origin, KeyID: 1, Sig: []byte("signature")}
	signed, err := tlog.NewSignedCheckpoint(tlog.Checkpoint{Origin: origin, Size: size, Root: tlog.LeafHash(fmt.Append(nil, size))}, line)
	if err != nil {
		panic(err)
	}
	m := &verify.Memory{}
	if _, err := m.Logs.Add(logs.Kept{Checkpoint: signed, Fresh: size}); err != nil {
		panic(err)
	}
	return m
}

func learn(t testing.TB, path string, m *verify.Memory, create bool) {
	t.Helper()
	if evidence, err := memory.Learn(t.Context(), path, m, create); err != nil || len(evidence) != 0 {
		t.Fatalf("got %v, %v", evidence, err)
	}
}

func sizes(t testing.TB, path string) (list []uint64) {
	t.Helper()
	m, err := memory.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range m.Logs.Checkpoints(origin) {
		list = append(list, k.Checkpoint.Size)
	}
	return list
}

func TestLearn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.json")
	if _, err := memory.Read(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if _, err := memory.Learn(t.Context(), path, checkpoint(5, origin), false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("made without being told to: %v", err)
	}
	learn(t, path, checkpoint(5, origin), true)
	learn(t, path, checkpoint(3, origin), true)
	if got := sizes(t, path); !slices.Equal(got, []uint64{3, 5}) {
		t.Errorf("got %v", got)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	learn(t, path, checkpoint(3, origin), false)
	if again, err := os.Stat(path); err != nil || !os.SameFile(info, again) {
		t.Error("written anew though nothing was learnt")
	}
	// What only both together show.
	forked, err := tlog.NewSignedCheckpoint(tlog.Checkpoint{Origin: origin, Size: 5}, tlog.NoteSignature{Name: origin, KeyID: 1, Sig: []byte("other")})
	if err != nil {
		t.Fatal(err)
	}
	other := &verify.Memory{}
	if _, err := other.Logs.Add(logs.Kept{Checkpoint: forked, Fresh: 9}); err != nil {
		t.Fatal(err)
	}
	if evidence, err := memory.Learn(t.Context(), path, other, false); err != nil || len(evidence) != 1 {
		t.Errorf("got %v, %v", evidence, err)
	}
	if m, err := memory.Read(path); err != nil || len(m.Logs.Evidence(origin)) != 1 {
		t.Errorf("the evidence is not kept: %v", err)
	}
}

func TestRefuses(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good.json")
	learn(t, good, checkpoint(5, origin), true)
	data, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"cut": string(data[:len(data)-9]), "empty": "", "changed": strings.Replace(string(data), `"fresh":5`, `"fresh":"5"`, 1)} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := memory.Learn(t.Context(), path, checkpoint(7, origin), true)
		damaged, ok := errors.AsType[*memory.DamagedError](err)
		if !ok || damaged.Path != path || damaged.Hint() == "" {
			t.Errorf("%s: got %v", name, err)
		}
		if left, err := os.ReadFile(path); err != nil || string(left) != content {
			t.Errorf("%s: it was touched", name)
		}
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(good, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{link, dir} {
		_, err := memory.Learn(t.Context(), path, checkpoint(7, origin), true)
		if _, ok := errors.AsType[*inputfile.KindError](err); !ok {
			t.Errorf("%s: got %v", path, err)
		}
	}
	// A directory that nothing can be written to.
	if _, err := memory.Learn(t.Context(), filepath.Join(dir, "none", "m.json"), checkpoint(7, origin), true); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	var full verify.Memory
	for i := range logs.MaxLogs {
		if _, err := full.Merge(checkpoint(5, fmt.Sprint("log.example/", i))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := memory.Learn(t.Context(), good, &full, false); !errors.Is(err, logs.ErrFull) {
		t.Errorf("got %v", err)
	}
	if got := sizes(t, good); !slices.Equal(got, []uint64{5}) {
		t.Errorf("after what had no room: %v", got)
	}
}

func TestLockIsWaitedForAndGivenUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.json")
	holder, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(holder.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := memory.Learn(ctx, path, checkpoint(5, origin), true); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	time.AfterFunc(100*time.Millisecond, func() { holder.Close() })
	learn(t, path, checkpoint(5, origin), true)
}

// child starts a process that learns from a size on.
func child(t *testing.T, path string, start int) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), program)
	command.Env = append(os.Environ(), childFile+"="+path, childStart+"="+strconv.Itoa(start))
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	return command, bufio.NewScanner(out)
}

// TestTwoProcesses learn at once, and neither takes back what the other has learnt.
func TestTwoProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.json")
	learn(t, path, checkpoint(1, origin), true)
	one, _ := child(t, path, 1000)
	two, _ := child(t, path, 1001)
	for _, process := range []*exec.Cmd{one, two} {
		if err := process.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	got := sizes(t, path)
	if len(got) != logs.MaxCheckpoints || got[len(got)-1] != 1000+2*childSizes-1 {
		t.Errorf("got %v", got)
	}
	// The newest 64 of all, whoever of the two learnt them: so nothing was lost.
	for i, size := range got {
		if size != uint64(1000+2*childSizes-logs.MaxCheckpoints+i) {
			t.Fatalf("got %v", got)
		}
	}
}

// TestKilled: whenever a process that learns is killed, the file is whole and holds
// whatever it had said to be durable.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.json")
	learn(t, path, checkpoint(1, origin), true)
	for round := range 15 {
		process, out := child(t, path, 1000*(round+1))
		durable := uint64(0)
		for range 1 + 3*round {
			if !out.Scan() {
				break
			}
			size, err := strconv.ParseUint(out.Text(), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			durable = size
		}
		time.Sleep(time.Duration(round*137) * time.Microsecond)
		if err := process.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		process.Wait()
		if got := sizes(t, path); !slices.Contains(got, durable) || got[len(got)-1] < durable {
			t.Fatalf("round %d: %d was durable, and is not among %v", round, durable, got)
		}
	}
}
