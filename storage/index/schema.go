package index

// version is that of the schema and of what log.NewRecord makes. A database of
// another version is emptied and filled again from the log.
const version = 1

// sqliteSchema makes the tables. Texts that repeat stand once, in series and
// versions, so that a search by a part of a name reads a small table.
const sqliteSchema = `
CREATE TABLE IF NOT EXISTS index_version (version INTEGER NOT NULL);

CREATE TABLE IF NOT EXISTS series (
	id        INTEGER PRIMARY KEY,
	type      TEXT NOT NULL,
	predicate TEXT NOT NULL,
	product   TEXT NOT NULL,
	kind      TEXT NOT NULL,
	name      TEXT NOT NULL,
	channel   TEXT NOT NULL,
	UNIQUE (type, predicate, product, kind, name, channel)
);

CREATE TABLE IF NOT EXISTS versions (
	id      INTEGER PRIMARY KEY,
	version TEXT NOT NULL UNIQUE
);

CREATE TABLE IF NOT EXISTS entries (
	idx       INTEGER PRIMARY KEY,
	series    INTEGER NOT NULL REFERENCES series,
	version   INTEGER NOT NULL REFERENCES versions,
	status    INTEGER NOT NULL,
	code      TEXT NOT NULL,
	entry     BLOB NOT NULL, -- SHA-256
	payload   BLOB NOT NULL, -- SHA-256
	identity  BLOB,          -- SHA-256
	signers   BLOB NOT NULL, -- key ids, 32 bytes each
	issued    INTEGER,       -- seconds since 1970
	not_after INTEGER        -- seconds since 1970
);
CREATE INDEX IF NOT EXISTS entries_series ON entries (series, idx);
CREATE INDEX IF NOT EXISTS entries_version ON entries (version, idx);
CREATE INDEX IF NOT EXISTS entries_status ON entries (status, idx) WHERE status <> 1;

CREATE TABLE IF NOT EXISTS mentions (
	digest   BLOB NOT NULL,
	idx      INTEGER NOT NULL,
	relation INTEGER NOT NULL,
	PRIMARY KEY (digest, idx, relation)
) WITHOUT ROWID;
`

// tables are emptied by Reset, in this order.
var tables = []string{"mentions", "entries", "versions", "series"}
