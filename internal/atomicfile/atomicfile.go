// Package atomicfile makes and replaces files so that after a crash the old
// content or the new one is there, whole.
package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ExistsError is a file that was to be made and is there: it stands as it was.
type ExistsError struct{ Path string }

func (e *ExistsError) Error() string { return e.Path + " exists and is not overwritten" }

// Is has the error be [fs.ErrExist].
func (e *ExistsError) Is(target error) bool { return target == fs.ErrExist }

// Write replaces the file at path by data. It writes a temporary file in the
// same directory, syncs it, renames it over path and syncs the directory: when
// it returns nil the new content is durable. On an error the old file stands,
// unless the error says that the directory could not be synced: then either
// content may be there after a crash. A symbolic link at path is replaced, not
// followed. perm is the file's mode exactly, whatever the umask.
func Write(path string, data []byte, perm os.FileMode) error {
	return place(path, data, perm, os.Rename, (*os.File).Sync)
}

// Create makes the file at path as [Write] does, and never over another one:
// where anything has that name, a symbolic link too, it returns an
// [*ExistsError]. The name is given by a hard link, so of two that make one file
// one is refused, and a file that is there is whole; the file system must have
// hard links.
func Create(path string, data []byte, perm os.FileMode) error {
	return place(path, data, perm, link, (*os.File).Sync)
}

// link gives a file another name, which must be free.
func link(made, path string) error {
	err := os.Link(made, path)
	if errors.Is(err, fs.ErrExist) {
		return &ExistsError{path}
	}
	return err
}

// place writes a temporary file, syncs it, has it named path, and syncs the directory.
// The order is what makes a crash harmless: a name that came before its content were
// durable might lead to an empty file.
func place(path string, data []byte, perm os.FileMode, name func(made, path string) error, sync func(*os.File) error) error {
	dir := filepath.Dir(path)
	file, err := os.CreateTemp(dir, "."+filepath.Base(path)+".tmp-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(file.Name()) // after a rename there is nothing of this name
	if err := fill(file, data, perm, sync); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := name(file.Name(), path); err != nil {
		if exists, ok := errors.AsType[*ExistsError](err); ok {
			return exists
		}
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := syncDir(dir, sync); err != nil {
		return fmt.Errorf("write %s: sync its directory: %w", path, err)
	}
	return nil
}

func fill(file *os.File, data []byte, perm os.FileMode, sync func(*os.File) error) error {
	defer file.Close()
	if err := file.Chmod(perm); err != nil {
		return err
	}
	if _, err := file.Write(data); err != nil {
		return err
	}
	if err := sync(file); err != nil {
		return err
	}
	return file.Close()
}

// SyncDir makes the names in a directory durable.
func SyncDir(dir string) error { return syncDir(dir, (*os.File).Sync) }

func syncDir(dir string, sync func(*os.File) error) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return sync(d)
}
