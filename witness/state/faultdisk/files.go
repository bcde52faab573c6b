package faultdisk

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/muster-log/muster/witness/state/anchor"
)

// OpenFile opens a file as os.OpenFile does.
func (d *Disk) OpenFile(path string, flags int, mode fs.FileMode) (*File, error) {
	var under *os.File
	inode, err := d.open(path, flags&os.O_CREATE != 0, flags&os.O_TRUNC != 0, func() (err error) {
		// Appending is done here, at a place.
		under, err = os.OpenFile(path, flags&^os.O_APPEND, mode)
		return err
	})
	if err != nil {
		return nil, pathError("open", path, err)
	}
	return &File{under: under, disk: d, path: path, inode: inode, appends: flags&os.O_APPEND != 0}, nil
}

// Rename renames a file within its directory, as os.Rename does.
func (d *Disk) Rename(from, to string) error { return d.rename(from, to) }

// Remove removes a file, as os.Remove does.
func (d *Disk) Remove(path string) error {
	return pathError("remove", path, d.remove(path, func() error { return os.Remove(path) }))
}

// File is an open file, with the methods of an *os.File. It is for one
// goroutine at a time, as far as its place goes.
type File struct {
	under   *os.File
	disk    *Disk
	path    string
	inode   *inode
	appends bool
	place   int64
}

// Name returns the path under which the file was opened.
func (f *File) Name() string { return f.path }

// Stat describes the file as the process sees it.
func (f *File) Stat() (fs.FileInfo, error) { return f.under.Stat() }

// Fd is the real file's, for its lock.
func (f *File) Fd() uintptr { return f.under.Fd() }

// Read reads on from the file's place.
func (f *File) Read(p []byte) (int, error) {
	if f.disk.Dead() {
		return 0, pathError("read", f.path, syscall.EIO)
	}
	n, err := f.under.ReadAt(p, f.place)
	f.place += int64(n)
	if n > 0 && err == io.EOF {
		err = nil
	}
	return n, err
}

// Write writes at the file's place, or at its end.
func (f *File) Write(p []byte) (int, error) {
	if f.appends {
		size, err := f.under.Seek(0, io.SeekEnd)
		if err != nil {
			return 0, err
		}
		f.place = size
	}
	n, err := f.WriteAt(p, f.place)
	f.place += int64(n)
	return n, err
}

// WriteAt writes at a place.
func (f *File) WriteAt(p []byte, at int64) (int, error) {
	n, err := f.disk.writeAt(f.path, f.inode, p, at, f.under.WriteAt)
	return n, pathError("write", f.path, err)
}

// Seek moves the file's place.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += f.place
	case io.SeekEnd:
		info, err := f.under.Stat()
		if err != nil {
			return 0, err
		}
		offset += info.Size()
	}
	f.place = offset
	return offset, nil
}

// Truncate sets the file's length.
func (f *File) Truncate(size int64) error {
	return pathError("truncate", f.path, f.disk.resize(Truncate, f.path, f.inode, size, func() error { return f.under.Truncate(size) }))
}

// Sync makes the content durable.
func (f *File) Sync() error { return pathError("sync", f.path, f.disk.syncFile(f.path, f.inode)) }

// Close closes the file; it makes nothing durable.
func (f *File) Close() error { return f.under.Close() }

// pathError is what package os makes of an error of the system.
func pathError(operation, path string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return err
	}
	return &fs.PathError{Op: operation, Path: path, Err: err}
}

// Files is the disk as an anchor sees it.
func (d *Disk) Files() anchor.FileSystem { return files{d} }

type files struct{ *Disk }

func (f files) OpenFile(path string, flags int, mode fs.FileMode) (anchor.Handle, error) {
	file, err := f.Disk.OpenFile(path, flags, mode)
	if err != nil {
		return nil, err
	}
	return file, nil
}
