package faultdisk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"testing"
	"time"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/state"
	"github.com/muster-log/muster/witness/state/anchor"
	"github.com/muster-log/muster/witness/state/faultdisk"
	"github.com/muster-log/muster/witness/witnesstest"
)

// anchorName is the anchor's place on a disk.
const anchorName = "keys/anchor"

// firstDay is the time of a first life.
var firstDay = time.Unix(1800000000, 0)

// site is a witness that is started again and again, on what was left of its
// disk, and what left it in all its lives.
type site struct {
	tb        testing.TB
	keys      witness.Keys
	histories []*history
	now       time.Time
	// setsUp makes every start also set up the database, if that is not done.
	setsUp bool
	// said is told, if it is set, what leaves, as soon as it does.
	said func(note []byte)
}

func originOf(i int) string { return fmt.Sprintf("log.example/%d", i) }

// newSite is of a number of logs that can grow to a number of leaves.
func newSite(tb testing.TB, logs, leaves int) *site {
	tb.Helper()
	keys, err := witness.GenerateKeys("witness.example/w1")
	if err != nil {
		tb.Fatal(err)
	}
	s := &site{tb: tb, keys: keys, now: firstDay}
	for i := range logs {
		s.histories = append(s.histories, newHistory(witnesstest.NewLog(tb, originOf(i), leaves), leaves))
	}
	return s
}

// again is the same site before anything left it.
func (s *site) again(tb testing.TB) *site {
	fresh := &site{tb: tb, keys: s.keys, now: s.now, setsUp: s.setsUp}
	for _, h := range s.histories {
		fresh.histories = append(fresh.histories, h.again())
	}
	return fresh
}

func (s *site) options(disk *faultdisk.Disk) state.Options {
	return state.Options{
		Directory: disk.Path("data"), VFS: disk.VFS(),
		Anchor: disk.Path(anchorName), Files: disk.Files(),
		Witness: s.keys.Verifiers(),
	}
}

// setUp makes the database and follows the logs, unless that was done.
func (s *site) setUp(disk *faultdisk.Disk) error {
	serving, err := state.Serve(context.Background(), s.options(disk))
	if err != nil {
		return err
	}
	for _, h := range s.histories {
		if _, err := serving.AddLog(context.Background(), h.origin, h.honest().Key.Verifier()); err != nil {
			return errors.Join(err, serving.Close())
		}
	}
	return serving.Close()
}

// start serves.
func (s *site) start(disk *faultdisk.Disk) (*life, error) {
	if s.setsUp {
		if err := s.setUp(disk); err != nil {
			return nil, fmt.Errorf("set up: %w", err)
		}
	}
	serving, err := state.Serve(context.Background(), s.options(disk))
	if err != nil {
		return nil, fmt.Errorf("serve: %w", err)
	}
	now := s.now
	w, err := witness.New(witness.Config{Keys: s.keys, State: serving,
		Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		serving.Close()
		return nil, err
	}
	return &life{site: s, disk: disk, witness: w, serving: serving}, nil
}

// remembers compares the database with what left.
func (s *site) remembers(serving *state.Serving) error {
	logs, err := serving.Followed(context.Background(), "", len(s.histories))
	if err != nil {
		return err
	}
	latest := make(map[string]witness.Latest)
	for _, log := range logs {
		latest[log.Origin] = log.Latest
	}
	for _, h := range s.histories {
		one := latest[h.origin]
		if err := h.forgotten(cosigned{one.Size, one.Root, one.Time}); err != nil {
			return fmt.Errorf("the database: %w", err)
		}
	}
	return nil
}

// anchored compares an anchor with what left.
func (s *site) anchored(content []byte) error {
	for _, h := range s.histories {
		if _, any := h.largest(); !any {
			continue
		}
		latest, err := h.anchored(content, s.keys.Verifiers())
		if err == nil {
			err = h.forgotten(latest)
		}
		if err != nil {
			return fmt.Errorf("the anchor: %w", err)
		}
	}
	return nil
}

// anchored is what an anchor says of a log.
func (h *history) anchored(content []byte, keys []tlog.VerifierKey) (cosigned, error) {
	records, _, err := anchor.Read(oneFile{content}, anchorName, keys)
	one := records[h.origin]
	return cosigned{one.Size, one.Root, one.Time}, err
}

// oneFile is a file system with one file, to be read.
type oneFile struct{ content []byte }

func (f oneFile) OpenFile(string, int, fs.FileMode) (anchor.Handle, error) {
	return readable{bytes.NewReader(f.content)}, nil
}
func (oneFile) Rename(string, string) error { return errors.ErrUnsupported }
func (oneFile) SyncDir(string) error        { return errors.ErrUnsupported }

type readable struct{ io.Reader }

func (readable) Write([]byte) (int, error) { return 0, errors.ErrUnsupported }
func (readable) Sync() error               { return errors.ErrUnsupported }
func (readable) Close() error              { return nil }
