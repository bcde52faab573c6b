package state

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
)

// maxKeys bounds the keys of one log, those that are no longer trusted
// included: rotation needs two, a migration to another algorithm four.
const maxKeys = 16

// AddLog makes the witness follow origin under key, at once also in a process
// that serves from this database. An origin that is or was followed gets the
// key besides the ones it has and keeps its size and root; one that was
// disabled is enabled, and so is the key. A log that a list added is the
// operator's own from then on: no list gives it keys, limits its requests or
// misses it any more. changed is false if all of that was so already.
//
// A key whose name and key id are those of another one of the log, but whose
// bytes are not, is refused: no signature line could tell them apart. The error
// is ErrKeyRefused then, or if the log has too many.
func (db *DB) AddLog(ctx context.Context, origin string, key tlog.VerifierKey) (changed bool, err error) {
	err = db.change(ctx, func(tx *sql.Tx) error {
		changed, err = db.addLog(ctx, tx, origin, key)
		return err
	})
	return changed, err
}

// DisableLog stops cosigning for a log, at once. What it was cosigned for is
// not forgotten. changed is false if it was disabled already; the error is
// witness.ErrUnknownOrigin if it was never followed.
func (db *DB) DisableLog(ctx context.Context, origin string) (changed bool, err error) {
	err = db.change(ctx, func(tx *sql.Tx) error {
		changed, err = set(ctx, tx, `UPDATE logs SET enabled = 0 WHERE origin = ? AND enabled`,
			`SELECT count(*) FROM logs WHERE origin = ?`, witness.ErrUnknownOrigin, origin)
		return err
	})
	return changed, err
}

// ErrKeyRefused is the error for a key that a log cannot have besides those it
// has.
var ErrKeyRefused = errors.New("key refused")

// ErrUnknownKey is the error for a key that a log does not have.
var ErrUnknownKey = errors.New("the log has no such key")

// DisableKey stops trusting one key of a log, at once. The error is
// ErrUnknownKey if the log does not have it.
func (db *DB) DisableKey(ctx context.Context, origin string, key tlog.VerifierKey) (changed bool, err error) {
	err = db.change(ctx, func(tx *sql.Tx) error {
		changed, err = set(ctx, tx, `UPDATE log_keys SET enabled = 0 WHERE origin = ? AND vkey = ? AND enabled`,
			`SELECT count(*) FROM log_keys WHERE origin = ? AND vkey = ?`, ErrUnknownKey, origin, key.String())
		return err
	})
	return changed, err
}

// set makes a change to one row, or finds that it is made, or that there is no
// such row.
func set(ctx context.Context, tx *sql.Tx, update, count string, missing error, arguments ...any) (changed bool, err error) {
	result, err := tx.ExecContext(ctx, update, arguments...)
	if err != nil {
		return false, err
	}
	rows, err := result.RowsAffected()
	if err != nil || rows > 0 {
		return rows > 0, err
	}
	var there int
	if err := tx.QueryRowContext(ctx, count, arguments...).Scan(&there); err != nil {
		return false, err
	}
	if there == 0 {
		return false, missing
	}
	return false, nil
}

// change runs one transaction of the operator's, which the process that serves
// notices by the revision.
func (db *DB) change(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := db.changes.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := do(tx); err != nil {
		return err
	}
	if err := revise(ctx, tx); err != nil {
		return err
	}
	return tx.Commit()
}

// revise has the process that serves notice a transaction.
func revise(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `UPDATE revision SET value = value + 1`)
	return err
}

// addLog is AddLog inside a transaction.
func (db *DB) addLog(ctx context.Context, tx *sql.Tx, origin string, key tlog.VerifierKey) (changed bool, err error) {
	if err := witness.CheckOrigin(origin); err != nil {
		return false, err
	}
	hash := sha256.Sum256([]byte(origin))
	result, err := tx.ExecContext(ctx, `INSERT INTO logs (origin, origin_hash) VALUES (?, ?)
		ON CONFLICT (origin) DO UPDATE SET enabled = 1, list = '', requests_per_day = 0
		WHERE NOT enabled OR list <> '' OR requests_per_day <> 0`, origin, hash[:])
	if err != nil {
		return false, err
	}
	rows, err := result.RowsAffected()
	if err != nil {
		return false, err
	}
	changed = rows > 0
	if err := db.checkKey(ctx, tx, origin, key); err != nil {
		return false, err
	}
	result, err = tx.ExecContext(ctx, `INSERT INTO log_keys (origin, vkey) VALUES (?, ?)
		ON CONFLICT (origin, vkey) DO UPDATE SET enabled = 1 WHERE NOT enabled`, origin, key.String())
	if err != nil {
		return false, err
	}
	rows, err = result.RowsAffected()
	return changed || rows > 0, err
}

// checkKey refuses a key that a log cannot have besides those it has.
func (db *DB) checkKey(ctx context.Context, tx *sql.Tx, origin string, key tlog.VerifierKey) error {
	rows, err := tx.QueryContext(ctx, `SELECT vkey FROM log_keys WHERE origin = ?`, origin)
	if err != nil {
		return err
	}
	defer rows.Close()
	count := 0
	for rows.Next() {
		var vkey string
		if err := rows.Scan(&vkey); err != nil {
			return err
		}
		known, err := db.parseKey(vkey)
		if err != nil {
			return fmt.Errorf("the database holds a bad key for %q: %w", origin, err)
		}
		if known.Equal(key) {
			return rows.Close()
		}
		if known.Name == key.Name && known.KeyID == key.KeyID {
			return fmt.Errorf("%w: %q has another key with the name %q and the key id %08x: no signature line could tell them apart; make another log key", ErrKeyRefused, origin, key.Name, key.KeyID)
		}
		count++
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if count >= maxKeys {
		return fmt.Errorf("%w: %q has %d keys, the most one log can have", ErrKeyRefused, origin, count)
	}
	return nil
}
