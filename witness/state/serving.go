package state

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/state/anchor"
)

// Options say where a witness keeps its state; every field but the last four
// must be set.
type Options struct {
	// Directory holds the database.
	Directory string
	// Anchor is the path of the anchor, which belongs on another disk.
	Anchor string
	// Witness are the verifier keys of the witness: an anchor of another one is
	// refused.
	Witness []tlog.VerifierKey
	// Files is where the anchor lies, and what syncs the database's directory;
	// nil stands for anchor.System. VFS is the name of SQLite's file system,
	// empty for the default. Tests put layers there that fail.
	Files anchor.FileSystem
	VFS   string
	// Logger is told what Serve mends: a torn or an older anchor. Nil:
	// slog.Default().
	Logger *slog.Logger
	// Committed is told of each commit that is durable: how many checkpoints it
	// made so, and how long it took. Nil: nobody is.
	Committed func(checkpoints int, took time.Duration)
}

func (o Options) files() anchor.FileSystem {
	if o.Files == nil {
		return anchor.System
	}
	return o.Files
}

func (o Options) logger() *slog.Logger {
	if o.Logger == nil {
		return slog.Default()
	}
	return o.Logger
}

// A Serving is the state of a witness that serves. It implements
// [witness.State]. What it knows of logs and how far they were cosigned it
// keeps in memory, about 500 bytes a log; notes stay on disk.
type Serving struct {
	*DB
	anchor *anchor.File
	writer *writer
	halted atomic.Bool
	// committed is Options.Committed.
	committed func(checkpoints int, took time.Duration)

	// shown guards what monitors are shown: it is held from before a change is
	// in the database until it is in the anchor. unanchored is why the anchor
	// is behind since then, nil if it is not.
	shown      sync.RWMutex
	unanchored error

	// mu guards what follows.
	mu sync.Mutex
	// look is a connection that asks for the revision, before every request.
	look     *sqlite3.Conn
	revision *sqlite3.Stmt
	// known is what the database held at that revision. stale: a change may or
	// may not have been made, so known is not to be believed.
	known map[string]*followed
	at    int64
	stale bool
}

type followed struct {
	log      witness.Log
	disabled bool
	latest   witness.Latest
}

var _ witness.State = (*Serving)(nil)

// Serve opens the state of a witness to serve from. The error is a
// [*DoubtError] if the database is not known to hold all that was cosigned.
// The caller holds the locks: [LockDirectory], [LockKey] and [LockAnchor].
func Serve(ctx context.Context, options Options) (_ *Serving, err error) {
	doubts, anchored, torn, err := examine(ctx, options)
	if err != nil {
		return nil, err
	}
	if doubts != nil {
		return nil, doubts
	}
	db, err := create(ctx, options)
	if err != nil {
		return nil, err
	}
	s := &Serving{DB: db, committed: options.Committed}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	path := fileURL(databasePath(options.Directory), options.VFS, make(url.Values))
	if s.look, err = connect(path); err != nil {
		return nil, err
	}
	if s.revision, _, err = s.look.Prepare(`SELECT value FROM revision`); err != nil {
		return nil, err
	}
	if err := s.load(ctx); err != nil {
		return nil, err
	}
	// The database holds all that the anchor says, and maybe one write more,
	// of which no cosignature left. From here on the anchor says it, too.
	var records []anchor.Record
	behind := 0
	for origin, one := range s.known {
		if !one.latest.IsZero() {
			records = append(records, anchor.Record{Origin: origin, Latest: one.latest})
		}
		if one.latest != anchored[origin].Latest {
			behind++
		}
	}
	if torn || behind > 0 {
		options.logger().InfoContext(ctx, "the anchor is brought up to the database: a crash may have left one write that it lacks, many mean that an older copy was put in its place",
			"anchor", options.Anchor, "logs", behind, "torn", torn)
	}
	if s.anchor, err = anchor.Replace(options.files(), options.Anchor, options.Witness, records); err != nil {
		return nil, err
	}
	s.writer, err = startWriter(s, path)
	return s, err
}

// connect opens a connection outside the pool, with the same settings.
func connect(dataSource string) (*sqlite3.Conn, error) {
	conn, err := sqlite3.OpenFlags(dataSource, sqlite3.OPEN_READWRITE|sqlite3.OPEN_URI)
	if err != nil {
		return nil, err
	}
	for _, pragma := range pragmas {
		if err := conn.Exec("PRAGMA " + pragma); err != nil {
			conn.Close()
			return nil, err
		}
	}
	return conn, nil
}

// load reads all that the database holds. It is called at start, and with mu
// held.
func (s *Serving) load(ctx context.Context) error {
	// The revision first: what is changed after it is seen next time.
	at, err := s.readRevision()
	if err != nil {
		return err
	}
	known := make(map[string]*followed)
	for after := ""; ; {
		const page = 1000
		logs, err := s.DB.Followed(ctx, after, page)
		if err != nil {
			return err
		}
		for _, log := range logs {
			known[log.Origin] = &followed{log: log.Log, disabled: log.Disabled, latest: log.Latest}
		}
		if len(logs) < page {
			break
		}
		after = logs[len(logs)-1].Origin
	}
	// What this process has cosigned is not unlearned. The database may have
	// been restored under it, or written by another program.
	for origin, before := range s.known {
		now := known[origin]
		if !before.latest.IsZero() && (now == nil || behind(now.latest, before.latest)) {
			s.stale = true
			return fmt.Errorf("the database holds less of %+q than this process has cosigned: it was restored or changed from outside; stop the witness and run muster-witness recover", origin)
		}
	}
	s.known, s.at, s.stale = known, at, false
	return nil
}

