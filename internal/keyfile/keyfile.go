// Package keyfile reads and makes the files of private keys: their owner alone
// reads them, none is ever overwritten, and none is ever there in part.
package keyfile

import (
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/muster-log/muster/internal/atomicfile"
	"github.com/muster-log/muster/internal/inputfile"
)

// Mode is the mode of a private key's file.
const Mode fs.FileMode = 0o600

// others are the bits that let others than the owner use a file.
const others fs.FileMode = 0o077

// ModeError is a private key's file that others than its owner can use.
type ModeError struct {
	Path string
	Mode fs.FileMode
}

func (e *ModeError) Error() string {
	return fmt.Sprintf("private key %s has mode %04o, want %04o", e.Path, e.Mode, Mode)
}

// Hint says what to do.
func (e *ModeError) Hint() string {
	return "chmod 600 " + e.Path + ", and think of the key as known if others could read it"
}

// Read reads the private key's file at path, of at most limit bytes. What is no
// regular file is refused, and with a [*ModeError] a file whose group or others
// may read, write or execute it.
func Read(path string, limit int64) ([]byte, error) { return read(path, limit, inputfile.Open) }

// ReadOrPipe is [Read] that takes a pipe, too, that the program inherited and path
// names by its descriptor, as <(command) does, so that a key can come from a
// program that keeps it.
func ReadOrPipe(path string, limit int64) ([]byte, error) {
	return read(path, limit, inputfile.OpenOrPipe)
}

func read(path string, limit int64, open func(string) (*os.File, fs.FileInfo, error)) ([]byte, error) {
	file, info, err := open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if mode := info.Mode(); mode.IsRegular() && mode.Perm()&others != 0 {
		return nil, &ModeError{path, mode.Perm()}
	}
	return readAll(file, path, limit)
}

// readAll reads what is opened to its end, and not above the limit.
func readAll(file *os.File, path string, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s has more than %d bytes: not a key file", path, limit)
	}
	return data, nil
}

// Create makes a private key's file, durable and whole or not at all. Where there
// is one it returns an [*atomicfile.ExistsError]: a key that is lost cannot be
// made again.
func Create(path string, data []byte) error { return atomicfile.Create(path, data, Mode) }
