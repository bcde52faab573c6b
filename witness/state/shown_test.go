package state_test

import (
	"crypto/sha256"
	"io/fs"
	"testing"
	"time"

	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/state"
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

// TestNoteIsShownOnceAnchored: a note holds the cosignatures, so a monitor is
// shown it no earlier than the submitter is answered.
func TestNoteIsShownOnceAnchored(t *testing.T) {
	directory := t.TempDir()
	disk := slowDisk{anchor.System, make(chan chan struct{})}
	settings := options(directory)
	settings.Files = disk
	go func() { close(<-disk.syncs) }() // the first one writes the anchor anew
	db, err := state.Serve(t.Context(), settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	add(t, db, origin, newKey(t, origin))

	advanced, shown := make(chan error, 1), make(chan []byte, 1)
	go func() { advanced <- advance(t, db, origin, witness.Latest{}, at(5)) }()
	release := <-disk.syncs
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
