// Package memory keeps what a relying party remembers (verify.Memory) in a file,
// locked while it changes, so that it never goes back: not by a crash, not by two
// processes that remember at once, not by a damaged file. The format is
// docs/formats/memory.md.
//
// What it cannot notice: that the whole file was exchanged for an older copy. Keep
// it where nothing is rolled back.
package memory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/muster-log/muster/internal/atomicfile"
	"github.com/muster-log/muster/internal/filelock"
	"github.com/muster-log/muster/internal/inputfile"
	"github.com/muster-log/muster/tlog/fork"
	"github.com/muster-log/muster/verify"
)

const (
	// fileMode is that of the file: what a client remembers is its own business.
	fileMode = 0o600
	// lockSuffix makes the name of the file that is locked. The memory's own file
	// cannot be, for it is replaced at every change.
	lockSuffix = ".lock"
	// lockPatience is how long another process may hold the lock. Nobody holds it
	// for longer than it takes to write a file.
	lockPatience = 10 * time.Second
	// lockPause is the time between two attempts.
	lockPause = 20 * time.Millisecond
)

// DamagedError is a memory file that cannot be read. It stands as it was: a memory
// that began anew without being asked would be one that went back.
type DamagedError struct {
	Path string
	Err  error
}

func (e *DamagedError) Error() string { return fmt.Sprintf("memory %s: %v", e.Path, e.Err) }

// Unwrap returns what is wrong with it.
func (e *DamagedError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *DamagedError) Hint() string {
	return "it is not begun anew by itself: repair it, or move it away and begin another, knowing that nothing older than what you see next is noticed then"
}

// ErrLocked reports that another process held the lock for too long.
var ErrLocked = errors.New("another process holds it")

// Read reads a memory. The error is fs.ErrNotExist where there is none: only Learn
// makes one, and only where it is told to.
func Read(path string) (*verify.Memory, error) {
	m, _, err := read(path)
	return m, err
}

// read returns the bytes, too.
func read(path string) (*verify.Memory, []byte, error) {
	// A symbolic link would be replaced by a file at the next change.
	info, err := os.Lstat(path)
	if err != nil {
		return nil, nil, fmt.Errorf("memory: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, nil, &DamagedError{path, &inputfile.KindError{Path: path, Mode: info.Mode()}}
	}
	file, _, err := inputfile.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("memory: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, verify.MaxMemory+1))
	if err != nil {
		return nil, nil, fmt.Errorf("memory: %w", err)
	}
	m, err := verify.ParseMemory(data)
	if err != nil {
		return nil, nil, &DamagedError{path, err}
	}
	return m, data, nil
}

// Learn adds what a verdict has learnt to the memory in a file. Under the lock it
// reads the file again, for another process may have learnt more meanwhile, joins
// the two and replaces the file: whatever happens, the old or the new one is there,
// whole, and when Learn returns nil the new one is durable. It returns evidence that
// only both together show.
//
// A file that is not there is made if create is set, and else an error that is
// fs.ErrNotExist. The other errors are ErrLocked, a *DamagedError, the memory's own
// ErrFull (then what there is room for has been added), and those of the file system.
func Learn(ctx context.Context, path string, learned *verify.Memory, create bool) ([]*fork.Evidence, error) {
	unlock, err := lock(ctx, path+lockSuffix)
	if err != nil {
		return nil, fmt.Errorf("memory %s: %w", path, err)
	}
	defer unlock()
	m, before, err := read(path)
	if create && errors.Is(err, fs.ErrNotExist) {
		m, err = &verify.Memory{}, nil
	}
	if err != nil {
		return nil, err
	}
	found, full := m.Merge(learned)
	after, err := m.Marshal()
	if err != nil {
		return found, fmt.Errorf("memory %s: %w", path, err)
	}
	if !bytes.Equal(before, after) {
		// What could not be read back would be lost with all that was known before.
		if _, err := verify.ParseMemory(after); err != nil {
			return found, fmt.Errorf("memory %s: what would be written cannot be read back, and is not: %w", path, err)
		}
		if err := atomicfile.Write(path, after, fileMode); err != nil {
			return found, fmt.Errorf("memory: %w", err)
		}
	}
	if full != nil {
		return found, fmt.Errorf("memory %s: %w", path, full)
	}
	return found, nil
}

// lock takes the lock, waiting for whoever has it. On a system without such locks it
// fails: two processes that remember at once would lose what one learnt.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, lockPatience, ErrLocked)
	defer cancel()
	pause := time.NewTicker(lockPause)
	defer pause.Stop()
	for {
		taken, err := filelock.Try(file)
		if taken {
			return func() { file.Close() }, nil
		}
		if err != nil {
			file.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			file.Close()
			return nil, fmt.Errorf("lock %s: %w", path, context.Cause(ctx))
		case <-pause.C:
		}
	}
}
