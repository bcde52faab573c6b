// Package index is the search index of a log (log.Index) in a database: its
// schema and queries over database/sql.
//
// What it holds is derived from the log. It is therefore written without waiting
// for the disk (WAL, synchronous NORMAL), and thrown away and made again where it
// does not fit. It promises nothing about the entries: who relies on one checks
// its proof.
//
// The statements are those that SQLite and PostgreSQL both understand; only the
// schema is written for each.
package index

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"

	_ "github.com/ncruces/go-sqlite3/driver" // registers "sqlite3"

	"github.com/muster-log/muster/log"
)

// maxConnections bounds how many queries run at once, and with them memory.
const maxConnections = 8

// Index is an open search index.
type Index struct {
	db *sql.DB

	// series and versions remember ids of texts met lately; Add alone uses them.
	series   map[seriesText]int64
	versions map[string]int64
}

var _ log.Index = (*Index)(nil)

// Open opens or creates the index in a SQLite file.
func Open(ctx context.Context, path string) (*Index, error) {
	name := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: url.Values{"_pragma": {
		"busy_timeout(10000)",
		"journal_mode(WAL)",
		"synchronous(NORMAL)",
		"wal_autocheckpoint(8000)", // 32 MiB: pages written often are copied once
		"cache_size(-65536)",       // 64 MiB: digests are inserted all over the table
		"trusted_schema(OFF)",
	}}.Encode()}
	db, err := sql.Open("sqlite3", name.String())
	if err != nil {
		return nil, fmt.Errorf("search index %s: %w", path, err)
	}
	db.SetMaxOpenConns(maxConnections)
	x := &Index{db: db}
	if err := x.prepare(ctx, sqliteSchema); err != nil {
		db.Close()
		return nil, fmt.Errorf("search index %s: %w (the file can be deleted: it is made again from the log)", path, err)
	}
	return x, nil
}

// Close closes the database.
func (x *Index) Close() error { return x.db.Close() }

// prepare makes the tables, and empties those of another version.
func (x *Index) prepare(ctx context.Context, schema string) error {
	x.forget()
	return x.transact(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, schema); err != nil {
			return err
		}
		var found int
		switch err := tx.QueryRowContext(ctx, `SELECT version FROM index_version`).Scan(&found); {
		case err == nil && found == version:
			return nil
		case err != nil && err != sql.ErrNoRows:
			return err
		}
		for _, table := range append(tables, "index_version") {
			if _, err := tx.ExecContext(ctx, `DROP TABLE IF EXISTS `+table); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, schema); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO index_version (version) VALUES ($1)`, version)
		return err
	})
}

// Size implements log.Index.
func (x *Index) Size(ctx context.Context) (uint64, error) { return size(ctx, x.db) }

func size(ctx context.Context, db interface {
	QueryRowContext(ctx context.Context, query string, arguments ...any) *sql.Row
}) (uint64, error) {
	var next int64
	err := db.QueryRowContext(ctx, `SELECT coalesce(max(idx) + 1, 0) FROM entries`).Scan(&next)
	return uint64(next), err
}

// Reset implements log.Index.
func (x *Index) Reset(ctx context.Context) error {
	x.forget()
	return x.transact(ctx, func(tx *sql.Tx) error {
		for _, table := range tables {
			if _, err := tx.ExecContext(ctx, `DELETE FROM `+table); err != nil {
				return err
			}
		}
		return nil
	})
}

func (x *Index) transact(ctx context.Context, do func(tx *sql.Tx) error) error {
	tx, err := x.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := do(tx); err != nil {
		return err
	}
	return tx.Commit()
}
