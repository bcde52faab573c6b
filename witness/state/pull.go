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

// pullBatch is how many logs of a list one transaction takes: a witness that serves
// cannot commit meanwhile, so that is some ten milliseconds.
const pullBatch = 500

// Listed is a log as a list has it, with one of its keys.
type Listed struct {
	Origin         string
	Key            tlog.VerifierKey
	RequestsPerDay uint64
	Contact        string
}

// A Result says what became of a log of a list.
type Result string

const (
	// LogAdded: the log is followed since.
	LogAdded Result = "added"
	// KeyAdded: a log of that list has a further key.
	KeyAdded Result = "key-added"
	// LogUpdated: a log of that list may ask more or less often, or has another contact.
	LogUpdated Result = "updated"
	// LogKnown: nothing was to be done. A log that was added by hand, or that came from
	// another list, stays as it is.
	LogKnown Result = "known"
	// LogDisabled: the operator has disabled the log, or that key of it, and the list
	// does not change that.
	LogDisabled Result = "disabled"
	// LogRefused: the log was added by hand or came from another list, and not with that
	// key; or it cannot have the key besides those it has. Whoever holds a log's key can
	// make a witness useless to it, so that takes the operator's own word.
	LogRefused Result = "refused"
)

// Pulled is a log of a list, and what became of it.
type Pulled struct {
	Listed
	Result Result
	// Reason says why, of LogRefused alone.
	Reason error
}

// Pull takes up what a list says. It adds logs and keys, and enables and removes none.
// A witness that serves goes on meanwhile, and knows what is new when Pull returns. It
// is made in several transactions: if it ends with an error, what was done stays, and
// to pull the list again does the rest. done is told how many of the logs are.
//
// With dry it changes nothing, and says what it would do.
func (db *DB) Pull(ctx context.Context, list string, logs []Listed, dry bool, done func(int)) (pulled []Pulled, err error) {
	if list == "" {
		return nil, errors.New("a list without a name")
	}
	// In a dry run nothing says that an earlier item of the list added the origin.
	fresh := make(map[string]bool)
	for begin := 0; begin < len(logs); begin += pullBatch {
		batch := logs[begin:min(begin+pullBatch, len(logs))]
		results, err := db.pullBatch(ctx, list, batch, dry, fresh)
		if err != nil {
			return pulled, fmt.Errorf("take up the logs of a list: %w", err)
		}
		pulled = append(pulled, results...)
		done(len(pulled))
	}
	return pulled, nil
}

func (db *DB) pullBatch(ctx context.Context, list string, batch []Listed, dry bool, fresh map[string]bool) ([]Pulled, error) {
	tx, err := db.changes.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	var pulled []Pulled
	for _, log := range batch {
		one, err := db.pullLog(ctx, tx, list, log, fresh)
		if err != nil {
			return nil, err
		}
		pulled = append(pulled, one)
	}
	if dry {
		return pulled, nil
	}
	if err := revise(ctx, tx); err != nil {
		return nil, err
	}
	return pulled, tx.Commit()
}

// pullLog takes up one log.
func (db *DB) pullLog(ctx context.Context, tx *sql.Tx, list string, log Listed, fresh map[string]bool) (Pulled, error) {
	pulled := Pulled{Listed: log}
	if err := witness.CheckOrigin(log.Origin); err != nil {
		return pulled, err
	}
	var enabled bool
	var from, contact string
	var perDay int64
	err := tx.QueryRowContext(ctx, `SELECT enabled, list, requests_per_day, contact FROM logs WHERE origin = ?`, log.Origin).
		Scan(&enabled, &from, &perDay, &contact)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return db.pullNew(ctx, tx, list, log, fresh)
	case err != nil:
		return pulled, err
	case !enabled:
		pulled.Result = LogDisabled
		return pulled, nil
	}
	var trusted bool
	err = tx.QueryRowContext(ctx, `SELECT enabled FROM log_keys WHERE origin = ? AND vkey = ?`, log.Origin, log.Key.String()).Scan(&trusted)
	switch {
	case err == nil && !trusted:
		pulled.Result = LogDisabled
		return pulled, nil
	case err == nil && from != list:
		pulled.Result = LogKnown
		return pulled, nil
	case errors.Is(err, sql.ErrNoRows) && from != list:
		pulled.Result, pulled.Reason = LogRefused, ErrOtherKeys
		return pulled, nil
	case errors.Is(err, sql.ErrNoRows):
		return db.pullKey(ctx, tx, log)
	case err != nil:
		return pulled, err
	}
	pulled.Result = LogKnown
	if perDay == int64(log.RequestsPerDay) && contact == log.Contact {
		return pulled, nil
	}
	pulled.Result = LogUpdated
	_, err = tx.ExecContext(ctx, `UPDATE logs SET requests_per_day = ?, contact = ? WHERE origin = ?`, int64(log.RequestsPerDay), log.Contact, log.Origin)
	return pulled, err
}

