//go:build linux

// Command init is process 1 of the guest's initrd. It loads the kernel's modules,
// hands the trust files of the initrd and what lies on untrusted disks on to the
// system, has muster-node check the machine, opens the root file system by the root
// hash of the kernel's command line, and hands over to systemd. It has no shell, and
// powers off at whatever fails.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"github.com/muster-log/muster/node/images/devicemapper"
)

const (
	// waitForDisk bounds how long a disk may take to appear.
	waitForDisk = time.Minute
	// maxDisk bounds what is read from a disk that nothing vouches for, in bytes: the
	// largest proof bundle, and the rest of a sector.
	maxDisk = 8<<20 + 512
	checker = "/muster-node"
)

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
	for serial, to := range map[string]string{"bundle": "/run/muster/release.muster", "issuers": "/run/muster/issuers.pem"} {
		if err := copyDisk(serial, to); err != nil {
			return err
		}
	}
	if err := check(); err != nil {
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
		if err := create(filepath.Join(to, entry.Name()), data); err != nil {
			return err
		}
	}
	return nil
}

// create makes a file that is not there, in memory: nothing of it is to last.
func create(path string, data []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Close())
}

// copyDisk copies what lies on an untrusted disk, bare and filled up with zero bytes,
// to a file. The kernel's file systems do not get to read it.
func copyDisk(serial, to string) error {
	name, err := awaitDisk(serial)
	if err != nil {
		return err
	}
	disk, err := os.Open(name)
	if err != nil {
		return err
	}
	defer disk.Close()
	data, err := io.ReadAll(io.LimitReader(disk, maxDisk+1))
	if err != nil {
		return err
	}
	if len(data) > maxDisk {
		return fmt.Errorf("disk %s has more than %d bytes", serial, maxDisk)
	}
	return create(to, bytes.TrimRight(data, "\x00"))
}

// check runs the program that judges this machine before anything of the root file
// system is used. An initrd without it checks nothing.
func check() error {
	if _, err := os.Stat(checker); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	command := exec.Command(checker, "check")
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	if err := command.Run(); err != nil {
		return fmt.Errorf("muster-node check: %w", err)
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
