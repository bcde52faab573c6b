package state

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"github.com/muster-log/muster/witness"
)

// maxBatch bounds how many checkpoints one transaction takes, so that the
// first of them does not wait long for the last.
const maxBatch = 256

var errClosed = errors.New("the database is closed")

// advance is one change that waits for its commit.
type advance struct {
	origin   string
	from, to witness.Latest
	done     chan error
}

// A writer makes the changes, one transaction at a time. What arrives while
// the disk is busy with one goes together into the next, so that the cost of a
// sync is shared by all who wait for it.
type writer struct {
	db            *sql.DB
	first, update *sql.Stmt
	queue         chan advance
	quit, stopped chan struct{}
	stopOnce      sync.Once
}

const (
	firstStatement = `INSERT INTO latest (origin, size, root, time, note) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (origin) DO NOTHING`
	updateStatement = `UPDATE latest SET size = ?, root = ?, time = ?, note = ?
		WHERE origin = ? AND size = ? AND root = ? AND time = ?`
)

func startWriter(ctx context.Context, db *sql.DB) (*writer, error) {
	w := &writer{db: db, queue: make(chan advance), quit: make(chan struct{}), stopped: make(chan struct{})}
	var err error
	if w.first, err = db.PrepareContext(ctx, firstStatement); err != nil {
		return nil, err
	}
	if w.update, err = db.PrepareContext(ctx, updateStatement); err != nil {
		return nil, err
	}
	go w.run()
	return w, nil
}

// Advance implements [witness.State].
func (db *DB) Advance(ctx context.Context, origin string, from, to witness.Latest) error {
	change := advance{origin: origin, from: from, to: to, done: make(chan error, 1)}
	select {
	case db.writer.queue <- change:
		// Once taken it will be answered; leaving early would not undo it.
		return <-change.done
	case <-db.writer.quit:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stop waits for the transaction under way and ends the writer.
func (w *writer) stop() {
	w.stopOnce.Do(func() { close(w.quit) })
	<-w.stopped
}

func (w *writer) run() {
	defer close(w.stopped)
	for {
		select {
		case change := <-w.queue:
			w.commit(w.gather(change))
		case <-w.quit:
			return
		}
	}
}

// gather takes what else is waiting already, and waits for nothing.
func (w *writer) gather(change advance) []advance {
	batch := []advance{change}
	for len(batch) < maxBatch {
		select {
		case change := <-w.queue:
			batch = append(batch, change)
		default:
			return batch
		}
	}
	return batch
}

// commit makes the changes in one transaction and answers each once that is
// durable. If it does not become durable, none of them is made for anybody.
func (w *writer) commit(batch []advance) {
	results, err := w.transaction(batch)
	for i, change := range batch {
		if err != nil {
			change.done <- err
		} else {
			change.done <- results[i]
		}
	}
}

func (w *writer) transaction(batch []advance) ([]error, error) {
	// The changes belong to many requests, so none of their contexts rules.
	ctx := context.Background()
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	results := make([]error, len(batch))
	for i, change := range batch {
		result, err := w.exec(ctx, tx, change)
		if err != nil {
			return nil, err
		}
		changed, err := result.RowsAffected()
		if err != nil {
			return nil, err
		}
		if changed != 1 {
			results[i] = witness.ErrConflict
		}
	}
	return results, tx.Commit()
}

// exec is the compare-and-swap: it changes one row, or none on a conflict.
func (w *writer) exec(ctx context.Context, tx *sql.Tx, change advance) (sql.Result, error) {
	from, to := change.from, change.to
	if from.Note == nil {
		return tx.StmtContext(ctx, w.first).ExecContext(ctx,
			change.origin, int64(to.Size), to.Root[:], int64(to.Time), to.Note)
	}
	return tx.StmtContext(ctx, w.update).ExecContext(ctx,
		int64(to.Size), to.Root[:], int64(to.Time), to.Note,
		change.origin, int64(from.Size), from.Root[:], int64(from.Time))
}
