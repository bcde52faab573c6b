package state

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
)

// maxKeys bounds the keys of one log: rotation needs two, a migration to
// another algorithm four.
const maxKeys = 16

// AddLog makes the witness follow origin under key, at once also in a process
// that serves from this database. An origin that is followed already gets the
// key besides the ones it has and keeps its size and root. added is false if
// the log had that key already.
//
// A key whose name and key id are those of another one of the log, but whose
// bytes are not, is refused: no signature line could tell them apart.
func (db *DB) AddLog(ctx context.Context, origin string, key tlog.VerifierKey) (added bool, err error) {
	if err := witness.CheckOrigin(origin); err != nil {
		return false, err
	}
	tx, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer tx.Rollback()
	hash := sha256.Sum256([]byte(origin))
	if _, err := tx.ExecContext(ctx, `INSERT INTO logs (origin, origin_hash) VALUES (?, ?) ON CONFLICT (origin) DO NOTHING`, origin, hash[:]); err != nil {
		return false, err
	}
	query, err := tx.PrepareContext(ctx, keysQuery)
	if err != nil {
		return false, err
	}
	defer query.Close()
	keys, err := db.logKeys(ctx, query, origin)
	if err != nil {
		return false, err
	}
	for _, known := range keys {
		if known.Equal(key) {
			return false, nil
		}
		if known.Name == key.Name && known.KeyID == key.KeyID {
			return false, fmt.Errorf("%q has another key with the name %q and the key id %08x: no signature line could tell them apart; make another log key", origin, key.Name, key.KeyID)
		}
	}
	if len(keys) >= maxKeys {
		return false, fmt.Errorf("%q has %d keys, the most one log can have", origin, len(keys))
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO log_keys (origin, vkey) VALUES (?, ?)`, origin, key.String()); err != nil {
		return false, err
	}
	return true, tx.Commit()
}
