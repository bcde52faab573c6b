//go:build unix

package main

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/muster-log/muster/internal/inputfile"
)

// TestReadBounded: what the server reads is a regular file; a named pipe is not
// waited for.
func TestReadBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := inputfile.Read(path, maxConfig); err == nil || !strings.Contains(err.Error(), path+" is a pipe, not a regular file") {
		t.Errorf("got %v", err)
	}
}
