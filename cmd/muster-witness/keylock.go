package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/muster-log/muster/internal/namelock"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/state"
)

// locks are held together.
type locks []io.Closer

// Close gives all of them up.
func (l locks) Close() error {
	var err error
	for _, lock := range l {
		err = errors.Join(err, lock.Close())
	}
	return err
}

// lockKeys takes the keys for this process: their file, and each key itself by
// its name on this machine, so that a copy of the file, or another file with one
// of the keys, is refused, too. What is beyond that, package namelock says.
func lockKeys(path string, keys witness.Keys, logger *slog.Logger) (locks, error) {
	file, err := state.LockKey(path)
	if err != nil {
		return nil, err
	}
	held := locks{file}
	for _, key := range keys.Verifiers() {
		hash := sha256.Sum256(key.Public)
		name, err := namelock.Take("muster-witness/" + hex.EncodeToString(hash[:]))
		switch {
		case errors.Is(err, errors.ErrUnsupported):
			logger.Warn("this system cannot tell whether a copy of the key file is in use", "error", err)
		case errors.Is(err, namelock.ErrHeld):
			return nil, errors.Join(fmt.Errorf("the key %s+%08x of %s is in use by another witness process on this machine, from another file: stop that one first", key.Name, key.KeyID, path), held.Close())
		case err != nil:
			return nil, errors.Join(err, held.Close())
		default:
			held = append(held, name)
		}
	}
	return held, nil
}
