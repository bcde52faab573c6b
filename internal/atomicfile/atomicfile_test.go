//go:build unix

package atomicfile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// holds compares a file's content, and wants nothing beside these names.
func holds(t *testing.T, path, want string, names ...string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s holds %q, %v, want %q", path, got, err, want)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range entries {
		got = append(got, entry.Name())
	}
	if strings.Join(got, " ") != strings.Join(names, " ") {
		t.Errorf("the directory holds %q, want %q", got, names)
	}
}

// TestMode: a new file and a replaced one have the mode that was asked for,
// whatever the umask and the old file's mode.
func TestMode(t *testing.T) {
	old := syscall.Umask(0o077)
	t.Cleanup(func() { syscall.Umask(old) })
	path := filepath.Join(t.TempDir(), "file")
	for _, mode := range []fs.FileMode{0o644, 0o600, 0o666, 0o440} {
		if err := Write(path, []byte(mode.String()), mode); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode() != mode {
			t.Errorf("mode %v, %v, want %v", info.Mode(), err, mode)
		}
	}
	holds(t, path, "-r--r-----", "file")
}

func TestSymbolicLinkIsReplaced(t *testing.T) {
	dir := t.TempDir()
	target, path := filepath.Join(dir, "target"), filepath.Join(dir, "file")
	if err := os.WriteFile(target, []byte("other"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		t.Errorf("got mode %v, %v, want a regular file", info.Mode(), err)
	}
	holds(t, path, "new", "file", "target")
	holds(t, target, "other", "file", "target")
}

// TestErrorKeepsTheOldFile: a write that fails half way, as on a full disk,
// leaves the old file and no other.
func TestErrorKeepsTheOldFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := Write(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path) // cannot be written
	if err != nil {
		t.Fatal(err)
	}
	if err := fill(file, []byte("new"), 0o644, (*os.File).Sync); err == nil {
		t.Error("a file open for reading was written")
	}
	holds(t, path, "old", "file")

	// What is in the way of the rename, after the temporary file was written.
	directory := filepath.Join(filepath.Dir(path), "full")
	if err := os.MkdirAll(filepath.Join(directory, "inside"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Write(directory, []byte("new"), 0o644); err == nil || !strings.Contains(err.Error(), directory) {
		t.Errorf("over a directory: got %v, want an error that names it", err)
	}
	holds(t, path, "old", "file", "full")

	if err := Write(filepath.Join(directory, "none", "file"), []byte("new"), 0o644); err == nil {
		t.Error("written into a directory that does not exist")
	}
}

// TestFullDisk: the limit on a file's size fails a write after its first bytes.
func TestFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := Write(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	limited := old
	limited.Cur = 4096
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limited); err != nil {
		t.Fatal(err)
	}
	err := Write(path, make([]byte, 8192), 0o644)
	errCreate := Create(path+".new", make([]byte, 8192), 0o644)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	if err == nil || errCreate == nil {
		t.Error("8192 bytes were written where 4096 are allowed")
	}
	holds(t, path, "old", "file")
}

// TestCreate: a new file has its content and mode; what is there stands.
func TestCreate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := Create(path, []byte("new"), 0o640); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o640 {
		t.Errorf("mode %v, %v, want 0640", info.Mode(), err)
	}
	holds(t, path, "new", "file")
	link := filepath.Join(dir, "link")
	if err := os.Symlink("nowhere", link); err != nil {
		t.Fatal(err)
	}
	for _, taken := range []string{path, link} {
		err := Create(taken, []byte("newer"), 0o640)
		if exists, ok := errors.AsType[*ExistsError](err); !ok || exists.Path != taken || !errors.Is(err, fs.ErrExist) {
			t.Errorf("over %s: got %v, want an *ExistsError", taken, err)
		}
	}
	holds(t, path, "new", "file", "link")
	if target, err := os.Readlink(link); err != nil || target != "nowhere" {
		t.Errorf("the link was changed to %q, %v", target, err)
	}
}

// TestCreateTogether: of many that make one file one does, and its content is
// there whole at any time.
func TestCreateTogether(t *testing.T) {
	const writers, size = 8, 1 << 16
	path := filepath.Join(t.TempDir(), "file")
	var made atomic.Int32
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() {
			switch err := Create(path, bytes.Repeat([]byte{byte('a' + i)}, size), 0o600); {
			case err == nil:
				made.Add(1)
			case !errors.Is(err, fs.ErrExist):
				t.Error(err)
			}
			if data, err := os.ReadFile(path); err != nil || len(data) != size || bytes.Count(data, data[:1]) != size {
				t.Errorf("read %d bytes, %v", len(data), err)
			}
		})
	}
	group.Wait()
	if made.Load() != 1 {
		t.Errorf("%d writers made the file, want 1", made.Load())
	}
}

func TestSyncDir(t *testing.T) {
	if err := SyncDir(t.TempDir()); err != nil {
		t.Error(err)
	}
	if err := SyncDir(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a directory that does not exist was synced")
	}
}
