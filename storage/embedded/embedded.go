package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/muster-log/muster/internal/atomicfile"
	"github.com/muster-log/muster/internal/filelock"
	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/storage/index"
	"github.com/muster-log/muster/tlog"
)

// Storage is an open directory: what a log.Config asks for, and the search
// index, which log.Log.FollowIndex keeps up to date.
type Storage struct {
	Appender log.Appender
	Anchors  log.Anchors
	// HighWater is the file that WithHighWater named; nil without that option.
	HighWater log.HighWater
	Index     log.Index
	// Manifests are the lists of models' files that images name by digest.
	Manifests log.Manifests

	anchors *anchors
	index   *index.Index
	lock    *os.File
	// markLock guards the high-water mark; nil without one.
	markLock *os.File
	cancel   context.CancelFunc
}

// Option changes what Open opens.
type Option func(*options)

type options struct{ highWater string }

// WithHighWater keeps the high-water mark in a file. It must lie outside the
// data directory, best on another disk: it is there to notice that the data were
// rolled back.
func WithHighWater(path string) Option { return func(o *options) { o.highWater = path } }

// Open opens or creates the log in a directory. key is the log's: Tessera's own
// checkpoint file is signed with it, see the package comment. A directory that
// another process has open is refused. A search index that cannot be opened is
// thrown away; it is made again from the log.
func Open(ctx context.Context, dir string, key *tlog.SigningKey, logger *slog.Logger, with ...Option) (*Storage, error) {
	var o options
	for _, option := range with {
		option(&o)
	}
	// SQLite takes the first part of a relative path in a URI for a host.
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := checkOutside(o.highWater, dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	lock, err := lockFile(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &Storage{lock: lock, cancel: cancel}
	if err := s.open(ctx, running, dir, key, logger); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if o.highWater != "" {
		// A copy of the data directory has a lock of its own and the same mark.
		if s.markLock, err = lockFile(o.highWater + ".lock"); err != nil {
			return nil, errors.Join(fmt.Errorf("high-water mark: %w", err), s.Close())
		}
		s.HighWater = HighWater{Path: o.highWater}
	}
	return s, nil
}

func (s *Storage) open(ctx, running context.Context, dir string, key *tlog.SigningKey, logger *slog.Logger) error {
	var err error
	if s.anchors, err = openAnchors(ctx, filepath.Join(dir, "anchors.db")); err != nil {
		return err
	}
	appender, err := openAppender(running, filepath.Join(dir, "log"), key, logger)
	if err != nil {
		return err
	}
	if s.index, err = openIndex(ctx, filepath.Join(dir, "index.db"), logger); err != nil {
		return err
	}
	if s.Manifests, err = openManifests(filepath.Join(dir, "manifests")); err != nil {
		return err
	}
	// What was made above syncs its contents; the names are the directories'.
	for _, name := range []string{dir, filepath.Dir(dir)} {
		if err := atomicfile.SyncDir(name); err != nil {
			return fmt.Errorf("sync %s: %w", name, err)
		}
	}
	s.Appender, s.Anchors, s.Index = appender, s.anchors, s.index
	switch newest, err := s.anchors.Newest(ctx); {
	case err == nil:
		appender.Published(newest.Checkpoint.Size)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("newest anchor: %w", err)
	}
	return nil
}

// openIndex opens the search index, or a new one in place of one that SQLite
// finds broken: nobody is worse off for it, and the log does not stop.
func openIndex(ctx context.Context, path string, logger *slog.Logger) (*index.Index, error) {
	opened, err := index.Open(ctx, path)
	if err == nil || ctx.Err() != nil {
		return opened, err
	}
	logger.Warn("the search index is thrown away and made again from the log", "file", path, "error", err)
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return index.Open(ctx, path)
}

// Close releases the directory. The log must be closed before.
func (s *Storage) Close() error {
	s.cancel()
	var errs []error
	if s.anchors != nil {
		errs = append(errs, s.anchors.close())
	}
	if s.index != nil {
		errs = append(errs, s.index.Close())
	}
	if s.markLock != nil {
		errs = append(errs, s.markLock.Close())
	}
	return errors.Join(append(errs, s.lock.Close())...)
}

// checkOutside refuses a high-water mark inside the data directory.
func checkOutside(path, dir string) error {
	if path == "" {
		return nil
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if relative, err := filepath.Rel(dir, absolute); err == nil && relative != ".." && !strings.HasPrefix(relative, ".."+string(filepath.Separator)) {
		return fmt.Errorf("the high-water mark %s lies in the data directory %s: put it elsewhere, so that restoring the data does not restore it too", path, dir)
	}
	return nil
}

// lockFile takes the lock of a file, which it makes; it goes with the process.
func lockFile(path string) (*os.File, error) {
	file, err := filelock.Open(path, os.O_CREATE|os.O_RDWR, 0o600)
	if errors.Is(err, filelock.ErrHeld) {
		return nil, fmt.Errorf("%s: the log is in use by another process, perhaps one that runs a copy of its directory: stop that one, or choose another directory", path)
	}
	return file, err
}
