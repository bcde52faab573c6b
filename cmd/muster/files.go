package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/muster-log/muster/internal/atomicfile"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/internal/inputfile"
)

// publicMode is the mode of files that anyone may read.
const publicMode = 0o644

// stdinName names standard input where a file is asked for.
const stdinName = "-"

// readFile reads an input of at most limit bytes; what says what it should be.
func (a *app) readFile(path, what string, limit int64) ([]byte, error) {
	data, err := a.readBeginning(path, what, limit+1)
	if err == nil && int64(len(data)) > limit {
		return nil, fmt.Errorf("%s: %s has more than %d bytes", what, path, limit)
	}
	return data, err
}

// readBeginning reads at most the first limit bytes of an input: a regular file,
// standard input, or a pipe that the program inherited.
func (a *app) readBeginning(path, what string, limit int64) ([]byte, error) {
	data, err := a.interruptible(func() ([]byte, error) {
		reader := a.in
		if path != stdinName {
			file, _, err := inputfile.OpenOrPipe(path)
			if err != nil {
				return nil, err
			}
			defer file.Close()
			reader = file
		}
		return io.ReadAll(io.LimitReader(reader, limit))
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return data, nil
}

// interruptible reads what may never come, until the program is told to end.
func (a *app) interruptible(read func() ([]byte, error)) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		data, err := read()
		done <- result{data, err}
	}()
	select {
	case got := <-done:
		return got.data, got.err
	case <-a.interrupted:
		return nil, context.Canceled
	}
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
