package state

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/state/anchor"
)

// Accepted is what an operator says of one log: up to this size, and no further,
// it was cosigned.
type Accepted struct {
	Origin string
	Size   uint64
	// Checkpoint is one of that size that the log has signed. It may be nil if
	// the root is known: see [Doubt].
	Checkpoint *tlog.SignedCheckpoint
}

// An AcceptError says what an operator may not accept.
type AcceptError struct {
	Origin string
	// Least is the size below which the witness would cosign a second history.
	Least uint64
	Err   error
}

func (e *AcceptError) Error() string { return fmt.Sprintf("%+q: %v", e.Origin, e.Err) }

func (e *AcceptError) Unwrap() error { return e.Err }

// Accept takes an operator's word for logs in doubt. Where all are in doubt,
// all must be named: remaining are those that are missing, and nothing was
// changed. A log that is followed, not in doubt, and was never cosigned as far as
// is known begins at a checkpoint: so one is followed again that was cosigned
// before the witness lost all memory of it. The caller holds the locks,
// as for [Serve].
//
// The database is written before the anchor, and what halted the witness is
// forgotten with it in one transaction: a crash leaves the doubt, or none.
func Accept(ctx context.Context, options Options, accepted []Accepted) (remaining *DoubtError, err error) {
	doubts, err := Doubts(ctx, options)
	if err != nil || len(accepted) == 0 {
		return doubts, err
	}
	if doubts == nil {
		doubts = new(DoubtError)
	}
	db, err := create(ctx, options)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	open := make(map[string]Doubt, len(doubts.Doubts))
	for _, doubt := range doubts.Doubts {
		open[doubt.Origin] = doubt
	}
	decided := make(map[string]witness.Latest, len(accepted))
	for _, one := range accepted {
		if _, twice := decided[one.Origin]; twice {
			return nil, &AcceptError{Origin: one.Origin, Err: errors.New("it was named twice")}
		}
		doubt, inDoubt := open[one.Origin]
		if !inDoubt {
			if doubt, err = db.undoubted(ctx, one); err != nil {
				return nil, err
			}
		}
		delete(open, one.Origin)
		latest, err := db.decide(ctx, doubt, one)
		if err != nil {
			return nil, err
		}
		if doubts.All || one.Checkpoint != nil {
			// What was cosigned and is not known here was cosigned before now:
			// should it be shown to the witness, it does not halt again.
			latest.Time = max(latest.Time, uint64(time.Now().Unix()))
		}
		decided[one.Origin] = latest
	}
	if len(open) > 0 {
		missing := &DoubtError{Cause: doubts.Cause, All: doubts.All}
		for _, doubt := range doubts.Doubts {
			if _, ok := open[doubt.Origin]; ok {
				missing.Doubts = append(missing.Doubts, doubt)
			}
		}
		if doubts.All || len(decided) == 0 {
			return missing, nil
		}
		remaining = missing
	}
	if err := db.accept(ctx, decided); err != nil {
		return nil, err
	}
	if remaining != nil {
		// The anchor says already what was accepted, or less.
		return remaining, nil
	}
	return nil, reanchor(ctx, options)
}

// undoubted is a log that is followed and not in doubt.
func (db *DB) undoubted(ctx context.Context, accepted Accepted) (Doubt, error) {
	refuse := func(text string) (Doubt, error) {
		return Doubt{}, &AcceptError{Origin: accepted.Origin, Err: errors.New(text)}
	}
	if accepted.Checkpoint == nil {
		return refuse("it is not in doubt; only a log that was never cosigned, as far as is known, begins where you say, and that takes a checkpoint")
	}
	var cosigned bool
	err := db.pool.QueryRowContext(ctx, `SELECT size IS NOT NULL FROM logs LEFT JOIN latest USING (origin) WHERE logs.origin = ?`, accepted.Origin).Scan(&cosigned)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return refuse("it is not followed: add it with muster-witness log add first")
	case err != nil:
		return Doubt{}, err
	case cosigned:
		return refuse("it is not in doubt: where it has grown, it shows that to the witness itself, with a consistency proof")
	}
	return Doubt{Origin: accepted.Origin}, nil
}

