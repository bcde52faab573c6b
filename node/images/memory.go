//go:build linux

package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/measure"
)

// MaxMemory bounds an image that Memory opens, in bytes.
const MaxMemory = 4 << 30

// Memory opens small images without the device mapper, and without being root: it
// copies an image into memory that cannot change any more, checks the copy against
// its statement, block for block, and writes its files. It is for development: who
// may write where the files are may change them afterwards.
type Memory struct{}

// Open checks an image and writes its files into directory.
func (m Memory) Open(ctx context.Context, image *release.Image, path, directory string) error {
	stated := image.Measurements.Verity
	if stated == nil {
		return fmt.Errorf("%s states no verity/v1: nothing says what its bytes are", Name(image))
	}
	sealed, size, err := seal(path)
	if err != nil {
		return err
	}
	defer sealed.Close()
	measured, err := measure.Verity(ctx, measure.VerityOptions{Image: fmt.Sprintf("/proc/self/fd/%d", sealed.Fd()), Offset: measure.FindOffset}, progress.None())
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if measured.Measurement != *stated {
		return fmt.Errorf("%s is another image: root hash %s, want %s, as the log has it", path, measured.Measurement.RootHash, stated.RootHash)
	}
	files, err := measure.ImageFiles(sealed, size)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := m.Close(image, directory); err != nil {
		return err
	}
	for _, file := range files {
		if err := write(filepath.Join(directory, filepath.FromSlash(file.Name)), file); err != nil {
			return err
		}
	}
	return nil
}

// Close removes the files.
func (Memory) Close(_ *release.Image, directory string) error { return os.RemoveAll(directory) }

// seal copies a file into memory and seals it.
func seal(path string) (sealed *os.File, size int64, err error) {
	source, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer source.Close()
	fd, err := unix.MemfdCreate("muster-image", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, 0, fmt.Errorf("memfd_create: %w", err)
	}
	sealed = os.NewFile(uintptr(fd), path)
	size, err = io.Copy(sealed, io.LimitReader(source, MaxMemory+1))
	if err == nil && size > MaxMemory {
		err = fmt.Errorf("%s has more than %d bytes: open it by dm-verity", path, int64(MaxMemory))
	}
	if err == nil {
		_, err = unix.FcntlInt(sealed.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE)
	}
	if err != nil {
		return nil, 0, errors.Join(err, sealed.Close())
	}
	return sealed, size, nil
}

func write(path string, file measure.ImageFile) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil {
		return err
	}
	n, err := io.Copy(out, file.Reader())
	if err == nil && n != file.Size {
		err = fmt.Errorf("%s: got %d bytes, want %d", file.Name, n, file.Size)
	}
	return errors.Join(err, out.Close())
}
