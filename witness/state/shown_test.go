package state_test

import (
	"crypto/sha256"
	"io/fs"
	"testing"
	"time"

	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/state/anchor"
)

// slowDisk holds each sync of an anchor until it is let go.
type slowDisk struct {
	anchor.FileSystem
	syncs chan chan struct{}
}

type slowHandle struct {
	anchor.Handle
	syncs chan chan struct{}
}

func (d slowDisk) OpenFile(path string, flags int, mode fs.FileMode) (anchor.Handle, error) {
	handle, err := d.FileSystem.OpenFile(path, flags, mode)
	return slowHandle{handle, d.syncs}, err
}

func (h slowHandle) Sync() error {
	release := make(chan struct{})
	h.syncs <- release
	<-release
	return h.Handle.Sync()
}

// held waits for a sync to begin, and returns what lets it go.
func held(t *testing.T, syncs chan chan struct{}) (release chan struct{}) {
	t.Helper()
	select {
	case release = <-syncs:
	case <-time.After(10 * time.Second):
		t.Fatal("the anchor is not synced")
	}
	return release
}

// TestNoteIsShownOnceAnchored: a note holds the cosignatures, so a monitor is
// shown it no earlier than the submitter is answered.
func TestNoteIsShownOnceAnchored(t *testing.T) {
	db, syncs := onSlowDisk(t, origin)
	advanced, shown := make(chan error, 1), make(chan []byte, 1)
	go func() { advanced <- advance(t, db, origin, witness.Latest{}, at(5)) }()
	release := held(t, syncs)
	go func() {
		kept, err := db.Note(t.Context(), sha256.Sum256([]byte(origin)))
		if err != nil {
			t.Error(err)
		}
		shown <- kept
	}()
	select {
	case kept := <-shown:
		close(release)
		t.Fatalf("shown before the anchor was synced: %q", kept)
	case err := <-advanced:
		close(release)
		t.Fatalf("answered before the anchor was synced: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	if err := <-advanced; err != nil {
		t.Fatal(err)
	}
	if kept := <-shown; string(kept) != string(note(at(5))) {
		t.Errorf("got %q", kept)
	}
}
