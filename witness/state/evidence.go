package state

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/muster-log/muster/tlog/fork"
)

// maxEvidence bounds what is kept against one log: one is enough to show that
// it lied, and a log that signs contradictions all day shall not fill the disk.
const maxEvidence = 16

// Evidence is evidence as it was kept.
type Evidence struct {
	// ID is the SHA-256 of Data in hex.
	ID     string
	Origin string
	Kind   fork.Kind
	Found  time.Time
	// Data is the evidence file.
	Data []byte
}

// KeepEvidence keeps evidence against a log that is followed, whole and
// durably. isNew is false, and nothing changes, if it is kept already, or if
// as many as are kept of one log are.
func (db *DB) KeepEvidence(ctx context.Context, evidence *fork.Evidence) (isNew bool, err error) {
	data, err := evidence.Marshal()
	if err != nil {
		return false, err
	}
	id := sha256.Sum256(data)
	// Most of what comes again is seen here, without a write.
	var same, all int
	row := db.pool.QueryRowContext(ctx, `SELECT count(*) FILTER (WHERE id = ?), count(*) FROM evidence WHERE origin = ?`, id[:], evidence.Origin)
	if err := row.Scan(&same, &all); err != nil || same > 0 || all >= maxEvidence {
		return false, err
	}
	result, err := db.changes.ExecContext(ctx, `INSERT INTO evidence (id, origin, kind, found, data)
		SELECT ?, ?, ?, ?, ? WHERE (SELECT count(*) FROM evidence WHERE origin = ?) < ?
		ON CONFLICT (id) DO NOTHING`,
		id[:], evidence.Origin, string(evidence.Kind), time.Now().Unix(), data, evidence.Origin, maxEvidence)
	if err != nil {
		return false, err
	}
	rows, err := result.RowsAffected()
	return rows > 0, err
}

// EvidenceList returns what is kept, the newest first, without Data: all of it
// might be too much for memory.
func (db *DB) EvidenceList(ctx context.Context) ([]Evidence, error) {
	return db.evidence(ctx, `SELECT id, origin, kind, found, NULL FROM evidence ORDER BY found DESC, id`)
}

func (db *DB) evidence(ctx context.Context, query string, arguments ...any) ([]Evidence, error) {
	rows, err := db.pool.QueryContext(ctx, query, arguments...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Evidence
	for rows.Next() {
		var one Evidence
		var id []byte
		var found int64
		if err := rows.Scan(&id, &one.Origin, &one.Kind, &found, &one.Data); err != nil {
			return nil, err
		}
		one.ID, one.Found = hex.EncodeToString(id), time.Unix(found, 0).UTC()
		list = append(list, one)
	}
	return list, rows.Err()
}

var (
	// ErrNoEvidence says that no evidence has such an id.
	ErrNoEvidence = errors.New("no evidence has that id")
	// ErrAmbiguous says that the ids of several begin like that.
	ErrAmbiguous = errors.New("several have an id that begins like that: give more of it")
)

// Evidence returns the evidence whose id begins with prefix, which has at
// least 4 hex digits.
func (db *DB) Evidence(ctx context.Context, prefix string) (Evidence, error) {
	if len(prefix) < 4 || len(prefix) > 2*sha256.Size {
		return Evidence{}, fmt.Errorf("an evidence id has 4 to %d hex digits, got %d", 2*sha256.Size, len(prefix))
	}
	found, err := db.evidence(ctx, `SELECT id, origin, kind, found, data FROM evidence
		WHERE substr(lower(hex(id)), 1, ?) = lower(?) LIMIT 2`, len(prefix), prefix)
	switch {
	case err != nil:
		return Evidence{}, err
	case len(found) == 0:
		return Evidence{}, ErrNoEvidence
	case len(found) > 1:
		return Evidence{}, ErrAmbiguous
	}
	return found[0], nil
}

// unremembered reads what halted the witness, the oldest finding first.
func unremembered(ctx context.Context, q interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}) ([]Doubt, error) {
	rows, err := q.QueryContext(ctx, `SELECT origin, size, root, time, note FROM unremembered ORDER BY found, origin, size, root, time`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var doubts []Doubt
	for rows.Next() {
		var origin string
		var size, at int64
		var root, note []byte
		if err := rows.Scan(&origin, &size, &root, &at, &note); err != nil {
			return nil, err
		}
		latest, err := latestOf(size, root, at)
		if err != nil {
			return nil, err
		}
		doubts = append(doubts, Doubt{Origin: origin, Unremembered: &latest, Note: note})
	}
	return doubts, rows.Err()
}
