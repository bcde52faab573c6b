//go:build linux

package images

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/muster-log/muster/node/images/devicemapper"
	"github.com/muster-log/muster/release"
)

// fileSystems are those that an image may have: read-only by their design.
var fileSystems = []string{"erofs", "squashfs"}

// DeviceMapper opens images by dm-verity with what their statements say, and nothing
// that the device says of itself. A block that is wrong stops the machine
// (panic_on_corruption).
type DeviceMapper struct{}

// Open maps a block device and mounts it read-only, without devices, set-user-id
// programs and programs at all.
func (d DeviceMapper) Open(_ context.Context, image *release.Image, path, directory string) error {
	stated := image.Measurements.Verity
	if stated == nil {
		return fmt.Errorf("%s states no verity/v1: its files may change while they are used", Name(image))
	}
	if !slices.Contains(fileSystems, stated.FileSystem) {
		return fmt.Errorf("%s is a file system %q, want one of %v", Name(image), stated.FileSystem, fileSystems)
	}
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(resolved)
	if err != nil {
		return err
	}
	if info.Mode()&os.ModeDevice == 0 || info.Mode()&os.ModeCharDevice != 0 {
		return fmt.Errorf("%s is no block device: write the image to a partition, or set up a read-only loop device (losetup -r)", path)
	}
	if err := d.Close(image, directory); err != nil {
		return err
	}
	device, err := devicemapper.Open(deviceName(image), resolved, devicemapper.Verity{
		RootHash: stated.RootHash, Salt: stated.Salt, DataBlockSize: stated.DataBlockSize, HashBlockSize: stated.HashBlockSize,
		DataBlocks: stated.DataBlocks, HashOffset: stated.HashOffset,
	})
	if err != nil {
		return fmt.Errorf("dm-verity: %w", err)
	}
	err = os.MkdirAll(directory, 0o755)
	if err == nil {
		err = syscall.Mount(device, directory, stated.FileSystem, syscall.MS_RDONLY|syscall.MS_NODEV|syscall.MS_NOSUID|syscall.MS_NOEXEC, "")
	}
	if err != nil {
		return errors.Join(fmt.Errorf("mount %s: %w", directory, err), devicemapper.Remove(deviceName(image)))
	}
	return nil
}

// Close unmounts and unmaps.
func (DeviceMapper) Close(image *release.Image, directory string) error {
	if err := syscall.Unmount(directory, 0); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOENT) {
		return fmt.Errorf("unmount %s: %w", directory, err)
	}
	return devicemapper.Remove(deviceName(image))
}

// deviceName is a name for the device mapper, which allows neither slashes nor more
// than 127 bytes.
func deviceName(image *release.Image) string {
	digest := sha256.Sum256([]byte(Name(image)))
	return "muster-" + string(image.Kind) + "-" + hex.EncodeToString(digest[:8])
}