// ErrOtherKeys is why a log of a list is refused that is followed for another reason.
var ErrOtherKeys = errors.New("it is followed already, not because of this list, and without that key")

// pullNew has a log followed that never was.
func (db *DB) pullNew(ctx context.Context, tx *sql.Tx, list string, log Listed, fresh map[string]bool) (Pulled, error) {
	pulled := Pulled{Listed: log, Result: LogAdded}
	if fresh[log.Origin] {
		pulled.Result = KeyAdded
		return pulled, nil
	}
	fresh[log.Origin] = true
	hash := sha256.Sum256([]byte(log.Origin))
	if _, err := tx.ExecContext(ctx, `INSERT INTO logs (origin, origin_hash, list, requests_per_day, contact) VALUES (?, ?, ?, ?, ?)`,
		log.Origin, hash[:], list, int64(log.RequestsPerDay), log.Contact); err != nil {
		return pulled, err
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO log_keys (origin, vkey) VALUES (?, ?)`, log.Origin, log.Key.String())
	return pulled, err
}

// pullKey gives a log of the list a key that it does not have.
func (db *DB) pullKey(ctx context.Context, tx *sql.Tx, log Listed) (Pulled, error) {
	pulled := Pulled{Listed: log, Result: KeyAdded}
	if err := db.checkKey(ctx, tx, log.Origin, log.Key); errors.Is(err, ErrKeyRefused) {
		pulled.Result, pulled.Reason = LogRefused, err
		return pulled, nil
	} else if err != nil {
		return pulled, err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO log_keys (origin, vkey) VALUES (?, ?)`, log.Origin, log.Key.String()); err != nil {
		return pulled, err
	}
	_, err := tx.ExecContext(ctx, `UPDATE logs SET requests_per_day = ?, contact = ? WHERE origin = ?`, int64(log.RequestsPerDay), log.Contact, log.Origin)
	return pulled, err
}

// Gone is a log of a list that stands there no more, or with Key that key of it.
type Gone struct {
	Origin string
	Key    *tlog.VerifierKey
}

// DisableGone disables what no longer stands in a list, in transactions of several as
// Pull does. It leaves alone what is not that list's when it comes to it: what the
// operator has added meanwhile. disabled counts what it disabled.
func (db *DB) DisableGone(ctx context.Context, list string, gone []Gone) (disabled int, err error) {
	if list == "" {
		return 0, errors.New("a list without a name")
	}
	for begin := 0; begin < len(gone); begin += pullBatch {
		count := 0
		err := db.change(ctx, func(tx *sql.Tx) error {
			for _, one := range gone[begin:min(begin+pullBatch, len(gone))] {
				changed, err := disableGone(ctx, tx, list, one)
				if err != nil {
					return err
				}
				if changed {
					count++
				}
			}
			return nil
		})
		if err != nil {
			return disabled, fmt.Errorf("disable the logs of a list: %w", err)
		}
		disabled += count
	}
	return disabled, nil
}

func disableGone(ctx context.Context, tx *sql.Tx, list string, gone Gone) (changed bool, err error) {
	var result sql.Result
	if gone.Key == nil {
		result, err = tx.ExecContext(ctx, `UPDATE logs SET enabled = 0 WHERE origin = ? AND list = ? AND enabled`, gone.Origin, list)
	} else {
		result, err = tx.ExecContext(ctx, `UPDATE log_keys SET enabled = 0 WHERE origin = ? AND vkey = ? AND enabled
			AND EXISTS (SELECT 1 FROM logs WHERE logs.origin = log_keys.origin AND list = ?)`, gone.Origin, gone.Key.String(), list)
	}
	if err != nil {
		return false, err
	}
	rows, err := result.RowsAffected()
	return rows > 0, err
}
