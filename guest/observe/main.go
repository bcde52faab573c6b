//go:build linux

// Command observe is process 1 of a machine that is booted once to see what its
// firmware measures: it writes the event log, as PEM, to the second serial port, and
// powers off.
package main

import (
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

const (
	eventLog = "/sys/kernel/security/tpm0/binary_bios_measurements"
	// port carries no messages of the kernel's: those go to the first one.
	port = "/dev/ttyS1"
)

func main() {
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "observe: process 1 of a guest, not to be run elsewhere")
		os.Exit(2)
	}
	err := run()
	fmt.Println("observe: powering off:", err)
	syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)
	for {
		time.Sleep(time.Hour)
	}
}

func run() error {
	for _, m := range []struct{ kind, at string }{{"devtmpfs", "/dev"}, {"sysfs", "/sys"}, {"securityfs", "/sys/kernel/security"}} {
		if err := syscall.Mount(m.kind, m.at, m.kind, syscall.MS_NOSUID|syscall.MS_NOEXEC, ""); err != nil && !errors.Is(err, syscall.EBUSY) {
			return fmt.Errorf("mount %s: %w", m.at, err)
		}
	}
	log, err := os.ReadFile(eventLog)
	if err != nil {
		return err
	}
	out, err := os.OpenFile(port, os.O_WRONLY|syscall.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	// Closing waits until everything is sent.
	return errors.Join(pem.Encode(out, &pem.Block{Type: "TCG EVENT LOG", Bytes: log}), out.Close())
}
