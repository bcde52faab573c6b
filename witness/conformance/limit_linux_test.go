package conformance

import (
	"fmt"
	"syscall"
	"unsafe"
)

// limitFileSize keeps a running process of ours from making any file longer
// than so many bytes: prlimit(2), RLIMIT_FSIZE.
func limitFileSize(pid int, bytes int64) error {
	limit := syscall.Rlimit{Cur: uint64(bytes), Max: uint64(bytes)}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), 1 /* RLIMIT_FSIZE */, uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("prlimit of process %d: %w", pid, errno)
	}
	return nil
}
