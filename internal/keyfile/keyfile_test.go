//go:build unix

package keyfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/muster-log/muster/internal/atomicfile"
)

func TestCreateAndRead(t *testing.T) {
	old := syscall.Umask(0)
	t.Cleanup(func() { syscall.Umask(old) })
	dir := t.TempDir()
	path := filepath.Join(dir, "a.key")
	if err := Create(path, []byte("secret")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != Mode {
		t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
	}
	if _, ok := errors.AsType[*atomicfile.ExistsError](Create(path, []byte("another"))); !ok {
		t.Error("a key file was overwritten")
	}
	for _, read := range []func(string, int64) ([]byte, error){Read, ReadOrPipe} {
		if data, err := read(path, 6); err != nil || string(data) != "secret" {
			t.Errorf("got %q, %v", data, err)
		}
		if data, err := read(path, 5); err == nil || !strings.Contains(err.Error(), path+" has more than 5 bytes") {
			t.Errorf("above the limit: got %q, %v", data, err)
		}
		if _, err := read(dir, 6); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("a directory: got %v", err)
		}
		if _, err := read(filepath.Join(dir, "none"), 6); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("no file: got %v", err)
		}
		if _, err := read(os.DevNull, 6); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("a device: got %v", err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("the directory holds %v, %v, want the key alone", entries, err)
	}
}

// TestMode: every bit of group and others is refused, those of the owner are not.
func TestMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.key")
	if err := Create(path, []byte("secret")); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []fs.FileMode{0o601, 0o602, 0o604, 0o610, 0o620, 0o640, 0o644} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		data, err := Read(path, 100)
		loose, ok := errors.AsType[*ModeError](err)
		if !ok || loose.Mode != mode || data != nil || !strings.HasPrefix(loose.Hint(), "chmod 600 "+path) {
			t.Errorf("mode %04o: got %q, %v", mode, data, err)
		}
	}
	for _, mode := range []fs.FileMode{0o400, 0o600, 0o700} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path, 100); err != nil {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
}

// TestPipe: a key from a program is taken where that is asked for, and bounded. A
// named pipe is not, and is not waited for.
func TestPipe(t *testing.T) {
	for _, test := range []struct {
		read  func(string, int64) ([]byte, error)
		limit int64
		want  string // of the error
	}{{ReadOrPipe, 6, ""}, {ReadOrPipe, 5, "more than 5 bytes"}, {Read, 6, "not a regular file"}} {
		reader, writer, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := writer.WriteString("secret"); err != nil {
			t.Fatal(err)
		}
		writer.Close()
		data, err := test.read(fmt.Sprintf("/dev/fd/%d", reader.Fd()), test.limit)
		if test.want == "" && (err != nil || string(data) != "secret") || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("got %q, %v, want %q", data, err, test.want)
		}
		reader.Close()
	}
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, read := range []func(string, int64) ([]byte, error){Read, ReadOrPipe} {
		if _, err := read(path, 6); err == nil || !strings.Contains(err.Error(), "is a pipe, not a regular file") {
			t.Errorf("a named pipe: got %v", err)
		}
	}
}
