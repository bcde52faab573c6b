package state

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/state/anchor"
)

// maxBatch bounds how many checkpoints one transaction takes, so that the
// first of them does not wait long for the last.
const maxBatch = 256

// moment is how long changes are gathered when they come many at once. It is
// what the two syncs take on a fast disk, whose share of the processor it
// halves; a lone client never waits for it.
const moment = 300 * time.Microsecond

var errClosed = errors.New("the database is closed")

// advance is one change that waits until it is durable.
type advance struct {
	log      witness.Log
	from, to witness.Latest
	note     []byte
	done     chan error
}

// A writer makes the changes, one transaction at a time, on a connection of its
// own. What arrives while the disk is busy with one goes together into the next,
// so that the cost of the syncs is shared by all who wait for them.
type writer struct {
	serving       *Serving
	dataSource    string
	conn          *sqlite3.Conn
	first, update *sqlite3.Stmt
	queue         chan advance
	quit, stopped chan struct{}
	stopOnce      sync.Once
	// gathered is the size of the last batch.
	gathered int
}

const (
	firstStatement = `INSERT INTO latest (size, root, time, note, origin) VALUES (?1, ?2, ?3, ?4, ?5)
		ON CONFLICT (origin) DO NOTHING`
	updateStatement = `UPDATE latest SET size = ?1, root = ?2, time = ?3, note = ?4
		WHERE origin = ?5 AND size = ?6 AND root = ?7 AND time = ?8`
)

func startWriter(s *Serving, dataSource string) (*writer, error) {
	w := &writer{serving: s, dataSource: dataSource, queue: make(chan advance), quit: make(chan struct{}), stopped: make(chan struct{})}
	if err := w.connect(); err != nil {
		return nil, err
	}
	go w.run()
	return w, nil
}

// connect makes the writer's connection, unless it has one.
func (w *writer) connect() (err error) {
	if w.conn != nil {
		return nil
	}
	if w.conn, err = connect(w.dataSource); err != nil {
		return err
	}
	for statement, sql := range map[**sqlite3.Stmt]string{&w.first: firstStatement, &w.update: updateStatement} {
		if *statement, _, err = w.conn.Prepare(sql); err != nil {
			return errors.Join(err, w.disconnect())
		}
	}
	return nil
}

func (w *writer) disconnect() error {
	if w.conn == nil {
		return nil
	}
	conn := w.conn
	w.conn = nil
	return errors.Join(w.first.Close(), w.update.Close(), conn.Close())
}

