package faultdisk

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"syscall"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// registered numbers the disks of a process, each a VFS of its own.
var registered atomic.Uint64

func register(d *Disk) (name string) {
	name = fmt.Sprintf("faultdisk-%d", registered.Add(1))
	vfs.Register(name, &system{VFSFilename: vfs.Find("").(vfs.VFSFilename), disk: d})
	return name
}

// VFS is the name under which SQLite finds this disk: "vfs=" in the URI of a
// database below the disk's directory.
func (d *Disk) VFS() string { return d.vfs }

// Close takes the disk's VFS away from SQLite.
func (d *Disk) Close() { vfs.Unregister(d.vfs) }

// system is the operating system's VFS over the disk.
type system struct {
	vfs.VFSFilename
	disk *Disk
}

func (s *system) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	path := name.String()
	if path == "" {
		return s.VFSFilename.OpenFilename(name, flags)
	}
	var under vfs.File
	inode, err := s.disk.open(path, flags&vfs.OPEN_CREATE != 0, false, func() (err error) {
		under, flags, err = s.VFSFilename.OpenFilename(name, flags)
		return err
	})
	if err != nil {
		return nil, flags, code(err)
	}
	const journals = vfs.OPEN_MAIN_JOURNAL | vfs.OPEN_SUPER_JOURNAL | vfs.OPEN_WAL
	return &file{File: under, disk: s.disk, path: path, inode: inode,
		// As the system's VFS: the name of a new journal is synced with its
		// first content.
		unnamed: flags&vfs.OPEN_CREATE != 0 && flags&journals != 0}, flags, nil
}

func (s *system) Delete(path string, syncDir bool) error {
	if err := s.disk.remove(path, func() error { return s.VFSFilename.Delete(path, false) }); err != nil || !syncDir {
		return err
	}
	return vfs.SystemError(s.disk.SyncDir(filepath.Dir(path)), sqlite3.IOERR_DIR_FSYNC)
}

// code tells SQLite of a full disk, as the system's VFS does.
func code(err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return vfs.SystemError(err, sqlite3.FULL)
	}
	return err
}

// file is an open file of SQLite. It has the optional methods of the system's
// files but for the mapping into memory.
type file struct {
	vfs.File
	disk    *Disk
	path    string
	inode   *inode
	unnamed bool
}

var _ interface {
	vfs.FileLockState
	vfs.FileHasMoved
	vfs.FileSizeHint
	vfs.FilePersistWAL
	vfs.FilePowersafeOverwrite
	vfs.FileSharedMemory
} = (*file)(nil)

func (f *file) ReadAt(p []byte, at int64) (int, error) {
	if f.disk.Dead() {
		return 0, syscall.EIO
	}
	return f.File.ReadAt(p, at)
}

func (f *file) WriteAt(p []byte, at int64) (int, error) {
	n, err := f.disk.writeAt(f.path, f.inode, p, at, f.File.WriteAt)
	return n, code(err)
}

func (f *file) Sync(vfs.SyncFlag) error {
	if err := f.disk.syncFile(f.path, f.inode); err != nil {
		return err
	}
	if !f.unnamed {
		return nil
	}
	f.unnamed = false
	return vfs.SystemError(f.disk.SyncDir(filepath.Dir(f.path)), sqlite3.IOERR_DIR_FSYNC)
}

func (f *file) Truncate(size int64) error {
	return code(f.disk.resize(Truncate, f.path, f.inode, size, func() error { return f.File.Truncate(size) }))
}

func (f *file) SizeHint(size int64) error {
	if now, err := f.Size(); err != nil || now >= size {
		return err
	}
	// The system's files are allocated; cut to that length they read the same.
	return code(f.disk.resize(Allocate, f.path, f.inode, size, func() error { return f.File.Truncate(size) }))
}

func (f *file) SharedMemory() vfs.SharedMemory { return f.File.(vfs.FileSharedMemory).SharedMemory() }
func (f *file) LockState() vfs.LockLevel       { return f.File.(vfs.FileLockState).LockState() }
func (f *file) HasMoved() (bool, error)        { return f.File.(vfs.FileHasMoved).HasMoved() }
func (f *file) PersistWAL() bool               { return f.File.(vfs.FilePersistWAL).PersistWAL() }
func (f *file) SetPersistWAL(keep bool)        { f.File.(vfs.FilePersistWAL).SetPersistWAL(keep) }
func (f *file) PowersafeOverwrite() bool {
	return f.File.(vfs.FilePowersafeOverwrite).PowersafeOverwrite()
}
func (f *file) SetPowersafeOverwrite(safe bool) {
	f.File.(vfs.FilePowersafeOverwrite).SetPowersafeOverwrite(safe)
}
