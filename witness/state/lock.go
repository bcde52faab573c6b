package state

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/muster-log/muster/internal/filelock"
)

// lockName is the file inside the data directory whose lock the serving
// process holds. It is not the database: a second process may add a log.
const lockName = "serve.lock"

// LockDirectory takes the data directory for this process to serve from,
// until it is closed or the process ends in whatever way.
func LockDirectory(directory string) (io.Closer, error) {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	return lock(filepath.Join(directory, lockName), os.O_RDWR|os.O_CREATE)
}

// LockKey takes a key file for this process: two witnesses with one key but
// two memories could cosign two histories. A copy of the file is beyond what
// its lock can see.
func LockKey(path string) (io.Closer, error) {
	return lock(path, os.O_RDONLY)
}

// LockAnchor takes the anchor at path for this process. It locks a file beside
// it, its name with .lock added: the anchor itself is replaced when it is written
// anew. It sees what a lock of the key cannot: a copy of the key in another
// container, or on another machine with the same file system.
func LockAnchor(path string) (io.Closer, error) {
	return lock(path+".lock", os.O_RDWR|os.O_CREATE)
}

// lock takes the exclusive lock of a file.
func lock(path string, flags int) (io.Closer, error) {
	file, err := filelock.Open(path, flags, 0o600)
	if errors.Is(err, filelock.ErrHeld) {
		return nil, fmt.Errorf("%s is in use by another witness process: stop that one first", path)
	}
	if err != nil {
		return nil, err
	}
	return file, nil
}
