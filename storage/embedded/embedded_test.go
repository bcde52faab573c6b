package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/tlog"
)

func open(t *testing.T, dir string, key *tlog.SigningKey) *Storage {
	t.Helper()
	s, err := Open(context.Background(), dir, key, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newKey(t *testing.T) *tlog.SigningKey {
	t.Helper()
	key, err := tlog.GenerateSigningKey("log.example/test", tlog.TypeEd25519)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestAppendedEntriesOutliveTheProcess(t *testing.T) {
	ctx, dir, key := t.Context(), t.TempDir(), newKey(t)
	var want [][]byte
	for round := range 3 {
		s := open(t, dir, key)
		first, err := s.Appender.Append(ctx, func(size uint64) ([][]byte, error) {
			if size != uint64(len(want)) {
				t.Errorf("round %d: admit got size %d, want %d", round, size, len(want))
			}
			var batch [][]byte
			for i := range 200 {
				batch = append(batch, fmt.Appendf(nil, "entry %d of round %d", i, round))
			}
			want = append(want, batch...)
			return batch, nil
		})
		if err != nil || first != uint64(200*round) {
			t.Fatalf("round %d: first %d, %v", round, first, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}

	s := open(t, dir, key)
	defer s.Close()
	frontier, err := tlog.NewFrontier(ctx, 0, s.Appender)
	if err != nil {
		t.Fatal(err)
	}
	for index, entry := range want {
		bundle, place := uint64(index/tlog.TileWidth), index%tlog.TileWidth
		// Every width is asked for, also those that no file was written for.
		data, err := s.Appender.ReadEntries(ctx, bundle, place+1)
		if err != nil {
			t.Fatal(err)
		}
		entries, err := tlog.ParseBundle(data, place+1)
		if err != nil || !bytes.Equal(entries[place], entry) {
			t.Fatalf("entry %d: got %q, %v, want %q", index, entries, err, entry)
		}
		frontier.Append(tlog.LeafHash(entry))
	}
	root, err := tlog.NewProver(600, s.Appender).Root(ctx)
	if err != nil || root != frontier.Root() {
		t.Fatalf("root of the tiles %x, %v; of the entries %x", root, err, frontier.Root())
	}
}

func TestL9SecondProcessOnOneDirectoryIsRefused(t *testing.T) {
	dir, key := t.TempDir(), newKey(t)
	s := open(t, dir, key)
	defer s.Close()
	if second, err := Open(t.Context(), dir, key, slog.New(slog.DiscardHandler)); err == nil {
		second.Close()
		t.Fatal("a second process opened the directory")
	}
}

// The gate never gives Tessera a signature over what no anchor covers, nor over
// another tree than the stored one.
func TestGateSignsOnlyThePublishedTree(t *testing.T) {
	ctx, key := t.Context(), newKey(t)
	s := open(t, t.TempDir(), key)
	defer s.Close()
	if _, err := s.Appender.Append(ctx, func(uint64) ([][]byte, error) { return [][]byte{[]byte("a"), []byte("b")}, nil }); err != nil {
		t.Fatal(err)
	}
	closed, end := context.WithCancel(ctx)
	end()
	unpublished := newGate(closed, key, s.Appender)
	root, err := tlog.NewProver(2, s.Appender).Root(ctx)
	if err != nil {
		t.Fatal(err)
	}
	good := tlog.Checkpoint{Origin: "log.example/test", Size: 2, Root: root}
	if _, err := unpublished.Sign([]byte(good.Text())); err == nil {
		t.Error("signed a size that no anchor covers")
	}
	gate := newGate(ctx, key, s.Appender)
	gate.published(2)
	if _, err := gate.Sign([]byte(good.Text())); err != nil {
		t.Errorf("refused the published tree: %v", err)
	}
	forked := good
	forked.Root[0] ^= 1
	if _, err := gate.Sign([]byte(forked.Text())); err == nil {
		t.Error("signed another root")
	}
}

func TestAnchorsKeepTheFirstAndTheLastOfASizeAndServeTheNewest(t *testing.T) {
	ctx, key := t.Context(), newKey(t)
	a, err := openAnchors(ctx, filepath.Join(t.TempDir(), "anchors.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	if _, err := a.Newest(ctx); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("newest of none: %v", err)
	}
	anchor := func(size uint64, root byte) log.Anchor {
		checkpoint := tlog.Checkpoint{Origin: "log.example/test", Size: size, Root: tlog.Hash{root}}
		signature, err := key.SignNote(checkpoint.Text())
		if err != nil {
			t.Fatal(err)
		}
		note := tlog.Note{Text: checkpoint.Text(), Signatures: []tlog.NoteSignature{signature}}
		return log.Anchor{Checkpoint: checkpoint, Note: note.Marshal()}
	}
	early, late, larger, smaller := anchor(3, 1), anchor(3, 2), anchor(7, 3), anchor(3, 4)
	put := func(anchor log.Anchor) {
		t.Helper()
		if err := a.Put(ctx, anchor); err != nil {
			t.Fatal(err)
		}
	}
	check := func(name string, got log.Anchor, err error, want log.Anchor) {
		t.Helper()
		if err != nil || !bytes.Equal(got.Note, want.Note) {
			t.Errorf("%s: got %q, %v, want %q", name, got.Note, err, want.Note)
		}
	}
	newest := func(name string, want log.Anchor) { t.Helper(); got, err := a.Newest(ctx); check(name, got, err, want) }
	at := func(name string, size uint64, want log.Anchor) {
		t.Helper()
		got, err := a.At(ctx, size)
		check(name, got, err, want)
	}
	lastAt := func(name string, size uint64, want log.Anchor) {
		t.Helper()
		got, err := a.LastAt(ctx, size)
		check(name, got, err, want)
	}
	covering := func(name string, index uint64, want log.Anchor) {
		t.Helper()
		got, err := a.Covering(ctx, index)
		check(name, got, err, want)
	}
	put(early)
	lastAt("last at 3 after one of size 3", 3, early)
	put(late) // the same size, cosigned anew
	at("at 3 after two of size 3", 3, early)
	covering("covering 2 after two of size 3", 2, early)
	newest("newest of two of size 3", late)
	lastAt("last at 3 after two of size 3", 3, late)
	put(larger)
	lastAt("last at 3 after one of size 7", 3, late)
	put(smaller) // of a server that lags behind
	at("at 3", 3, early)
	covering("covering 2", 2, early)
	covering("covering 3", 3, larger)
	newest("newest", larger)
	lastAt("last at 3 after a late one", 3, smaller)
	lastAt("last at 7", 7, larger)
	for _, size := range []uint64{0, 4, 8} {
		if _, err := a.LastAt(ctx, size); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("last at %d: %v", size, err)
		}
	}
	if _, err := a.Covering(ctx, 7); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("covering 7: %v", err)
	}
}

func TestHighWaterIsNothingBeforeTheFirstStore(t *testing.T) {
	h := HighWater{Path: filepath.Join(t.TempDir(), "high-water")}
	if note, err := h.Load(); note != nil || err != nil {
		t.Fatalf("got %q, %v", note, err)
	}
	for _, note := range []string{"one\n", "two\n"} {
		if err := h.Store([]byte(note)); err != nil {
			t.Fatal(err)
		}
		if got, err := h.Load(); err != nil || string(got) != note {
			t.Fatalf("got %q, %v, want %q", got, err, note)
		}
	}
}

// Whatever number of entries is appended, Tessera gets them as one batch.
func TestBatchesOfEverySize(t *testing.T) {
	ctx := t.Context()
	s := open(t, t.TempDir(), newKey(t))
	defer s.Close()
	next := uint64(0)
	for _, count := range []int{1, 2, 255, 256, 3, 0, 256, 257, 1000} {
		batch := make([][]byte, count)
		for i := range batch {
			batch[i] = fmt.Appendf(nil, "entry %d", next+uint64(i))
		}
		first, err := s.Appender.Append(ctx, func(uint64) ([][]byte, error) { return batch, nil })
		if err != nil || first != next {
			t.Fatalf("%d entries: at %d, %v, want %d", count, first, err, next)
		}
		next += uint64(count)
		if size, err := s.Appender.Size(ctx); err != nil || size != next {
			t.Fatalf("size %d, %v, want %d", size, err, next)
		}
	}
	for _, entry := range [][]byte{nil, bytes.Repeat([]byte("x"), tlog.MaxEntry+1)} {
		if _, err := s.Appender.Append(ctx, func(uint64) ([][]byte, error) { return [][]byte{[]byte("good"), entry}, nil }); err == nil {
			t.Errorf("an entry of %d bytes was appended", len(entry))
		}
	}
	if size, _ := s.Appender.Size(ctx); size != next {
		t.Errorf("size %d, want %d", size, next)
	}
}

func TestRelativeDirectoryAndBrokenIndex(t *testing.T) {
	t.Chdir(t.TempDir())
	s := open(t, "data", newKey(t))
	if size, err := s.Index.Size(t.Context()); err != nil || size != 0 {
		t.Fatalf("index: size %d, %v", size, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("data/index.db", bytes.Repeat([]byte("not a database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, "data", newKey(t))
	defer s.Close()
	if size, err := s.Index.Size(t.Context()); err != nil || size != 0 {
		t.Fatalf("index after it was broken: size %d, %v", size, err)
	}
}

func TestHighWaterInsideTheDataIsRefused(t *testing.T) {
	dir := t.TempDir()
	logger := slog.New(slog.DiscardHandler)
	for _, path := range []string{filepath.Join(dir, "data", "mark"), filepath.Join(dir, "data", "a", "..", "mark")} {
		if s, err := Open(t.Context(), filepath.Join(dir, "data"), newKey(t), logger, WithHighWater(path)); err == nil {
			s.Close()
			t.Errorf("%s was taken", path)
		}
	}
	s, err := Open(t.Context(), filepath.Join(dir, "data"), newKey(t), logger, WithHighWater(filepath.Join(dir, "data.mark")))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.HighWater.Store([]byte("mark\n")); err != nil {
		t.Fatal(err)
	}
}

// A copy of the data directory has a lock of its own, and shares the key and the
// high-water mark: two processes would sign two histories.
func TestCopyOfTheDirectoryIsRefusedWhileTheLogRuns(t *testing.T) {
	dir, key, logger := t.TempDir(), newKey(t), slog.New(slog.DiscardHandler)
	mark := WithHighWater(filepath.Join(dir, "high-water"))
	s, err := Open(t.Context(), filepath.Join(dir, "data"), key, logger, mark)
	if err != nil {
		t.Fatal(err)
	}
	if copied, err := Open(t.Context(), filepath.Join(dir, "copy"), key, logger, mark); err == nil {
		copied.Close()
		t.Error("opened with the mark of a running log")
	} else if !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("got %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(t.Context(), filepath.Join(dir, "copy"), key, logger, mark)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}
