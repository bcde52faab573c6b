// Package inputfile opens the files that a program is given to read, so that none
// makes it wait for ever: what is no regular file is refused, and a named pipe
// before its other end is waited for.
package inputfile

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// KindError is an input that is no regular file.
type KindError struct {
	Path string
	Mode fs.FileMode
}

func (e *KindError) Error() string {
	return fmt.Sprintf("%s is %s, not a regular file", e.Path, Kind(e.Mode))
}

// Open opens the regular file at path for reading, and says what was opened,
// whatever has the name by then. Symbolic links are followed: who names a path
// means what it leads to. What is no regular file is a [*KindError].
func Open(path string) (*os.File, fs.FileInfo, error) { return open(path, false) }

// Read reads a regular file of at most limit bytes.
func Read(path string, limit int64) ([]byte, error) {
	file, _, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s has more than %d bytes", path, limit)
	}
	return data, nil
}

// OpenOrPipe is [Open] that takes a pipe, too, if path names it by a descriptor
// that the program inherited, as shells do for <(command): its other end was open
// when the program began. Reading it waits for what writes there.
func OpenOrPipe(path string) (*os.File, fs.FileInfo, error) {
	return open(path, descriptor(filepath.Clean(path)))
}

// descriptor reports a path that names one of the program's own descriptors.
func descriptor(path string) bool {
	return path == "/dev/stdin" || strings.HasPrefix(path, "/dev/fd/") || strings.HasPrefix(path, "/proc/self/fd/")
}

func open(path string, pipes bool) (*os.File, fs.FileInfo, error) {
	// Without O_NONBLOCK opening a pipe would wait for its other end.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() && !(pipes && info.Mode().Type() == fs.ModeNamedPipe) {
		err = &KindError{path, info.Mode()}
	}
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	return file, info, nil
}

// Kind says in a word what a file is that is not regular.
func Kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "of no known kind"
}
