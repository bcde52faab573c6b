package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/muster-log/muster/internal/atomicfile"
	"github.com/muster-log/muster/internal/exitcode"
)

// publicMode is the mode of files that anyone may read.
const publicMode = 0o644

// stdinName names standard input where a file is asked for.
const stdinName = "-"

// readFile reads an input of at most limit bytes; what says what it should be.
func (a *app) readFile(path, what string, limit int64) ([]byte, error) {
	var reader io.Reader = a.in
	if path != stdinName {
		file, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		if info.IsDir() {
			return nil, fmt.Errorf("%s: %s is a directory, want a file", what, path)
		}
		if info.Size() > limit {
			return nil, fmt.Errorf("%s: %s has %d bytes, want at most %d", what, path, info.Size(), limit)
		}
		reader = file
	}
	data, err := io.ReadAll(io.LimitReader(reader, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s: %s has more than %d bytes", what, path, limit)
	}
	return data, nil
}

// checkFree refuses an output path that exists. Commands call it before long
// work; writeNew is what holds.
func checkFree(path string, force bool) error {
	if force || path == "" {
		return nil
	}
	if _, err := os.Lstat(path); err == nil {
		return errExists(path)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// writeNew writes an output file whole or not at all, over another one only
// with force.
func writeNew(path string, data []byte, perm os.FileMode, force bool) error {
	if force {
		return atomicfile.Write(path, data, perm)
	}
	err := atomicfile.Create(path, data, perm)
	if errors.Is(err, fs.ErrExist) {
		return errExists(path)
	}
	return err
}

func errExists(path string) error {
	return fail(exitcode.Usage, "file-exists", "name another file, or add --force", &atomicfile.ExistsError{Path: path})
}
