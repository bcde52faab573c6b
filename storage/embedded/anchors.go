package embedded

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"

	_ "github.com/ncruces/go-sqlite3/driver" // registers "sqlite3"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/tlog"
)

// anchors implements log.Anchors in SQLite: of each size the first anchor and,
// where it is another, the last; and the newest of all in a row of its own.
type anchors struct{ db *sql.DB }

// maxAnchorConnections bounds how many look-ups run at once; each is a step or
// two down one tree.
const maxAnchorConnections = 4

const anchorsSchema = `
CREATE TABLE IF NOT EXISTS anchor (
	size INTEGER PRIMARY KEY,
	note BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS last (
	size INTEGER PRIMARY KEY,
	note BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS newest (
	one  INTEGER PRIMARY KEY CHECK (one = 1),
	size INTEGER NOT NULL,
	note BLOB NOT NULL
) STRICT;`

func openAnchors(ctx context.Context, path string) (*anchors, error) {
	name := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: url.Values{
		"_pragma": {"busy_timeout(5000)", "journal_mode(wal)", "synchronous(full)", "trusted_schema(off)"},
		"_txlock": {"immediate"},
	}.Encode()}
	db, err := sql.Open("sqlite3", name.String())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	db.SetMaxOpenConns(maxAnchorConnections)
	db.SetMaxIdleConns(maxAnchorConnections)
	if _, err := db.ExecContext(ctx, anchorsSchema); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), db.Close())
	}
	return &anchors{db: db}, nil
}

// Put implements log.Anchors.
func (a *anchors) Put(ctx context.Context, anchor log.Anchor) error {
	tx, err := a.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	size := int64(anchor.Checkpoint.Size)
	inserted, err := tx.ExecContext(ctx, `INSERT INTO anchor (size, note) VALUES (?, ?) ON CONFLICT DO NOTHING`, size, anchor.Note)
	if err != nil {
		return err
	}
	if rows, err := inserted.RowsAffected(); err != nil {
		return err
	} else if rows == 0 {
		// It has been published with this size before: the last replaces the one
		// before it, so a log that stands still keeps two.
		if _, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO last (size, note) VALUES (?, ?)`, size, anchor.Note); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO newest (one, size, note) VALUES (1, ?, ?)
		ON CONFLICT DO UPDATE SET size = excluded.size, note = excluded.note WHERE excluded.size >= newest.size`, size, anchor.Note); err != nil {
		return err
	}
	return tx.Commit()
}

// Newest implements log.Anchors.
func (a *anchors) Newest(ctx context.Context) (log.Anchor, error) {
	return a.one(ctx, `SELECT note FROM newest`)
}

// Covering implements log.Anchors.
func (a *anchors) Covering(ctx context.Context, index uint64) (log.Anchor, error) {
	return a.one(ctx, `SELECT note FROM anchor WHERE size > ? ORDER BY size LIMIT 1`, int64(index))
}

// At implements log.Anchors.
func (a *anchors) At(ctx context.Context, size uint64) (log.Anchor, error) {
	return a.one(ctx, `SELECT note FROM anchor WHERE size = ?`, int64(size))
}

// LastAt implements log.Anchors.
func (a *anchors) LastAt(ctx context.Context, size uint64) (log.Anchor, error) {
	return a.one(ctx, `SELECT note FROM (SELECT 1 AS place, note FROM last WHERE size = ?1
		UNION ALL SELECT 2, note FROM anchor WHERE size = ?1) ORDER BY place LIMIT 1`, int64(size))
}

func (a *anchors) one(ctx context.Context, query string, arguments ...any) (log.Anchor, error) {
	var note []byte
	err := a.db.QueryRowContext(ctx, query, arguments...).Scan(&note)
	if errors.Is(err, sql.ErrNoRows) {
		return log.Anchor{}, fs.ErrNotExist
	}
	if err != nil {
		return log.Anchor{}, err
	}
	checkpoint, err := tlog.ParseCheckpoint(note)
	if err != nil {
		return log.Anchor{}, fmt.Errorf("stored anchor: %w", err)
	}
	return log.Anchor{Checkpoint: checkpoint.Checkpoint, Note: note}, nil
}

func (a *anchors) close() error { return a.db.Close() }
