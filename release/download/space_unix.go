//go:build linux || darwin

package download

import "syscall"

// freeSpace returns how many bytes may still be written below a directory; false
// where that cannot be told.
func freeSpace(directory string) (uint64, bool) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(directory, &stat); err != nil || stat.Bsize <= 0 {
		return 0, false
	}
	return saturatingMultiply(stat.Bavail, uint64(stat.Bsize)), true
}
