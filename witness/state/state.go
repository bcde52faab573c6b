// Package state keeps what a witness must not forget in one SQLite database:
// the logs it follows, their keys, and the latest checkpoint cosigned for
// each. It implements [witness.State].
//
// The database is in write-ahead mode with synchronous FULL: what Advance has
// returned for is on disk, whatever happens to the process afterwards. Several
// processes may open it (an operator adds a log while the witness serves), but
// only one may serve from a data directory: see [Lock].
//
// It does not notice that the whole file was lost or replaced by an older one.
package state

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	_ "github.com/ncruces/go-sqlite3/driver"

	"github.com/muster-log/muster/internal/atomicfile"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
)

// fileName is the database inside the data directory.
const fileName = "witness.db"

// readers is the number of connections for look-ups. Each has its own page
// cache, and a look-up is a few index steps, so few suffice.
const readers = 4

// DB is a witness's database.
type DB struct {
	read   *sql.DB
	keys   *sql.Stmt
	latest *sql.Stmt
	write  *sql.DB
	writer *writer

	// parsed holds the keys of log_keys by their vkey, because checking one
	// costs more than reading it. Only the operator adds to it.
	parsed sync.Map
}

var _ witness.State = (*DB)(nil)

// Create opens the database in the data directory and makes both if they do
// not exist.
func Create(ctx context.Context, directory string) (*DB, error) {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	return open(ctx, directory)
}

// Open opens the database in the data directory; the error wraps
// [io/fs.ErrNotExist] if there is none.
func Open(ctx context.Context, directory string) (*DB, error) {
	if _, err := os.Stat(filepath.Join(directory, fileName)); err != nil {
		return nil, fmt.Errorf("no witness data: %w", err)
	}
	return open(ctx, directory)
}

func open(ctx context.Context, directory string) (_ *DB, err error) {
	path := filepath.Join(directory, fileName)
	db := new(DB)
	defer func() {
		if err != nil {
			db.Close()
			err = fmt.Errorf("open %s: %w", path, err)
		}
	}()
	if db.write, err = sql.Open("sqlite3", dataSource(path, false)); err != nil {
		return nil, err
	}
	db.write.SetMaxOpenConns(1)
	if err := migrate(ctx, db.write); err != nil {
		return nil, err
	}
	// SQLite syncs its files; the names of new ones are the directory's.
	if err := atomicfile.SyncDir(directory); err != nil {
		return nil, err
	}
	if db.read, err = sql.Open("sqlite3", dataSource(path, true)); err != nil {
		return nil, err
	}
	db.read.SetMaxOpenConns(readers)
	db.read.SetMaxIdleConns(readers)
	for query, statement := range map[string]**sql.Stmt{
		keysQuery:   &db.keys,
		latestQuery: &db.latest,
	} {
		if *statement, err = db.read.PrepareContext(ctx, query); err != nil {
			return nil, err
		}
	}
	if db.writer, err = startWriter(ctx, db.write); err != nil {
		return nil, err
	}
	return db, nil
}

// dataSource is the connection string. Every connection sets its own pragmas;
// the busy timeout has to come first.
func dataSource(path string, readOnly bool) string {
	parameters := url.Values{"_pragma": {
		"busy_timeout(10000)",
		"journal_mode(wal)",
		"synchronous(full)",
		"foreign_keys(on)",
		"trusted_schema(off)",
	}}
	if readOnly {
		parameters.Add("_pragma", "query_only(on)")
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		absolute = path
	}
	file := url.URL{Scheme: "file", Path: absolute, RawQuery: parameters.Encode()}
	return file.String()
}

// Close stops the writer and closes the database. What Advance has returned
// for stays.
func (db *DB) Close() error {
	if db.writer != nil {
		db.writer.stop()
	}
	var errs []error
	for _, pool := range []*sql.DB{db.read, db.write} {
		if pool != nil {
			errs = append(errs, pool.Close())
		}
	}
	return errors.Join(errs...)
}

const (
	latestQuery = `SELECT latest.size, latest.root, latest.time, latest.note
		FROM logs LEFT JOIN latest USING (origin) WHERE logs.origin_hash = ?`
	keysQuery     = `SELECT vkey FROM log_keys WHERE origin = ? ORDER BY vkey`
	followedQuery = `SELECT origin, latest.size, latest.root, latest.time, latest.note
		FROM logs LEFT JOIN latest USING (origin) ORDER BY origin LIMIT ?`
)

// Log implements [witness.State].
func (db *DB) Log(ctx context.Context, origin string) (witness.Log, error) {
	keys, err := db.logKeys(ctx, db.keys, origin)
	if err != nil {
		return witness.Log{}, err
	}
	if len(keys) == 0 {
		return witness.Log{}, witness.ErrUnknownOrigin
	}
	return witness.Log{Origin: origin, Keys: keys}, nil
}

// Latest implements [witness.State].
func (db *DB) Latest(ctx context.Context, originHash [sha256.Size]byte) (witness.Latest, error) {
	return scanLatest(db.latest.QueryRowContext(ctx, originHash[:]))
}

// Followed implements [witness.State].
func (db *DB) Followed(ctx context.Context, limit int) ([]witness.Followed, error) {
	rows, err := db.read.QueryContext(ctx, followedQuery, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var logs []witness.Followed
	for rows.Next() {
		var log witness.Followed
		if log.Latest, err = scanLatest(rows, &log.Origin); err != nil {
			return nil, err
		}
		logs = append(logs, log)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	for i := range logs {
		if logs[i].Keys, err = db.logKeys(ctx, db.keys, logs[i].Origin); err != nil {
			return nil, err
		}
	}
	return logs, nil
}

// scanLatest reads the columns of a latest checkpoint, which are null when
// there is none, after those that before takes.
func scanLatest(row interface{ Scan(...any) error }, before ...any) (witness.Latest, error) {
	var size, time sql.NullInt64
	var root, note []byte
	err := row.Scan(append(before, &size, &root, &time, &note)...)
	if errors.Is(err, sql.ErrNoRows) {
		return witness.Latest{}, witness.ErrUnknownOrigin
	}
	if err != nil || !size.Valid {
		return witness.Latest{}, err
	}
	if len(root) != len(tlog.Hash{}) {
		return witness.Latest{}, fmt.Errorf("the database holds a root of %d bytes", len(root))
	}
	return witness.Latest{Size: uint64(size.Int64), Root: tlog.Hash(root), Time: uint64(time.Int64), Note: note}, nil
}

// logKeys reads the keys of an origin.
func (db *DB) logKeys(ctx context.Context, query *sql.Stmt, origin string) ([]tlog.VerifierKey, error) {
	rows, err := query.QueryContext(ctx, origin)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var keys []tlog.VerifierKey
	for rows.Next() {
		var vkey string
		if err := rows.Scan(&vkey); err != nil {
			return nil, err
		}
		key, err := db.parseKey(vkey)
		if err != nil {
			return nil, fmt.Errorf("the database holds a bad key for %q: %w", origin, err)
		}
		keys = append(keys, key)
	}
	return keys, rows.Err()
}

func (db *DB) parseKey(vkey string) (tlog.VerifierKey, error) {
	if key, ok := db.parsed.Load(vkey); ok {
		return key.(tlog.VerifierKey), nil
	}
	key, err := tlog.ParseVerifierKey(vkey)
	if err == nil {
		db.parsed.Store(vkey, key)
	}
	return key, err
}
