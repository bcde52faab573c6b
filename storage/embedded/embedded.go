package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/tlog"
)

// Storage is an open directory.
type Storage struct {
	Appender log.Appender
	Anchors  log.Anchors

	anchors *anchors
	lock    *os.File
	cancel  context.CancelFunc
}

// Open opens or creates the log in a directory. key is the log's: Tessera's own
// checkpoint file is signed with it, see the package comment. A directory that
// another process has open is refused.
func Open(ctx context.Context, dir string, key *tlog.SigningKey, logger *slog.Logger) (*Storage, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	lock, err := lockDirectory(dir)
	if err != nil {
		return nil, err
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &Storage{lock: lock, cancel: cancel}
	if s.anchors, err = openAnchors(ctx, filepath.Join(dir, "anchors.db")); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	appender, err := openAppender(running, filepath.Join(dir, "log"), key, logger)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.Appender, s.Anchors = appender, s.anchors
	if newest, err := s.anchors.Newest(ctx); err == nil {
		appender.Published(newest.Checkpoint.Size)
	}
	return s, nil
}

// Close releases the directory. The log must be closed before.
func (s *Storage) Close() error {
	s.cancel()
	var err error
	if s.anchors != nil {
		err = s.anchors.close()
	}
	return errors.Join(err, s.lock.Close())
}

// lockDirectory takes the kernel's lock on DIR/lock; it goes with the process.
func lockDirectory(dir string) (*os.File, error) {
	path := filepath.Join(dir, "lock")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%s is in use by another process: stop that one, or choose another directory", dir), file.Close())
	}
	return file, nil
}
