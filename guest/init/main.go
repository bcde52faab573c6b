//go:build linux

// Command init is process 1 of the guest's initrd. It loads the kernel's modules,
// hands the trust files of the initrd on to the system, opens the root file system by
// the root hash of the kernel's command line, and hands over to systemd. It has no
// shell, and powers off at whatever fails.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"github.com/muster-log/muster/guest/devicemapper"
)

// waitForDisk bounds how long the root disk may take to appear.
const waitForDisk = time.Minute

func main() {
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "init: process 1 of the guest's initrd, not to be run elsewhere")
		os.Exit(2)
	}
	err := run()
	fmt.Println("init: powering off:", err)
	syscall.Sync()
	// Powering off ends qemu, so that whoever waits for the guest sees it at once.
	syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)
	for {
		time.Sleep(time.Hour)
	}
}

func run() error {
	for _, m := range []struct {
		kind, at string
		flags    uintptr
	}{
		{"devtmpfs", "/dev", syscall.MS_NOSUID},
		{"proc", "/proc", syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC},
		{"sysfs", "/sys", syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC},
		{"securityfs", "/sys/kernel/security", syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC},
		{"tmpfs", "/run", syscall.MS_NOSUID | syscall.MS_NODEV},
	} {
		// The kernel may have mounted devtmpfs itself.
		if err := syscall.Mount(m.kind, m.at, m.kind, m.flags, ""); err != nil && !errors.Is(err, syscall.EBUSY) {
			return fmt.Errorf("mount %s: %w", m.at, err)
		}
	}
	if err := loadModules("/modules"); err != nil {
		return err
	}
	if err := copyTrust("/trust", "/run/muster/trust"); err != nil {
		return err
	}
	disk, err := awaitDisk("root")
	if err != nil {
		return err
	}
	device, err := openRoot(disk)
	if err != nil {
		return err
	}
	if err := syscall.Mount(device, "/sysroot", "erofs", syscall.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("mount the root file system: %w", err)
	}
	return handOver("/sysroot")
}

// loadModules loads the modules of a directory, in the order of their names.
func loadModules(directory string) error {
	files, err := filepath.Glob(filepath.Join(directory, "*.ko"))
	if err != nil {
		return err
	}
	empty := []byte{0}
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		_, _, errno := syscall.Syscall(313 /* finit_module */, file.Fd(), uintptr(unsafe.Pointer(&empty[0])), 0)
		file.Close()
		if errno != 0 && errno != syscall.EEXIST {
			return fmt.Errorf("load %s: %w", name, errno)
		}
	}
	return nil
}

// copyTrust hands the trust files of the initrd, which are measured with it, on to
// the system: /run moves there.
func copyTrust(from, to string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	files, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, entry := range files {
		data, err := os.ReadFile(filepath.Join(from, entry.Name()))
		if err != nil {
			return err
		}
		file, err := os.OpenFile(filepath.Join(to, entry.Name()), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o444)
		if err != nil {
			return err
		}
		_, err = file.Write(data)
		if err := errors.Join(err, file.Close()); err != nil {
			return err
		}
	}
	return nil
}

// awaitDisk waits for the disk of a serial number: the kernel finds them while we run.
func awaitDisk(serial string) (string, error) {
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		disk, err := devicemapper.DiskBySerial(serial)
		if err == nil || time.Since(began) > waitForDisk {
			return disk, err
		}
	}
}

// openRoot opens the root's disk by the root hash of the command line; the other
// parameters are a file of the initrd.
func openRoot(disk string) (string, error) {
	text, err := os.ReadFile("/root.json")
	if err != nil {
		return "", err
	}
	var root devicemapper.Verity
	if err := json.Unmarshal(text, &root); err != nil {
		return "", fmt.Errorf("/root.json: %w", err)
	}
	line, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return "", err
	}
	for word := range strings.FieldsSeq(string(line)) {
		if hash, found := strings.CutPrefix(word, "roothash="); found {
			root.RootHash = hash
		}
	}
	return devicemapper.Open("root", disk, root)
}

// handOver makes the root file system the root, and runs systemd in our place.
func handOver(root string) error {
	for _, at := range []string{"/dev", "/proc", "/sys", "/run"} {
		if err := syscall.Mount(at, root+at, "", syscall.MS_MOVE, ""); err != nil {
			return fmt.Errorf("move %s: %w", at, err)
		}
	}
	if err := os.Chdir(root); err != nil {
		return err
	}
	if err := syscall.Mount(".", "/", "", syscall.MS_MOVE, ""); err != nil {
		return err
	}
	if err := syscall.Chroot("."); err != nil {
		return err
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	return syscall.Exec("/usr/lib/systemd/systemd", []string{"/usr/lib/systemd/systemd"}, []string{"PATH=/usr/sbin:/usr/bin", "HOME=/", "TERM=linux"})
}
