package state

import (
	"context"
	"database/sql"
	"fmt"
)

// schemaVersion is kept in SQLite's user_version.
const schemaVersion = 1

// applicationID marks the file as a Muster witness's database ("MstW"), so
// that another program's is not mistaken for one.
const applicationID = 0x4d737457

// schema: sizes and times are below 2^63 (tlog.MaxSize, POSIX seconds), so
// they fit SQLite's integers. origin_hash is what monitors ask by.
const schema = `
CREATE TABLE logs (
	origin      TEXT PRIMARY KEY NOT NULL,
	origin_hash BLOB NOT NULL UNIQUE CHECK (length(origin_hash) = 32)
) STRICT;

CREATE TABLE log_keys (
	origin TEXT NOT NULL REFERENCES logs (origin),
	vkey   TEXT NOT NULL,
	PRIMARY KEY (origin, vkey)
) STRICT, WITHOUT ROWID;

CREATE TABLE latest (
	origin TEXT PRIMARY KEY NOT NULL REFERENCES logs (origin),
	size   INTEGER NOT NULL CHECK (size >= 0),
	root   BLOB NOT NULL CHECK (length(root) = 32),
	time   INTEGER NOT NULL CHECK (time > 0),
	note   BLOB NOT NULL
) STRICT;
`

// migrate makes the schema in a new database and refuses one that is not ours
// or newer than this program.
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
		return fmt.Errorf("not a witness database (application id %#x, schema version %d)", id, version)
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
