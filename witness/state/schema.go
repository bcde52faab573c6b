package state

import (
	"context"
	"database/sql"
	"fmt"
)

// schemaVersion is kept in SQLite's user_version.
const schemaVersion = 2

// applicationID marks the file as a Muster witness's database ("MstW"), so
// that another program's is not mistaken for one.
const applicationID = 0x4d737457

// schema: sizes and times are below 2^63 (tlog.MaxSize, POSIX seconds), so
// they fit SQLite's integers. origin_hash is what monitors ask by.
//
// A row of logs is never deleted, nor its latest: a log that is followed again
// goes on where it was. revision counts the changes to logs and log_keys, so
// that the process that serves sees them. unremembered holds what halted the
// witness until an operator has decided.
const schema = `
CREATE TABLE logs (
	origin           TEXT PRIMARY KEY NOT NULL,
	origin_hash      BLOB NOT NULL UNIQUE CHECK (length(origin_hash) = 32),
	enabled          INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
	requests_per_day INTEGER NOT NULL DEFAULT 0 CHECK (requests_per_day >= 0),
	contact          TEXT NOT NULL DEFAULT '',
	list             TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE TABLE log_keys (
	origin  TEXT NOT NULL REFERENCES logs (origin),
	vkey    TEXT NOT NULL,
	enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
	PRIMARY KEY (origin, vkey)
) STRICT, WITHOUT ROWID;

CREATE TABLE latest (
	origin TEXT PRIMARY KEY NOT NULL REFERENCES logs (origin),
	size   INTEGER NOT NULL CHECK (size >= 0),
	root   BLOB NOT NULL CHECK (length(root) = 32),
	time   INTEGER NOT NULL CHECK (time > 0),
	note   BLOB
) STRICT;

CREATE TABLE evidence (
	id     BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 32),
	origin TEXT NOT NULL REFERENCES logs (origin),
	kind   TEXT NOT NULL,
	found  INTEGER NOT NULL CHECK (found > 0),
	data   BLOB NOT NULL
) STRICT;
CREATE INDEX evidence_by_origin ON evidence (origin);

CREATE TABLE unremembered (
	origin TEXT NOT NULL,
	size   INTEGER NOT NULL CHECK (size >= 0),
	root   BLOB NOT NULL CHECK (length(root) = 32),
	time   INTEGER NOT NULL CHECK (time > 0),
	note   BLOB NOT NULL,
	found  INTEGER NOT NULL CHECK (found > 0),
	PRIMARY KEY (origin, size, root, time)
) STRICT;

CREATE TABLE revision (
	only  INTEGER PRIMARY KEY CHECK (only = 1),
	value INTEGER NOT NULL
) STRICT;
INSERT INTO revision VALUES (1, 1);
`

// migrate makes the schema in a new database and refuses one that is not ours
// or of another version.
func migrate(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var id, version int
	if err := tx.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
		return err
	}
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	switch {
	case id == applicationID && version == schemaVersion:
		return nil
	case id == applicationID && version > schemaVersion:
		return fmt.Errorf("the database has schema version %d, this program knows %d: use a newer muster-witness", version, schemaVersion)
	case id != 0 || version != 0:
		return fmt.Errorf("not a witness database that this program reads (application id %#x, schema version %d)", id, version)
	}
	var tables int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return err
	}
	if tables != 0 {
		return fmt.Errorf("not a witness database: it holds %d tables of another program", tables)
	}
	setUp := fmt.Sprintf("%s PRAGMA application_id = %d; PRAGMA user_version = %d;", schema, applicationID, schemaVersion)
	if _, err := tx.ExecContext(ctx, setUp); err != nil {
		return err
	}
	return tx.Commit()
}