func (s *Serving) readRevision() (int64, error) {
	defer s.revision.Reset()
	if !s.revision.Step() {
		return 0, errors.Join(errors.New("read the revision of the database"), s.revision.Err())
	}
	return s.revision.ColumnInt64(0), nil
}

// current brings known up to date; mu is held.
func (s *Serving) current(ctx context.Context) error {
	if s.look == nil {
		return errClosed
	}
	at, err := s.readRevision()
	if err != nil {
		return err
	}
	if at == s.at && !s.stale {
		return nil
	}
	return s.load(ctx)
}

// Log implements [witness.State].
func (s *Serving) Log(ctx context.Context, origin string) (witness.Log, witness.Latest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.current(ctx); err != nil {
		return witness.Log{}, witness.Latest{}, err
	}
	one, ok := s.known[origin]
	if !ok || one.disabled || len(one.log.Keys) == 0 {
		return witness.Log{}, witness.Latest{}, witness.ErrUnknownOrigin
	}
	return one.log, one.latest, nil
}

// Note implements [witness.State]. A note carries cosignatures, so one that the
// database holds and the anchor does not is not shown: it is an error until the
// anchor could be written again, as it is before anything else leaves.
func (s *Serving) Note(ctx context.Context, originHash [32]byte) ([]byte, error) {
	s.shown.RLock()
	defer s.shown.RUnlock()
	if s.unanchored != nil {
		return nil, fmt.Errorf("the database is ahead of the anchor: %w", s.unanchored)
	}
	return s.DB.Note(ctx, originHash)
}

// Halted implements [witness.State].
func (s *Serving) Halted() bool { return s.halted.Load() }

// Halt implements [witness.State].
func (s *Serving) Halt(ctx context.Context, found witness.Unremembered) error {
	// First in memory: nothing leaves from here on even if the row cannot be kept.
	s.halted.Store(true)
	tx, err := s.changes.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	_, err = tx.ExecContext(ctx, `INSERT INTO unremembered (origin, size, root, time, note, found)
		VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		found.Origin, int64(found.Size), found.Root[:], int64(found.Time), found.Note, time.Now().Unix())
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, forgetEarlier, found.Origin); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, forgetSmaller, found.Origin, maxUnremembered); err != nil {
		return err
	}
	return tx.Commit()
}

// maxUnremembered bounds the findings that are kept of one log: one that was
// cosigned often since a backup could fill the disk with them, one by one.
const maxUnremembered = 16

// These leave of one log what [Doubt.Least] depends on: of each checkpoint the
// latest cosignature, the largest checkpoints, and the latest cosignature of all.
const (
	forgetEarlier = `DELETE FROM unremembered AS one WHERE origin = ?1 AND EXISTS (SELECT 1 FROM unremembered AS later
		WHERE later.origin = one.origin AND later.size = one.size AND later.root = one.root AND later.time > one.time)`
	forgetSmaller = `DELETE FROM unremembered WHERE origin = ?1
		AND (size, root) NOT IN (SELECT size, root FROM unremembered WHERE origin = ?1 ORDER BY size DESC, root LIMIT ?2)
		AND (size, root) NOT IN (SELECT size, root FROM unremembered WHERE origin = ?1 ORDER BY time DESC, size DESC, root LIMIT 1)`
)

// advanced takes a change that is in the database into memory.
func (s *Serving) advanced(origin string, to witness.Latest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one, ok := s.known[origin]; ok {
		one.latest = to
	}
}

// doubtful has everything read again: a change was not answered for, and may
// have been made.
func (s *Serving) doubtful() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stale = true
}

// unchanged reports of each change whether its log is followed as the request
// took it to be, with the latest checkpoint that it took for that.
func (s *Serving) unchanged(ctx context.Context, batch []advance) ([]bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.current(ctx); err != nil {
		return nil, err
	}
	unchanged := make([]bool, len(batch))
	for i, change := range batch {
		one, ok := s.known[change.log.Origin]
		unchanged[i] = ok && !one.disabled && one.latest == change.from &&
			slices.EqualFunc(one.log.Keys, change.log.Keys, tlog.VerifierKey.Equal)
	}
	return unchanged, nil
}

// Close stops the writer and closes everything. What Advance has returned for
// stays.
func (s *Serving) Close() error {
	var errs []error
	if s.writer != nil {
		errs = append(errs, s.writer.close())
	}
	if s.anchor != nil {
		errs = append(errs, s.anchor.Close())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.look != nil {
		errs = append(errs, s.revision.Close(), s.look.Close())
		s.look = nil
	}
	if err := errors.Join(append(errs, s.DB.Close())...); err != nil {
		return fmt.Errorf("close the witness's state: %w", err)
	}
	return nil
}
