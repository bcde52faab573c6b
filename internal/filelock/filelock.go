// Package filelock takes the kernel's exclusive lock on a file (flock), so that of
// several processes one at a time works with what the file stands for.
//
// Closing the file unlocks it. So does the end of the process in whatever way, a crash
// or kill -9 too: no lock is ever left behind, and none has to be removed by hand. The
// file itself stays, and says nothing; whoever removes it while a process holds it lets
// a second one in.
//
// The lock is advisory: it keeps out those who ask for it. It belongs to the open file
// and not to the process: opened twice in one process, the second one is kept out too.
// It sees this machine alone: not a copy of the file, and on some network file systems
// no other machine that has mounted it.
//
// Where a system has no flock, every attempt fails with errors.ErrUnsupported.
package filelock

import (
	"errors"
	"fmt"
	"os"
)

// ErrHeld says that another open file holds the lock.
var ErrHeld = errors.New("the lock is held by another process")

// Try takes the lock of an open file, without waiting: false if another one holds it.
// It is held until the file is closed. The error is one of the system, or
// errors.ErrUnsupported.
func Try(file *os.File) (bool, error) { return try(file) }

// Open opens a file with the flags and mode of os.OpenFile and takes its lock, which
// lasts until the file is closed. The error is ErrHeld to errors.Is where another one
// holds it, errors.ErrUnsupported, or one of the system.
func Open(path string, flags int, mode os.FileMode) (*os.File, error) {
	file, err := os.OpenFile(path, flags, mode)
	if err != nil {
		return nil, err
	}
	taken, err := Try(file)
	if err == nil && !taken {
		err = ErrHeld
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
	}
	return file, nil
}
