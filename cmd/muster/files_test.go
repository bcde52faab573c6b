//go:build unix

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/muster-log/muster/internal/exitcode"
)

// TestNoRegularFile: what is no regular file is refused wherever a file is read,
// and a named pipe is not waited for.
func TestNoRegularFile(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, kind := range map[string]string{pipe: "a pipe", dir: "a directory", os.DevNull: "a device"} {
		for _, args := range [][]string{{"key", "show", path}, {"bundle", "show", path}, {"verify", "x", "--policy", path, "--requirements", path}} {
			if got := muster(t, args...); got.code != exitcode.Unknown || !strings.Contains(got.errOut, path+" is "+kind+", not a regular file") {
				t.Errorf("%v: got %d, %s", args, got.code, got.errOut)
			}
		}
	}
}

// TestInheritedPipe: what a shell makes of <(command) is read.
func TestInheritedPipe(t *testing.T) {
	key := filepath.Join(t.TempDir(), "a.key")
	want := muster(t, "key", "generate", "--out", key)
	public, err := os.ReadFile(publicFile(key))
	if err != nil {
		t.Fatal(want.errOut, err)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if _, err := writer.Write(public); err != nil {
		t.Fatal(err)
	}
	writer.Close()
	id := strings.Fields(want.out)[1]
	if got := muster(t, "key", "show", fmt.Sprintf("/dev/fd/%d", reader.Fd())); got.code != 0 || strings.Fields(got.out)[1] != id {
		t.Errorf("got %+v, want %s", got, id)
	}
}

// TestInterruptedRead: a program that is told to end does so while it waits for
// standard input or for an inherited pipe.
func TestInterruptedRead(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	defer writer.Close()
	path := fmt.Sprintf("/dev/fd/%d", reader.Fd())
	for _, args := range [][]string{{"key", "show", "-"}, {"key", "show", path}} {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan int, 1)
		go func() { ended <- run(ctx, args, time.Now, reader, io.Discard, io.Discard) }()
		select {
		case code := <-ended:
			t.Errorf("%v: exit code %d with nothing to read", args, code)
		case <-time.After(20 * time.Millisecond):
		}
		cancel()
		select {
		case code := <-ended:
			if code != exitcode.Unknown {
				t.Errorf("%v: exit code %d, want %d", args, code, exitcode.Unknown)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%v: does not end", args)
		}
	}
}
