package faultdisk_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/state"
	"github.com/muster-log/muster/witness/state/faultdisk"
	"github.com/muster-log/muster/witness/witnesstest"
)

// life is one process of the witness.
type life struct {
	*site
	disk    *faultdisk.Disk
	witness *witness.Witness
	serving *state.Serving
}

// submit asks for a cosignature and keeps what comes back, together with what
// the witness shows to monitors at that moment.
func (l *life) submit(h *history, log *witnesstest.Log, from, to int) error {
	request := log.Request(from, to)
	answer, err := l.witness.AddCheckpoint(context.Background(), request.Marshal())
	if err == nil {
		l.keep(h, cosignedNote(request.Checkpoint, answer))
	}
	l.look(h)
	return err
}

// look is a monitor's.
func (l *life) look(h *history) {
	if note, err := l.witness.Checkpoint(context.Background(), sha256.Sum256([]byte(h.origin))); err == nil {
		l.keep(h, note)
	}
}

// keep takes what left: at that moment it is in the anchor, whatever happens to
// the disk next.
func (l *life) keep(h *history, note []byte) {
	if l.said != nil {
		l.said(note)
	}
	one, err := h.add(note, l.witness.Keys())
	if err != nil {
		l.tb.Error(err)
		return
	}
	if l.disk.Lied() {
		return
	}
	content := l.disk.Durable(anchorName)
	latest, err := h.anchored(content, l.witness.Keys())
	if err == nil {
		err = h.covers(latest, []cosigned{one})
	}
	if err != nil {
		l.tb.Errorf("left before the anchor was durable: %v; the anchor is %q", err, content)
	}
}

// grow makes the log one leaf longer, as its operator does: told of another
// size it goes on from there.
func (l *life) grow(h *history, log *witnesstest.Log) error {
	from, _ := h.largest()
	if from == h.leaves {
		return errors.New("the log is too short for this test")
	}
	err := l.submit(h, log, from, from+1)
	if refusal, ok := errors.AsType[*witness.Error](err); ok && refusal.Kind == witness.KindOldSize && refusal.Size < uint64(h.leaves) {
		from = int(refusal.Size)
		err = l.submit(h, log, from, from+1)
	}
	if err != nil && l.repeat(h, log, from) == nil {
		return nil
	}
	return err
}

// repeat asks again for what was not answered: within the second a witness
// answers with what it made for the first time, if it kept that.
func (l *life) repeat(h *history, log *witnesstest.Log, from int) error {
	err := l.submit(h, log, from, from+1)
	if err != nil {
		err = l.submit(h, log, from+1, from+1)
	}
	return err
}

// attack tries every log's other histories, each from where it begins. With
// fresh, what begins at the largest size that was cosigned is tried first: a
// witness that kept nothing larger may accept that. What is said to an attacker
// is kept like all that leaves.
func (l *life) attack(fresh bool) {
	for _, h := range l.histories {
		largest, any := h.largest()
		if !any || largest == h.leaves {
			continue
		}
		if fresh {
			l.submit(h, h.fork(largest), largest, largest+1)
		}
		for at := max(0, largest-8); at < largest; at++ {
			l.submit(h, h.fork(at), at, largest)
			l.submit(h, h.fork(at), at, largest+1)
		}
	}
}

// work is the workload: every log grows by one leaf in each round. Together
// means that all logs do so at once, and two submitters race for each.
func (l *life) work(rounds int, together bool) {
	for range rounds {
		var group sync.WaitGroup
		for _, h := range l.histories {
			if !together {
				l.grow(h, h.honest())
				continue
			}
			for range 2 {
				group.Go(func() { l.grow(h, h.honest()) })
			}
		}
		group.Wait()
	}
}

// operate is what an operator's commands do beside the serving process: they
// open the database, and SQLite may find that it is time for a checkpoint of
// its journal. It may fail, as all else on that disk.
func (l *life) operate(restart bool) {
	db, err := sql.Open("sqlite3", fmt.Sprintf("file:%s?vfs=%s&_pragma=busy_timeout(1000)", l.disk.Path("data/witness.db"), l.disk.VFS()))
	if err != nil {
		l.tb.Error(err)
		return
	}
	defer db.Close()
	mode := "PASSIVE"
	if restart {
		mode = "RESTART"
	}
	db.Exec("PRAGMA wal_checkpoint(" + mode + ")")
}
