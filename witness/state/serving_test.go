package state_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/fork"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/state"
	"github.com/muster-log/muster/witness/witnesstest"
)

// outside opens a database as another program does.
func outside(t *testing.T, directory string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(directory, "witness.db")+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// TestRestoredWhileServing: a database that is restored under the process that
// serves from it is not believed, nor is it after the next start.
func TestRestoredWhileServing(t *testing.T) {
	const older = `UPDATE latest SET (size, root, time, note) = (SELECT size, root, time, note FROM older)`
	for name, restore := range map[string][]string{
		"of the same revision":    {older},
		"of another revision":     {older, `UPDATE revision SET value = value - 1`},
		"from before it cosigned": {`DELETE FROM latest`},
		"of another root":         {`UPDATE latest SET root = zeroblob(32)`, `UPDATE revision SET value = value + 1`},
		"without the log":         {`DELETE FROM latest`, `DELETE FROM log_keys`, `DELETE FROM logs`, `UPDATE revision SET value = value + 1`},
	} {
		t.Run(name, func(t *testing.T) {
			directory := filepath.Join(t.TempDir(), "data")
			db := serve(t, directory)
			add(t, db, origin, newKey(t, origin))
			if err := advance(t, db, origin, witness.Latest{}, at(5)); err != nil {
				t.Fatal(err)
			}
			other := outside(t, directory)
			if _, err := other.Exec(`CREATE TABLE older AS SELECT * FROM latest`); err != nil {
				t.Fatal(err)
			}
			if err := advance(t, db, origin, at(5), at(9)); err != nil {
				t.Fatal(err)
			}
			for _, statement := range restore {
				if _, err := other.Exec(statement); err != nil {
					t.Fatal(err)
				}
			}
			for range 3 {
				// The first may still be judged by what is in memory.
				log, known, err := db.Log(t.Context(), origin)
				if err != nil {
					continue
				}
				if known != at(9) {
					t.Fatalf("it goes on from size %d", known.Size)
				}
				if err := db.Advance(t.Context(), log, known, at(12), nil); err == nil {
					t.Fatal("it went on")
				}
			}
			if _, _, err := db.Log(t.Context(), origin); err == nil || errors.Is(err, witness.ErrUnknownOrigin) {
				t.Errorf("got %v, want an error of the database's", err)
			}
			db.Close()
			if _, err := state.Serve(t.Context(), options(directory)); err == nil {
				t.Error("it serves again")
			} else if _, ok := errors.AsType[*state.DoubtError](err); !ok {
				t.Errorf("got %v, want a doubt", err)
			}
		})
	}
}

// TestLookUpsDoNotWaitForChanges: the writer holds the write lock while it looks
// up what has changed, so no change that waits for the lock may be in the way.
func TestLookUpsDoNotWaitForChanges(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "data")
	db := serve(t, directory)
	const logs = 4
	var evidence []*fork.Evidence
	for i := range logs {
		log := witnesstest.NewLog(t, fmt.Sprint("log.example/", i), 5)
		add(t, db, log.Origin, log.Key.Verifier())
		one, err := fork.NewSameSize(log.Checkpoint(5), log.Fork(4).Checkpoint(5))
		if err != nil {
			t.Fatal(err)
		}
		evidence = append(evidence, one)
	}
	lock, err := outside(t, directory).Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Rollback()
	kept := make(chan error, logs)
	for _, one := range evidence {
		go func() {
			_, err := db.KeepEvidence(t.Context(), one)
			kept <- err
		}()
	}
	for until := time.Now().Add(200 * time.Millisecond); time.Now().Before(until); {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		_, err := db.Followed(ctx, "", logs)
		cancel()
		if err != nil {
			t.Fatalf("a look-up waits for changes that wait for the lock: %v", err)
		}
	}
	if err := lock.Rollback(); err != nil {
		t.Fatal(err)
	}
	for range logs {
		if err := <-kept; err != nil {
			t.Error(err)
		}
	}
}

// TestFindingsAreBounded: a log that was cosigned often since a backup cannot fill
// the disk, and what its least size follows from stays.
func TestFindingsAreBounded(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "data")
	db := serve(t, directory)
	root := func(size uint64, which string) tlog.Hash { return sha256.Sum256(fmt.Append(nil, size, which)) }
	halt := func(size uint64, which string, time uint64) {
		t.Helper()
		found := witness.Unremembered{Origin: origin, Size: size, Root: root(size, which), Time: time, Note: []byte("note")}
		if err := db.Halt(t.Context(), found); err != nil {
			t.Fatal(err)
		}
	}
	const most, latest = 60, 5000
	halt(3, "a", latest)
	halt(most, "b", 7)
	for size := range uint64(most + 1) {
		halt(size, "a", 1000)
	}
	for time := range uint64(most) {
		halt(most, "a", 1000+time)
	}
	db.Close()
	doubts, err := state.Doubts(t.Context(), options(directory))
	if err != nil || doubts == nil || len(doubts.Doubts) != 1 {
		t.Fatalf("got %v, %v, want one log in doubt", doubts, err)
	}
	doubt := doubts.Doubts[0]
	if kept := 1 + len(doubt.Further); kept != 17 {
		t.Errorf("%d findings are kept, want the 16 largest and the latest", kept)
	}
	if least, two := doubt.Least(); least.Size != most || least.Time != latest || !two {
		t.Errorf("got size %d, time %d, two roots %v", least.Size, least.Time, two)
	}
}
