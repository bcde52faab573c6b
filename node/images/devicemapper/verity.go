//go:build linux

// Package devicemapper opens dm-verity devices through the kernel's ioctls, with
// parameters that the caller has from somewhere better than the superblock. It needs
// no library and no program, so that an initrd can use it.
package devicemapper

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"
)

// Verity are the arguments of the kernel's verity target, hash format 1.
//
// Spec: docs.kernel.org/admin-guide/device-mapper/verity.html.
type Verity struct {
	RootHash      string `json:"rootHash"` // lowercase hexadecimal
	Salt          string `json:"salt"`     // lowercase hexadecimal, may be empty
	DataBlockSize uint64 `json:"dataBlockSize"`
	HashBlockSize uint64 `json:"hashBlockSize"`
	DataBlocks    uint64 `json:"dataBlocks"`
	HashOffset    uint64 `json:"hashOffset"` // of the hash tree, in bytes
}

// Table is the line of the target's arguments for a device.
func (v Verity) Table(device string) string {
	salt := v.Salt
	if salt == "" {
		salt = "-"
	}
	return fmt.Sprintf("1 %s %s %d %d %d %d sha256 %s %s 1 panic_on_corruption",
		device, device, v.DataBlockSize, v.HashBlockSize, v.DataBlocks, v.HashOffset/v.HashBlockSize, v.RootHash, salt)
}

// The kernel's interface, include/uapi/linux/dm-ioctl.h.
const (
	headerSize   = 312
	targetSize   = 40
	bufferSize   = 4096
	nameLength   = 127
	commandBase  = 0xc138fd00 // _IOWR(0xfd, 0, struct dm_ioctl)
	deviceCreate = 3
	deviceRemove = 4
	deviceResume = 6
	tableLoad    = 9
	readOnly     = 1
)

// Open makes the read-only device name of the data on device, and returns the path
// of its node. Corruption found later panics the kernel.
func Open(name, device string, v Verity) (string, error) {
	if v.HashBlockSize == 0 || v.HashOffset%v.HashBlockSize != 0 {
		return "", fmt.Errorf("hash tree at byte %d in blocks of %d", v.HashOffset, v.HashBlockSize)
	}
	control, err := os.OpenFile("/dev/mapper/control", os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	defer control.Close()
	created, err := command(control, deviceCreate, name, readOnly, nil)
	if err != nil {
		return "", fmt.Errorf("create %s: %w", name, err)
	}
	if _, err := command(control, tableLoad, name, readOnly, target(v.DataBlocks*v.DataBlockSize/512, v.Table(device))); err != nil {
		_, removed := command(control, deviceRemove, name, 0, nil)
		return "", errors.Join(fmt.Errorf("load the table of %s: %w", name, err), removed)
	}
	if _, err := command(control, deviceResume, name, readOnly, nil); err != nil {
		_, removed := command(control, deviceRemove, name, 0, nil)
		return "", errors.Join(fmt.Errorf("resume %s: %w", name, err), removed)
	}
	// devtmpfs names a device by its minor number.
	number := binary.LittleEndian.Uint64(created[40:])
	return fmt.Sprintf("/dev/dm-%d", number&0xff|number>>12&0xfff00), nil
}

// Remove removes the device of a name; one that is not there is no error.
func Remove(name string) error {
	control, err := os.OpenFile("/dev/mapper/control", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer control.Close()
	if _, err := command(control, deviceRemove, name, 0, nil); err != nil && !errors.Is(err, syscall.ENXIO) {
		return fmt.Errorf("remove %s: %w", name, err)
	}
	return nil
}

// target is a struct dm_target_spec and its arguments.
func target(sectors uint64, arguments string) []byte {
	spec := make([]byte, targetSize, targetSize+len(arguments)+1)
	binary.LittleEndian.PutUint64(spec[8:], sectors)
	copy(spec[24:], "verity")
	return append(append(spec, arguments...), 0)
}

// command makes one ioctl and returns what the kernel made of the buffer.
func command(control *os.File, number uintptr, name string, flags uint32, data []byte) ([]byte, error) {
	if len(name) == 0 || len(name) > nameLength || headerSize+len(data) > bufferSize {
		return nil, fmt.Errorf("a name of %d bytes, arguments of %d", len(name), len(data))
	}
	buffer := make([]byte, bufferSize)
	le := binary.LittleEndian
	le.PutUint32(buffer, 4) // interface version 4.0.0
	le.PutUint32(buffer[12:], bufferSize)
	le.PutUint32(buffer[16:], headerSize)
	if data != nil {
		le.PutUint32(buffer[20:], 1)
	}
	le.PutUint32(buffer[28:], flags)
	copy(buffer[48:], name)
	copy(buffer[headerSize:], data)
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, control.Fd(), commandBase|number, uintptr(unsafe.Pointer(&buffer[0])))
	runtime.KeepAlive(control)
	if errno != 0 {
		return nil, errno
	}
	return buffer, nil
}

// DiskBySerial finds the virtio disk of a serial number.
func DiskBySerial(serial string) (string, error) {
	disks, err := os.ReadDir("/sys/block")
	if err != nil {
		return "", err
	}
	for _, disk := range disks {
		found, err := os.ReadFile("/sys/block/" + disk.Name() + "/serial")
		if err == nil && string(bytes.TrimSpace(found)) == serial {
			return "/dev/" + disk.Name(), nil
		}
	}
	return "", fmt.Errorf("no disk has the serial number %s", serial)
}
