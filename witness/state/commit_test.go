package state_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/state"
	"github.com/muster-log/muster/witness/state/anchor"
)

// onSlowDisk serves logs of these origins from a disk that holds each sync of
// the anchor until the channel is closed that comes out of syncs.
func onSlowDisk(t *testing.T, origins ...string) (db *state.Serving, syncs chan chan struct{}) {
	t.Helper()
	syncs = make(chan chan struct{})
	settings := options(t.TempDir())
	settings.Files = slowDisk{anchor.System, syncs}
	go func() { close(<-syncs) }() // the first one writes the anchor anew
	db, err := state.Serve(t.Context(), settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	for _, origin := range origins {
		add(t, db, origin, newKey(t, origin))
	}
	return db, syncs
}

// TestHaltMeanwhile: what was being made durable when the witness halted does
// not leave, either.
func TestHaltMeanwhile(t *testing.T) {
	db, syncs := onSlowDisk(t, origin)
	advanced := make(chan error, 1)
	go func() { advanced <- advance(t, db, origin, witness.Latest{}, at(5)) }()
	release := held(t, syncs)
	found := at(7)
	if err := db.Halt(t.Context(), witness.Unremembered{Origin: origin, Size: found.Size, Root: found.Root, Time: found.Time, Note: note(found)}); err != nil {
		t.Error(err)
	}
	close(release)
	if err := <-advanced; !errors.Is(err, witness.ErrHalted) {
		t.Errorf("got %v, want %v", err, witness.ErrHalted)
	}
}

// TestOneChangeOfALog: of several changes of one log that wait for one
// transaction the first is made, the others are conflicts, and other logs in it
// are none the worse.
func TestOneChangeOfALog(t *testing.T) {
	const first, contested, third = "log.example/1", "log.example/2", "log.example/3"
	db, syncs := onSlowDisk(t, first, contested, third)
	made := make(chan error, 1)
	go func() { made <- advance(t, db, first, witness.Latest{}, at(5)) }()
	release := held(t, syncs)
	// These wait together for the one that is held up.
	type result struct {
		origin string
		err    error
	}
	results := make(chan result)
	for _, origin := range []string{contested, contested, contested, third} {
		log, from, err := db.Log(t.Context(), origin)
		if err != nil {
			t.Fatal(err)
		}
		go func() { results <- result{origin, db.Advance(t.Context(), log, from, at(6), note(at(6)))} }()
	}
	go func() {
		for release := range syncs {
			close(release)
		}
	}()
	close(release)
	if err := <-made; err != nil {
		t.Error(err)
	}
	advanced := make(map[string]int)
	for range 4 {
		switch one := <-results; {
		case one.err == nil:
			advanced[one.origin]++
		case one.origin != contested || !errors.Is(one.err, witness.ErrConflict):
			t.Errorf("%s: %v", one.origin, one.err)
		}
	}
	if advanced[contested] != 1 || advanced[third] != 1 {
		t.Errorf("advanced: %v, want each once", advanced)
	}
}

// TestWrittenByAnother: where another program has changed what was cosigned, the
// change that finds out is not made, and what is judged next is judged by what
// the database holds.
func TestWrittenByAnother(t *testing.T) {
	directory := t.TempDir()
	db := serve(t, directory)
	add(t, db, origin, newKey(t, origin))
	if err := advance(t, db, origin, witness.Latest{}, at(5)); err != nil {
		t.Fatal(err)
	}
	other, err := sql.Open("sqlite3", "file:"+filepath.Join(directory, "witness.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	to := at(7)
	if _, err := other.Exec(`UPDATE latest SET size = ?, root = ?, time = ?, note = ?`, int64(to.Size), to.Root[:], int64(to.Time), note(to)); err != nil {
		t.Fatal(err)
	}
	if err := advance(t, db, origin, at(5), at(6)); err == nil || errors.Is(err, witness.ErrConflict) {
		t.Errorf("got %v, want an error that is no conflict", err)
	}
	if got := latest(t, db, origin); got != to {
		t.Errorf("afterwards it goes by %v, want %v", got, to)
	}
	if err := advance(t, db, origin, to, at(8)); err != nil {
		t.Error(err)
	}
}
