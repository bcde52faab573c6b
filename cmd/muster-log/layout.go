package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/atomicfile"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/internal/keyfile"
)

// layout is where a new log's files go: absolute paths.
type layout struct{ data, keys, key, highWater string }

// layout checks that nothing of the log is there, and that keys and high-water
// mark lie outside the data.
func (o initOptions) layout(cmd *cobra.Command) (*layout, error) {
	l := &layout{}
	for _, path := range []struct {
		to   *string
		from string
	}{{&l.data, o.data}, {&l.keys, o.keys}, {&l.highWater, o.highWater}} {
		absolute, err := filepath.Abs(path.from)
		if err != nil {
			return nil, err
		}
		*path.to = absolute
	}
	l.key = filepath.Join(l.keys, keyFile)
	for flag, path := range map[string]string{"keys": l.keys, "high-water": l.highWater} {
		if within(l.data, path) {
			return nil, usage(cmd, fmt.Errorf("--%s %s lies in the data directory: it must lie outside, so that a copy of the data does not bring it along", flag, path))
		}
	}
	if within(l.keys, l.data) {
		return nil, usage(cmd, fmt.Errorf("--data %s lies in the directory of the keys", l.data))
	}
	for _, dir := range []string{l.data, l.keys} {
		if err := checkEmpty(dir); err != nil {
			return nil, err
		}
	}
	if _, err := os.Lstat(l.highWater); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = fmt.Errorf("high-water mark %s %w", l.highWater, errExists)
		}
		return nil, fail(exitcode.Usage, "it belongs to a log that has signed: give this one another --high-water", err)
	}
	return l, nil
}

// within reports whether a path is a directory or lies in it.
func within(dir, path string) bool {
	relative, err := filepath.Rel(dir, path)
	return err == nil && relative != ".." && !strings.HasPrefix(relative, ".."+string(filepath.Separator))
}

// checkEmpty refuses a directory that holds something.
func checkEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case len(entries) > 0:
		return fail(exitcode.Usage, "give the new log other directories; a log is served with muster-log serve", fmt.Errorf("directory %s %w", dir, errExists))
	}
	return nil
}

// relative writes a path as the configuration has it: relative to the data while
// both lie side by side, so that they can be moved together.
func (l *layout) relative(path string) string {
	if within(filepath.Dir(l.data), path) {
		if relative, err := filepath.Rel(l.data, path); err == nil {
			return relative
		}
	}
	return path
}

// create makes both directories, each whole or not at all, the keys first: a
// data directory is never without its key.
func (l *layout) create(secret string, files map[string][]byte) error {
	if err := createDir(l.keys, 0o700, map[string][]byte{keyFile: []byte(secret)}, keyfile.Mode); err != nil {
		return err
	}
	if err := createDir(l.data, 0o755, files, publicMode); err != nil {
		// The key was shown to nobody yet.
		return errors.Join(err, os.RemoveAll(l.keys))
	}
	return nil
}

// createDir makes a directory with files: it fills one of another name, syncs it
// and renames it. An empty directory of the name may be there.
func createDir(dir string, mode os.FileMode, files map[string][]byte, fileMode os.FileMode) error {
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	made, err := os.MkdirTemp(parent, "."+filepath.Base(dir)+".tmp-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(made) // after the rename there is nothing of this name
	for name, data := range files {
		if err := atomicfile.Write(filepath.Join(made, name), data, fileMode); err != nil {
			return err
		}
	}
	if err := os.Chmod(made, mode); err != nil {
		return err
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(made, dir); err != nil {
		return err
	}
	return atomicfile.SyncDir(parent)
}
