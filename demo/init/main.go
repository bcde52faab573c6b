//go:build linux

// Command init is the only program in the demo's images: in the initrd it is
// /init, in the root file system /sbin/init. The demo measures it and does not
// boot it. Booted all the same, it says what it is and powers the machine off: it
// opens no disk, so it could vouch for nothing.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// powerOff is LINUX_REBOOT_CMD_POWER_OFF of reboot(2).
const powerOff = 0x4321fedc

func main() {
	fmt.Println("muster demo: this image is there to be measured, it runs nothing; powering off")
	if os.Getpid() != 1 {
		// A person tried it on a running machine, which is left alone.
		return
	}
	// Signals have no default action in process 1; this keeps a keyboard's
	// Ctrl-Alt-Del from interrupting the last lines.
	signal.Ignore(syscall.SIGINT)
	syscall.Sync()
	if err := syscall.Reboot(powerOff); err != nil {
		fmt.Println("muster demo: power off:", err)
	}
	// Process 1 must not return: the kernel would panic.
	select {}
}
