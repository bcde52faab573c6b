//go:build unix

package roll

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// lockName is the file whose lock the process that uses a state directory holds.
const lockName = "lock"

// lockDirectory takes a state directory for this process, until it is closed or the
// process ends in whatever way: two of one ledger could sign two rolls.
func lockDirectory(directory string) (io.Closer, error) {
	path := filepath.Join(directory, lockName)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, privateMode)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s is in use by another roll signer: stop that one first", directory)
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return file, nil
}
