//go:build unix

package keyfile

import (
	"io/fs"
	"syscall"
)

// owners returns a file's user and group.
func owners(info fs.FileInfo) (user, group int, known bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return int(stat.Uid), int(stat.Gid), true
}
