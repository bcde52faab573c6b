//go:build linux || darwin

package download

import (
	"errors"
	"os"
	"syscall"
)

// freeSpace returns how many bytes may still be written below a directory; false
// where that cannot be told.
func freeSpace(directory string) (uint64, bool) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(directory, &stat); err != nil || stat.Bsize <= 0 {
		return 0, false
	}
	return saturatingMultiply(stat.Bavail, uint64(stat.Bsize)), true
}

// lock keeps other processes from writing to a file until it is closed; false:
// one has it.
func lock(file *os.File) (bool, error) {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
