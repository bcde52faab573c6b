package process

import "syscall"

// attributes put a child into its own process group, and end it when its parent
// dies without having stopped it.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
