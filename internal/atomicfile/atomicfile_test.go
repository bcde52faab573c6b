//go:build unix

package atomicfile

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
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
	if err := fill(file, []byte("new"), 0o644); err == nil {
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
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	if err == nil {
		t.Error("8192 bytes were written where 4096 are allowed")
	}
	holds(t, path, "old", "file")
}

func TestSyncDir(t *testing.T) {
	if err := SyncDir(t.TempDir()); err != nil {
		t.Error(err)
	}
	if err := SyncDir(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a directory that does not exist was synced")
	}
}
