//go:build unix && !linux

package process

import "syscall"

// attributes put a child into its own process group.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
