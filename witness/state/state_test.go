package state_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/state"
	"github.com/muster-log/muster/witness/witnesstest"
)

const origin = "log.example/a"

// options are those of a witness in a directory, with its anchor beside it.
func options(directory string) state.Options {
	return state.Options{Directory: directory, Anchor: directory + ".anchor", Witness: []tlog.VerifierKey{{Name: "witness.example/w1", KeyID: 1}, {Name: "witness.example/w1", KeyID: 2}}}
}

// serve opens a state to serve from.
func serve(t *testing.T, directory string) *state.Serving {
	t.Helper()
	db, err := state.Serve(t.Context(), options(directory))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// operate opens a database as the operator's tools do.
func operate(t *testing.T, directory string) *state.DB {
	t.Helper()
	db, err := state.Create(t.Context(), directory)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

type logs interface {
	AddLog(ctx context.Context, origin string, key tlog.VerifierKey) (bool, error)
}

func add(t *testing.T, db logs, origin string, key tlog.VerifierKey) {
	t.Helper()
	if added, err := db.AddLog(t.Context(), origin, key); err != nil || !added {
		t.Fatalf("add %s: %v, %v", origin, added, err)
	}
}

func newKey(t *testing.T, name string) tlog.VerifierKey {
	return witnesstest.NewKey(t, name, tlog.TypeEd25519).Verifier()
}

// at is a made-up latest checkpoint, and note its note.
func at(size uint64) witness.Latest {
	return witness.Latest{Size: size, Root: sha256.Sum256(fmt.Append(nil, size)), Time: 1800000000 + size}
}

func note(latest witness.Latest) []byte { return fmt.Appendf(nil, "note at %d", latest.Size) }

// advance advances a log as it is followed now.
func advance(t *testing.T, db *state.Serving, origin string, from, to witness.Latest) error {
	log, _, err := db.Log(t.Context(), origin)
	if err != nil {
		return err
	}
	return db.Advance(t.Context(), log, from, to, note(to))
}

func latest(t *testing.T, db *state.Serving, origin string) witness.Latest {
	t.Helper()
	_, latest, err := db.Log(t.Context(), origin)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := db.Note(t.Context(), sha256.Sum256([]byte(origin)))
	if want := note(latest); err != nil || latest.IsZero() != (kept == nil) || kept != nil && string(kept) != string(want) {
		t.Errorf("the note at size %d: got %q, %v", latest.Size, kept, err)
	}
	return latest
}

func TestAdvanceComparesAndSwaps(t *testing.T) {
	db := serve(t, t.TempDir())
	add(t, db, origin, newKey(t, origin))
	otherRoot, otherTime := at(5), at(5)
	otherRoot.Root[0] ^= 1
	otherTime.Time++
	for i, step := range []struct {
		from, to witness.Latest
		want     error
		stands   witness.Latest
	}{
		{witness.Latest{}, at(0), nil, at(0)},
		{witness.Latest{}, at(9), witness.ErrConflict, at(0)},
		{at(0), at(5), nil, at(5)},
		{at(0), at(9), witness.ErrConflict, at(5)},
		{otherRoot, at(9), witness.ErrConflict, at(5)},
		{otherTime, at(9), witness.ErrConflict, at(5)},
		{at(5), at(tlog.MaxSize), nil, at(tlog.MaxSize)},
	} {
		// A time stamp of that size would overflow; only the size is meant.
		step.to.Time, step.from.Time, step.stands.Time = step.to.Time%(1<<40), step.from.Time%(1<<40), step.stands.Time%(1<<40)
		if err := advance(t, db, origin, step.from, step.to); !errors.Is(err, step.want) {
			t.Fatalf("step %d: got %v, want %v", i, err, step.want)
		}
		if diff := cmp.Diff(step.stands, latest(t, db, origin)); diff != "" {
			t.Fatalf("step %d: %s", i, diff)
		}
	}
}

// TestW3RaceOnOneState goes past the witness's own lock, to the database.
func TestW3RaceOnOneState(t *testing.T) {
	db := serve(t, t.TempDir())
	add(t, db, origin, newKey(t, origin))
	results := make(chan error)
	const racers = 40
	for i := range uint64(racers) {
		go func() { results <- advance(t, db, origin, witness.Latest{}, at(i+1)) }()
	}
	won := 0
	for range racers {
		switch err := <-results; {
		case err == nil:
			won++
		case !errors.Is(err, witness.ErrConflict):
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d changes from the same state were made, want 1", won)
	}
}

// TestGroupCommitKeepsOthers: a conflict in a batch costs only its own.
func TestGroupCommitKeepsOthers(t *testing.T) {
	db := serve(t, t.TempDir())
	var group sync.WaitGroup
	for i := range 30 {
		name := fmt.Sprintf("log.example/%d", i)
		add(t, db, name, newKey(t, name))
		group.Go(func() {
			if err := advance(t, db, name, at(7), at(8)); !errors.Is(err, witness.ErrConflict) {
				t.Errorf("%s from a state it never had: %v", name, err)
			}
		})
		group.Go(func() {
			if err := advance(t, db, name, witness.Latest{}, at(1)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	group.Wait()
	for i := range 30 {
		if got := latest(t, db, fmt.Sprintf("log.example/%d", i)); got.Size != 1 {
			t.Errorf("log %d: size %d, want 1", i, got.Size)
		}
	}
}

func TestReopenedStateIsTheSame(t *testing.T) {
	directory := t.TempDir()
	db := serve(t, directory)
	key := newKey(t, origin)
	add(t, db, origin, key)
	if err := advance(t, db, origin, witness.Latest{}, at(5)); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := advance(t, db, origin, at(5), at(6)); err == nil {
		t.Error("a closed database took a change")
	}
	db = serve(t, directory)
	if diff := cmp.Diff(at(5), latest(t, db, origin)); diff != "" {
		t.Error(diff)
	}
	log, _, err := db.Log(t.Context(), origin)
	if err != nil || len(log.Keys) != 1 || !log.Keys[0].Equal(key) {
		t.Errorf("got %v, %v", log, err)
	}
}

func TestW7KeysOfOneOrigin(t *testing.T) {
	db := serve(t, t.TempDir())
	first, second := newKey(t, origin), newKey(t, origin)
	add(t, db, origin, first)
	if err := advance(t, db, origin, witness.Latest{}, at(5)); err != nil {
		t.Fatal(err)
	}
	add(t, db, origin, second)
	if added, err := db.AddLog(t.Context(), origin, first); added || err != nil {
		t.Errorf("the same key again: %v, %v", added, err)
	}
	if got := latest(t, db, origin); got.Size != 5 {
		t.Errorf("a new key moved the size to %d", got.Size)
	}
	// A key id is 32 bits, so another key with the same one can be made.
	collision := newKey(t, origin)
	collision.KeyID = first.KeyID
	if added, err := db.AddLog(t.Context(), origin, collision); added || err == nil {
		t.Errorf("a key with the id of another: %v, %v", added, err)
	}
	log, _, err := db.Log(t.Context(), origin)
	if err != nil || len(log.Keys) != 2 {
		t.Errorf("got %v, %v, want two keys", log.Keys, err)
	}
	for range 14 {
		add(t, db, origin, newKey(t, origin))
	}
	if _, err := db.AddLog(t.Context(), origin, newKey(t, origin)); err == nil {
		t.Error("a 17th key was added")
	}
}

func TestUnknownOrigin(t *testing.T) {
	db := serve(t, t.TempDir())
	add(t, db, origin, newKey(t, origin))
	for _, other := range []string{"", "log.example/A", origin + " ", origin + "\x00", "log.example/%"} {
		if _, _, err := db.Log(t.Context(), other); !errors.Is(err, witness.ErrUnknownOrigin) {
			t.Errorf("%q: got %v", other, err)
		}
		if _, err := db.Note(t.Context(), sha256.Sum256([]byte(other))); !errors.Is(err, witness.ErrUnknownOrigin) {
			t.Errorf("hash of %q: got %v", other, err)
		}
		if err := advance(t, db, other, witness.Latest{}, at(1)); err == nil {
			t.Errorf("%q: a checkpoint of a log that is not followed was kept", other)
		}
	}
	if _, err := db.AddLog(t.Context(), origin+" ", newKey(t, origin)); err == nil {
		t.Error("an origin with a trailing space was added")
	}
	if got := latest(t, db, origin); !got.IsZero() {
		t.Errorf("a log never cosigned has %v", got)
	}
}

func TestFollowedIsBounded(t *testing.T) {
	db := serve(t, t.TempDir())
	for _, name := range []string{"c", "a", "b"} {
		add(t, db, name, newKey(t, name))
	}
	if err := advance(t, db, "b", witness.Latest{}, at(4)); err != nil {
		t.Fatal(err)
	}
	followed, err := db.Followed(t.Context(), "", 2)
	if err != nil || len(followed) != 2 || followed[0].Origin != "a" || followed[1].Origin != "b" {
		t.Fatalf("got %v, %v, want a and b", followed, err)
	}
	if !followed[0].Latest.IsZero() || followed[1].Latest.Size != 4 || len(followed[1].Keys) != 1 {
		t.Errorf("got %v", followed)
	}
}

// TestDurabilitySettings reads back, from a connection of the test's own, what
// kill -9 and power loss need of the file.
func TestDurabilitySettings(t *testing.T) {
	directory := t.TempDir()
	db := serve(t, directory)
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"} {
		got, err := db.WriterPragma(pragma)
		if err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", pragma, got, err, want)
		}
	}
}

func TestOpenRefusesOtherFiles(t *testing.T) {
	if _, err := state.Open(t.Context(), t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no database: got %v", err)
	}
	for name, statement := range map[string]string{
		"newer schema":              "PRAGMA user_version = 3",
		"another program's id":      "PRAGMA application_id = 1",
		"another program's version": "PRAGMA application_id = 0",
	} {
		t.Run(name, func(t *testing.T) {
			directory := t.TempDir()
			operate(t, directory).Close()
			alter(t, directory, statement)
			if db, err := state.Open(t.Context(), directory); err == nil {
				db.Close()
				t.Error("opened")
			}
		})
	}
	t.Run("another program's tables", func(t *testing.T) {
		directory := t.TempDir()
		alter(t, directory, "CREATE TABLE t (x)")
		if db, err := state.Open(t.Context(), directory); err == nil {
			db.Close()
			t.Error("opened")
		}
	})
}

func alter(t *testing.T, directory, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(directory, "witness.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

func TestW14Locks(t *testing.T) {
	for name, take := range map[string]func(string) (io.Closer, error){
		"directory": state.LockDirectory,
		"anchor":    func(directory string) (io.Closer, error) { return state.LockAnchor(filepath.Join(directory, "anchor")) },
	} {
		t.Run(name, func(t *testing.T) {
			directory := t.TempDir()
			first, err := take(directory)
			if err != nil {
				t.Fatal(err)
			}
			if second, err := take(directory); err == nil {
				second.Close()
				t.Error("it was locked twice")
			}
			if err := first.Close(); err != nil {
				t.Fatal(err)
			}
			again, err := take(directory)
			if err != nil {
				t.Fatalf("after the first lock was given back: %v", err)
			}
			again.Close()
		})
	}
}

// TestLogsAreAddedWhileOthersGrow opens the database twice, as the serving
// process and the operator's command do.
func TestLogsAreAddedWhileOthersGrow(t *testing.T) {
	directory := t.TempDir()
	serving, operator := serve(t, directory), operate(t, directory)
	add(t, operator, origin, newKey(t, origin))
	done := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		from := witness.Latest{}
		for size := uint64(1); ; size++ {
			select {
			case <-done:
				return
			default:
			}
			if err := advance(t, serving, origin, from, at(size)); err != nil {
				t.Errorf("size %d: %v", size, err)
				return
			}
			from = at(size)
		}
	})
	for i := range 20 {
		name := fmt.Sprintf("log.example/%d", i)
		add(t, operator, name, newKey(t, name))
		if log, _, err := serving.Log(t.Context(), name); err != nil || len(log.Keys) != 1 {
			t.Errorf("%s is not known to the serving process at once: %v, %v", name, log, err)
		}
	}
	close(done)
	group.Wait()
}