// decide is what is remembered of a log from here on.
func (db *DB) decide(ctx context.Context, doubt Doubt, accepted Accepted) (witness.Latest, error) {
	least, two := doubt.Least()
	refuse := func(format string, arguments ...any) (witness.Latest, error) {
		return witness.Latest{}, &AcceptError{doubt.Origin, least.Size, fmt.Errorf(format, arguments...)}
	}
	if accepted.Size < least.Size {
		return refuse("size %d cannot be accepted: this witness has cosigned size %d, and would cosign a second history from below it", accepted.Size, least.Size)
	}
	if accepted.Checkpoint == nil {
		switch {
		case accepted.Size > least.Size:
			return refuse("nothing here says what the root at size %d is; the largest known is %d: give a checkpoint of that size, signed by the log", accepted.Size, least.Size)
		case two:
			return refuse("this witness has cosigned two roots at size %d: give the log's checkpoint that is to count", accepted.Size)
		case least.IsZero():
			// It was never cosigned: any later cosignature is one too many.
			return witness.Latest{Root: tlog.EmptyRoot}, nil
		}
		return least, nil
	}
	checkpoint := accepted.Checkpoint
	if checkpoint.Origin != doubt.Origin || checkpoint.Size != accepted.Size {
		return refuse("the checkpoint is of %+q at size %d, want size %d", checkpoint.Origin, checkpoint.Size, accepted.Size)
	}
	keys, err := db.keys(ctx, doubt.Origin, doubt.Origin)
	if err != nil {
		return witness.Latest{}, err
	}
	if len(keys[doubt.Origin]) == 0 {
		return refuse("there is no key to check its checkpoint with: add the log with muster-witness log add first")
	}
	if err := checkpoint.VerifySignature(keys[doubt.Origin]...); err != nil {
		return refuse("the checkpoint: %w", err)
	}
	if checkpoint.Size == 0 && checkpoint.Root != tlog.EmptyRoot {
		return refuse("a tree of size 0 has the root SHA-256(\"\")")
	}
	if !least.IsZero() && accepted.Size == least.Size && !two && checkpoint.Root != least.Root {
		return refuse("the checkpoint's root at size %d is not the one that was cosigned", accepted.Size)
	}
	return witness.Latest{Size: checkpoint.Size, Root: checkpoint.Root, Time: least.Time}, nil
}

// accept writes what was decided, and forgets what halted the witness.
func (db *DB) accept(ctx context.Context, decided map[string]witness.Latest) error {
	return db.change(ctx, func(tx *sql.Tx) error {
		for origin, latest := range decided {
			hash := sha256.Sum256([]byte(origin))
			// A log that is not in the database any more is kept without a key,
			// disabled: should it be added again, it goes on from here.
			if _, err := tx.ExecContext(ctx, `INSERT INTO logs (origin, origin_hash, enabled) VALUES (?, ?, 0) ON CONFLICT DO NOTHING`, origin, hash[:]); err != nil {
				return err
			}
			// The note stays only if it is of this very checkpoint. It may have
			// been cosigned again since.
			if _, err := tx.ExecContext(ctx, `INSERT INTO latest (origin, size, root, time) VALUES (?1, ?2, ?3, ?4)
				ON CONFLICT (origin) DO UPDATE SET note = CASE WHEN size = ?2 AND root = ?3 THEN note END,
				size = ?2, root = ?3, time = ?4`, origin, int64(latest.Size), latest.Root[:], int64(latest.Time)); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `DELETE FROM unremembered WHERE origin = ?`, origin); err != nil {
				return err
			}
		}
		return nil
	})
}

// reanchor writes the anchor anew from the database.
func reanchor(ctx context.Context, options Options) error {
	kept, _, err := remembered(ctx, options)
	if err != nil {
		return err
	}
	var records []anchor.Record
	for origin, latest := range kept {
		if !latest.IsZero() {
			records = append(records, anchor.Record{Origin: origin, Latest: latest})
		}
	}
	file, err := anchor.Replace(options.files(), options.Anchor, options.Witness, records)
	if err != nil {
		return err
	}
	return file.Close()
}
