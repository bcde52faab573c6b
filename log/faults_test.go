package log_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/log/logtest"
	"github.com/muster-log/muster/tlog"
)

var errDisk = errors.New("no space left on device")

// A write that fails is answered by what the storage then holds, and the log goes
// on from there.
func TestAppendThatFails(t *testing.T) {
	for _, c := range []struct {
		name string
		keep func(entries int) int
	}{
		{"and not kept", func(int) int { return 0 }},
		{"and kept", func(entries int) int { return entries }},
		{"and half kept", func(entries int) int { return entries / 2 }},
	} {
		t.Run("failed "+c.name, func(t *testing.T) {
			f := newFixture(t).open()
			f.published(0)
			f.storage.OnAppend(func(entries int) (int, error) { return c.keep(entries), errDisk })
			type answer struct {
				receipt log.Receipt
				err     error
			}
			var group sync.WaitGroup
			entries := make([][]byte, 40)
			answers := make([]answer, len(entries))
			for i := range entries {
				entries[i], _ = f.issuer.Image()
				group.Go(func() {
					receipt, err := f.Submit(t.Context(), entries[i])
					answers[i] = answer{receipt, err}
				})
			}
			group.Wait()
			kept := f.storage.Entries()
			accepted := 0
			for i, answer := range answers {
				switch {
				case answer.err == nil:
					accepted++
					if !bytes.Equal(kept[answer.receipt.Index], entries[i]) {
						t.Fatalf("entry %d was acknowledged and is not at index %d", i, answer.receipt.Index)
					}
				case !errors.Is(answer.err, log.ErrUnavailable):
					t.Errorf("got %v, want ErrUnavailable", answer.err)
				}
			}
			if accepted != len(kept)-1 {
				t.Errorf("%d acknowledged, %d kept", accepted, len(kept)-1)
			}
			f.storage.OnAppend(nil)
			for i := range entries {
				receipt := f.submit(entries[i])
				if !bytes.Equal(f.storage.Entries()[receipt.Index], entries[i]) {
					t.Fatalf("entry %d is not at index %d", i, receipt.Index)
				}
			}
			if size := len(f.storage.Entries()); size != len(entries)+1 {
				t.Errorf("%d entries are stored, want %d", size, len(entries)+1)
			}
			f.published(uint64(len(entries)))
			f.reopen().published(uint64(len(entries)))
		})
	}
}

// Between judging and storing nothing of a batch shows: no checkpoint covers it
// and no submission is answered by it, for it may be lost.
func TestNothingIsSignedOrAnsweredBeforeItIsDurable(t *testing.T) {
	f := newFixture(t)
	f.republish = 1 // as often as possible
	f.open()
	f.published(0)
	entry, digest := f.issuer.Image()
	reached, release := make(chan struct{}), make(chan struct{})
	free := sync.OnceFunc(func() { close(release) })
	t.Cleanup(free) // or a test that fails would hang
	f.storage.OnAppend(func(int) (int, error) {
		close(reached)
		<-release
		return 0, errDisk // lost
	})
	submitted := make(chan error, 1)
	go func() { _, err := f.Submit(context.Background(), entry); submitted <- err }()
	<-reached
	old, _ := f.Checkpoint()
	f.eventually("another publication", func() bool {
		anchor, _ := f.Checkpoint()
		return !bytes.Equal(anchor.Note, old.Note)
	})
	mark, err := f.storage.HighWater.Load()
	if err != nil {
		t.Fatal(err)
	}
	signed, err := tlog.ParseCheckpoint(mark)
	if err != nil || signed.Size != 1 {
		t.Errorf("signed size %d, %v; only 1 entry is durable", signed.Size, err)
	}
	if receipt, ok := f.Lookup(digest); ok {
		t.Errorf("answered %+v for an entry that is not durable", receipt)
	}
	if status := f.Status(); status.Size != 1 {
		t.Errorf("status says size %d", status.Size)
	}
	free()
	if err := <-submitted; !errors.Is(err, log.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	f.storage.OnAppend(nil)
	other, _ := f.issuer.Image()
	if receipt := f.submit(other); receipt.Index != 1 {
		t.Errorf("got index %d, want 1", receipt.Index)
	}
	f.published(1)
}

// The reading of the entries fails too, just after the write did.
func TestReplayThatFailsIsMadeGood(t *testing.T) {
	f := newFixture(t)
	broken := &brokenReads{Storage: f.storage}
	config := f.config()
	config.Appender = broken
	opened, err := log.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	f.Log = opened
	t.Cleanup(f.close)
	f.submit(f.issuer.Authority)
	lost, _ := f.issuer.Image()
	f.storage.OnAppend(func(int) (int, error) {
		broken.set(errDisk)
		return 0, errDisk
	})
	if _, err := f.Submit(t.Context(), lost); !errors.Is(err, log.ErrUnavailable) {
		t.Fatalf("got %v", err)
	}
	// Somebody else fills the very index meanwhile: the sizes alone agree.
	f.storage.OnAppend(nil)
	foreign, _ := f.issuer.Image()
	if _, err := f.storage.Append(t.Context(), func(uint64) ([][]byte, error) { return [][]byte{foreign}, nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Submit(t.Context(), lost); !errors.Is(err, log.ErrUnavailable) {
		t.Fatalf("while it cannot be read: got %v", err)
	}
	broken.set(nil)
	if receipt := f.submit(lost); receipt.Index != 2 || receipt.Duplicate {
		t.Errorf("got %+v, want index 2", receipt)
	}
	f.published(2)
}

// brokenReads is storage whose entry bundles cannot be read.
type brokenReads struct {
	*logtest.Storage
	mu  sync.Mutex
	err error
}

func (b *brokenReads) ReadEntries(ctx context.Context, index uint64, width int) ([]byte, error) {
	b.mu.Lock()
	err := b.err
	b.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return b.Storage.ReadEntries(ctx, index, width)
}

func (b *brokenReads) set(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
}

// An anchor or a mark that cannot be stored is not served, and is stored later.
func TestAnchorOrMarkThatFails(t *testing.T) {
	for _, keep := range []bool{true, false} {
		name := map[bool]string{true: "failed and kept", false: "failed and not kept"}[keep]
		t.Run("anchor "+name, func(t *testing.T) {
			f := newFixture(t).open()
			first := f.published(0)
			f.storage.OnPut(func(log.Anchor) (bool, error) { return keep, errDisk })
			entry, _ := f.issuer.Image()
			f.submit(entry)
			f.eventually("the problem in the status", func() bool { return f.Status().Problem != "" })
			if anchor, _ := f.Checkpoint(); !bytes.Equal(anchor.Note, first.Note) {
				t.Error("a checkpoint is served that is not stored")
			}
			f.storage.OnPut(nil)
			f.published(1)
			f.reopen().published(1)
		})
		t.Run("mark "+name, func(t *testing.T) {
			f := newFixture(t).open()
			f.published(0)
			f.storage.HighWater.OnStore(func([]byte) (bool, error) { return keep, errDisk })
			entry, _ := f.issuer.Image()
			f.submit(entry)
			f.eventually("the problem in the status", func() bool { return f.Status().Problem != "" })
			if anchor, _ := f.Checkpoint(); anchor.Checkpoint.Size != 1 {
				t.Error("a checkpoint is served whose mark was not stored")
			}
			f.storage.HighWater.OnStore(nil)
			f.published(1)
			f.reopen().published(1)
		})
	}
}