// Advance implements [witness.State].
func (s *Serving) Advance(ctx context.Context, log witness.Log, from, to witness.Latest, note []byte) error {
	change := advance{log: log, from: from, to: to, note: note, done: make(chan error, 1)}
	select {
	case s.writer.queue <- change:
		// Once taken it will be answered; leaving early would not undo it.
		return <-change.done
	case <-s.writer.quit:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close waits for the transaction under way and ends the writer.
func (w *writer) close() error {
	w.stopOnce.Do(func() { close(w.quit) })
	<-w.stopped
	return w.disconnect()
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

// gather takes what else is waiting already, and waits for nothing, unless
// several came together the last time: then it gives others a moment.
func (w *writer) gather(change advance) []advance {
	batch := []advance{change}
	if w.gathered > 1 {
		batch = w.gatherFor(batch, moment)
	}
	for more := true; more && len(batch) < maxBatch; {
		select {
		case change := <-w.queue:
			batch = append(batch, change)
		default:
			more = false
		}
	}
	w.gathered = len(batch)
	return batch
}

// gatherFor takes what comes within a duration.
func (w *writer) gatherFor(batch []advance, duration time.Duration) []advance {
	over := time.NewTimer(duration)
	defer over.Stop()
	for len(batch) < maxBatch {
		select {
		case change := <-w.queue:
			batch = append(batch, change)
		case <-over.C:
			return batch
		case <-w.quit:
			return batch
		}
	}
	return batch
}

// commit makes the changes, first in the database, then in the anchor, and
// answers each once that is durable. If either fails, nobody's answer leaves,
// though the database may hold the changes: then it is ahead of the anchor.
func (w *writer) commit(batch []advance) {
	began := time.Now()
	made, err := w.make(batch)
	took := time.Since(began)
	if w.serving.Halted() {
		err = witness.ErrHalted
	}
	durable := 0
	for i, change := range batch {
		switch {
		case err != nil:
			change.done <- err
		case made[i]:
			durable++
			change.done <- nil
		default:
			change.done <- witness.ErrConflict
		}
	}
	if durable > 0 && w.serving.committed != nil {
		w.serving.committed(durable, took)
	}
}

// make makes the changes. Until they are anchored no note is shown: see
// [Serving.Note].
func (w *writer) make(batch []advance) (made []bool, err error) {
	w.serving.shown.Lock()
	defer w.serving.shown.Unlock()
	if made, err = w.transaction(batch); err != nil {
		w.serving.doubtful()
		return nil, err
	}
	return made, w.anchor(batch, made)
}

// anchor takes what is in the database into memory and the anchor.
func (w *writer) anchor(batch []advance, made []bool) error {
	var records []anchor.Record
	for i, change := range batch {
		if made[i] {
			w.serving.advanced(change.log.Origin, change.to)
			records = append(records, anchor.Record{Origin: change.log.Origin, Latest: change.to})
		}
	}
	if len(records) == 0 {
		return nil
	}
	w.serving.unanchored = w.serving.anchor.Append(records)
	return w.serving.unanchored
}

// transaction makes the changes that can be made, of one log at most one, and
// says which. After an error the connection is made anew: it may be in the
// middle of something.
func (w *writer) transaction(batch []advance) (made []bool, err error) {
	if w.serving.Halted() {
		return nil, witness.ErrHalted
	}
	if err := w.connect(); err != nil {
		return nil, err
	}
	// The write lock comes first: an operator's change is before this
	// transaction, and seen, or after it. The changes belong to many requests,
	// so none of their contexts rules.
	err = w.conn.Exec("BEGIN IMMEDIATE")
	if err == nil {
		made, err = w.change(batch)
	}
	if err == nil {
		err = w.conn.Exec("COMMIT")
	}
	if err != nil {
		// Closing rolls back what is open.
		return nil, errors.Join(err, w.disconnect())
	}
	return made, nil
}

func (w *writer) change(batch []advance) (made []bool, err error) {
	unchanged, err := w.serving.unchanged(context.Background(), batch)
	if err != nil {
		return nil, err
	}
	made = make([]bool, len(batch))
	taken := make(map[string]bool, len(batch))
	for i, change := range batch {
		if !unchanged[i] || taken[change.log.Origin] {
			continue
		}
		if err := w.exec(change); err != nil {
			return nil, err
		}
		if w.conn.Changes() != 1 {
			// Memory and database disagree: nothing leaves until they do not.
			return nil, errors.New("the database is not as this process left it: another one has written to it")
		}
		taken[change.log.Origin], made[i] = true, true
	}
	return made, nil
}

// exec is the compare-and-swap: it changes one row, or none.
func (w *writer) exec(change advance) error {
	statement := w.update
	if change.from.IsZero() {
		statement = w.first
	}
	from, to := change.from, change.to
	err := errors.Join(
		statement.BindInt64(1, int64(to.Size)),
		statement.BindBlob(2, to.Root[:]),
		statement.BindInt64(3, int64(to.Time)),
		statement.BindBlob(4, change.note),
		statement.BindText(5, change.log.Origin),
	)
	if statement == w.update {
		err = errors.Join(err,
			statement.BindInt64(6, int64(from.Size)),
			statement.BindBlob(7, from.Root[:]),
			statement.BindInt64(8, int64(from.Time)),
		)
	}
	if err != nil {
		return err
	}
	return statement.Exec()
}
