//go:build unix

package inputfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestOpen: a regular file is opened, also through a link; all else is refused at
// once, a pipe that nobody writes to, too.
func TestOpen(t *testing.T) {
	dir := t.TempDir()
	file, link, pipe := filepath.Join(dir, "file"), filepath.Join(dir, "link"), filepath.Join(dir, "pipe")
	if err := os.WriteFile(file, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, open := range []func(string) (*os.File, fs.FileInfo, error){Open, OpenOrPipe} {
		for _, path := range []string{file, link} {
			opened, info, err := open(path)
			if err != nil {
				t.Fatal(err)
			}
			if data, err := io.ReadAll(opened); err != nil || string(data) != "data" || info.Size() != 4 {
				t.Errorf("%s: got %q, %v", path, data, err)
			}
			opened.Close()
		}
		for path, want := range map[string]string{dir: "a directory", pipe: "a pipe", os.DevNull: "a device"} {
			_, _, err := open(path)
			if kind, ok := errors.AsType[*KindError](err); !ok || kind.Path != path || err.Error() != path+" is "+want+", not a regular file" {
				t.Errorf("got %v, want %s", err, want)
			}
		}
		if _, _, err := open(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("no file: got %v", err)
		}
	}
}

// TestInheritedPipe: a pipe is taken where it is named by its descriptor, and
// read to its end.
func TestInheritedPipe(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	path := fmt.Sprintf("/dev/fd/%d", reader.Fd())
	if _, _, err := Open(path); err == nil {
		t.Error("Open took a pipe")
	}
	opened, _, err := OpenOrPipe(path)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	go func() {
		defer writer.Close()
		if _, err := writer.WriteString("secret"); err != nil {
			t.Error(err)
		}
	}()
	if data, err := io.ReadAll(opened); err != nil || string(data) != "secret" {
		t.Errorf("got %q, %v", data, err)
	}
}
