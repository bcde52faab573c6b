// Package state keeps what a witness must not forget: the logs it follows,
// their keys, the latest checkpoint cosigned for each, and evidence against
// them, in one SQLite database; and an anchor, a file elsewhere (package
// anchor) that says how far each log was cosigned at least.
//
// The database is in write-ahead mode with synchronous FULL. What
// [Serving.Advance] has returned for is on disk in both places, the database
// first: so the anchor never runs ahead of it, and every cosignature that ever
// left is at or below the anchor. A database that is older than the anchor, or
// gone, is not served from: see [DoubtError].
//
// Several processes may open the database (an operator adds a log while the
// witness serves), but only one may serve from a data directory: see
// [LockDirectory].
package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	"github.com/ncruces/go-sqlite3/driver"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
)

// fileName is the database inside the data directory.
const fileName = "witness.db"

// connections is how many connections look-ups share. Each has a page cache of
// its own, and look-ups are a few index steps.
const connections = 2

// DB is a witness's database as its operator's tools see it. It advances
// nothing: that takes a [Serving].
type DB struct {
	// pool is for look-ups alone. Changes have a connection of their own: they
	// wait for the write lock, and who holds that may wait for a look-up.
	pool, changes *sql.DB

	// parsed holds the keys of log_keys by their vkey, because checking one
	// costs more than reading it. Only the operator adds to it.
	parsed sync.Map
}

// Create opens the database in the data directory and makes both if they do
// not exist.
func Create(ctx context.Context, directory string) (*DB, error) {
	return create(ctx, Options{Directory: directory})
}

func create(ctx context.Context, options Options) (*DB, error) {
	if err := os.MkdirAll(options.Directory, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	return open(ctx, options)
}

// Open opens the database in the data directory; the error wraps
// [io/fs.ErrNotExist] if there is none.
func Open(ctx context.Context, directory string) (*DB, error) {
	if _, err := os.Stat(filepath.Join(directory, fileName)); err != nil {
		return nil, fmt.Errorf("no witness data: %w", err)
	}
	return open(ctx, Options{Directory: directory})
}

func open(ctx context.Context, options Options) (_ *DB, err error) {
	path := filepath.Join(options.Directory, fileName)
	db := new(DB)
	defer func() {
		if err != nil {
			db.Close()
			err = fmt.Errorf("open %s: %w", path, err)
		}
	}()
	if db.pool, err = driver.Open(dataSource(path, options.VFS)); err != nil {
		return nil, err
	}
	db.pool.SetMaxOpenConns(connections)
	db.pool.SetMaxIdleConns(connections)
	if db.changes, err = driver.Open(dataSource(path, options.VFS)); err != nil {
		return nil, err
	}
	db.changes.SetMaxOpenConns(1)
	if err := migrate(ctx, db.changes); err != nil {
		return nil, err
	}
	// SQLite syncs its files; the names of new ones are the directory's.
	if err := options.files().SyncDir(options.Directory); err != nil {
		return nil, err
	}
	return db, nil
}

// pragmas are set on every connection; the busy timeout has to come first.
var pragmas = []string{
	"busy_timeout(10000)",
	"journal_mode(wal)",
	"synchronous(full)",
	"foreign_keys(on)",
	"trusted_schema(off)",
	"cache_size(-1024)",
}

// dataSource is the connection string of the pools. Transactions take the write
// lock when they begin: all of them write.
func dataSource(path, vfs string) string {
	parameters := url.Values{"_pragma": pragmas, "_txlock": {"immediate"}}
	return fileURL(path, vfs, parameters)
}

func fileURL(path, vfs string, parameters url.Values) string {
	if vfs != "" {
		parameters.Set("vfs", vfs)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		absolute = path
	}
	file := url.URL{Scheme: "file", Path: absolute, RawQuery: parameters.Encode()}
	return file.String()
}

// Close closes the database.
func (db *DB) Close() error {
	var errs []error
	for _, pool := range []*sql.DB{db.pool, db.changes} {
		if pool != nil {
			errs = append(errs, pool.Close())
		}
	}
	return errors.Join(errs...)
}

const followedQuery = `SELECT logs.origin, logs.enabled, logs.requests_per_day, logs.contact, logs.list,
		latest.size, latest.root, latest.time,
		(SELECT count(*) FROM evidence WHERE evidence.origin = logs.origin)
	FROM logs LEFT JOIN latest USING (origin) WHERE logs.origin > ? ORDER BY logs.origin LIMIT ?`

// Followed returns up to limit of the logs that are or once were followed, by
// origin, those after that origin.
func (db *DB) Followed(ctx context.Context, after string, limit int) ([]witness.Followed, error) {
	rows, err := db.pool.QueryContext(ctx, followedQuery, after, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var logs []witness.Followed
	for rows.Next() {
		var log witness.Followed
		var enabled bool
		var size, time sql.NullInt64
		var root []byte
		if err := rows.Scan(&log.Origin, &enabled, &log.RequestsPerDay, &log.Contact, &log.List, &size, &root, &time, &log.Evidence); err != nil {
			return nil, err
		}
		log.Disabled = !enabled
		if size.Valid {
			if log.Latest, err = latestOf(size.Int64, root, time.Int64); err != nil {
				return nil, err
			}
		}
		logs = append(logs, log)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if len(logs) == 0 {
		return nil, nil
	}
	keys, err := db.keys(ctx, logs[0].Origin, logs[len(logs)-1].Origin)
	if err != nil {
		return nil, err
	}
	for i := range logs {
		logs[i].Keys = keys[logs[i].Origin]
	}
	return logs, nil
}

// latestOf checks the columns of a latest checkpoint.
func latestOf(size int64, root []byte, time int64) (witness.Latest, error) {
	if len(root) != len(tlog.Hash{}) {
		return witness.Latest{}, fmt.Errorf("the database holds a root of %d bytes", len(root))
	}
	return witness.Latest{Size: uint64(size), Root: tlog.Hash(root), Time: uint64(time)}, nil
}

// keys reads the trusted keys of the origins from one to another, both included.
func (db *DB) keys(ctx context.Context, first, last string) (map[string][]tlog.VerifierKey, error) {
	rows, err := db.pool.QueryContext(ctx, `SELECT origin, vkey FROM log_keys WHERE enabled AND origin BETWEEN ? AND ? ORDER BY origin, vkey`, first, last)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	keys := make(map[string][]tlog.VerifierKey)
	for rows.Next() {
		var origin, vkey string
		if err := rows.Scan(&origin, &vkey); err != nil {
			return nil, err
		}
		key, err := db.parseKey(vkey)
		if err != nil {
			return nil, fmt.Errorf("the database holds a bad key for %q: %w", origin, err)
		}
		keys[origin] = append(keys[origin], key)
	}
	return keys, rows.Err()
}

// Keys returns the keys of a log that are trusted.
func (db *DB) Keys(ctx context.Context, origin string) ([]tlog.VerifierKey, error) {
	keys, err := db.keys(ctx, origin, origin)
	return keys[origin], err
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

// Note is the latest checkpoint of the origin with that SHA-256, as monitors
// are shown it: see [witness.State].
func (db *DB) Note(ctx context.Context, originHash [32]byte) ([]byte, error) {
	var note []byte
	err := db.pool.QueryRowContext(ctx, `SELECT note FROM logs LEFT JOIN latest USING (origin) WHERE origin_hash = ?`, originHash[:]).Scan(&note)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, witness.ErrUnknownOrigin
	}
	return note, err
}
