package filelock

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const flags = os.O_RDWR | os.O_CREATE

// holderPath is the variable that makes the test binary a process that takes a lock,
// says so and holds it until it is killed.
const holderPath = "MUSTER_TEST_LOCK"

func TestMain(m *testing.M) {
	if path := os.Getenv(holderPath); path != "" {
		if _, err := Open(path, flags, 0o600); err != nil {
			os.Stdout.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Stdout.WriteString("held\n")
		os.Stdin.Read(make([]byte, 1)) // until it is killed, or its parent is gone
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := Open(path, flags, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v, %v", info.Mode(), err)
	}
	if second, err := Open(path, flags, 0o600); !errors.Is(err, ErrHeld) || second != nil {
		t.Fatalf("a second one: got %v, %v, want ErrHeld", second, err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(path, os.O_RDONLY, 0)
	if err != nil {
		t.Fatalf("after it was closed: %v", err)
	}
	again.Close()
	if _, err := Open(filepath.Join(path, "none"), os.O_RDONLY, 0); err == nil || errors.Is(err, ErrHeld) {
		t.Errorf("below a file: got %v", err)
	}
	if _, err := Open(path+".none", os.O_RDONLY, 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: got %v", err)
	}
}

func TestTry(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	files := make([]*os.File, 2)
	for i := range files {
		file, err := os.OpenFile(path, flags, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		files[i] = file
	}
	for i, want := range []bool{true, false} {
		if got, err := Try(files[i]); got != want || err != nil {
			t.Errorf("file %d: got %v, %v, want %v", i, got, err, want)
		}
	}
	files[0].Close()
	if got, err := Try(files[1]); !got || err != nil {
		t.Errorf("after the first was closed: got %v, %v", got, err)
	}
	if got, err := Try(files[0]); got || err == nil {
		t.Errorf("of a closed file: got %v, %v, want an error", got, err)
	}
}

// TestKilled: another process keeps this one out, and gives the lock back by dying.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	holder := exec.Command(os.Args[0])
	holder.Env = append(os.Environ(), holderPath+"="+path)
	stdin, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	said, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || said != "held\n" {
		t.Errorf("the other process said %q, %v", said, err)
	}
	if _, err := Open(path, flags, 0o600); !errors.Is(err, ErrHeld) {
		t.Errorf("got %v, want ErrHeld", err)
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := holder.Wait(); err == nil {
		t.Error("the other process ended by itself")
	}
	file, err := Open(path, flags, 0o600)
	if err != nil {
		t.Fatalf("after it was killed: %v", err)
	}
	file.Close()
}
