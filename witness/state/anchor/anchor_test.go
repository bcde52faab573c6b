package anchor

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
)

var keys = []tlog.VerifierKey{{Name: "witness.example/w1", KeyID: 0x3c93ca46}, {Name: "witness.example/w1", KeyID: 0x4dad3284}}

func record(origin string, size uint64) Record {
	return Record{origin, witness.Latest{Size: size, Root: tlog.LeafHash(fmt.Append(nil, size)), Time: 1_800_000_000 + size}}
}

func replace(t *testing.T, path string, records ...Record) *File {
	t.Helper()
	file, err := Replace(System, path, keys, records)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

func appendTo(t *testing.T, file *File, records ...Record) {
	t.Helper()
	if err := file.Append(records); err != nil {
		t.Fatal(err)
	}
}

// holds wants the sizes of origins in an anchor.
func holds(t *testing.T, path string, want ...Record) (torn bool) {
	t.Helper()
	got, torn, err := Read(System, path, keys)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]Record)
	for _, one := range want {
		all[one.Origin] = one
	}
	if diff := cmp.Diff(all, got); diff != "" {
		t.Error(diff)
	}
	return torn
}

func TestNewestOfEachOrigin(t *testing.T) {
	path := filepath.Join(t.TempDir(), "anchor")
	if _, _, err := Read(System, path, keys); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: got %v", err)
	}
	file := replace(t, path, record("log.example/b", 0), record("a log with spaces", 7))
	appendTo(t, file, record("log.example/c", 1))
	appendTo(t, file, record("log.example/b", 3), record("log.example/c", 2), record("log.example/d", tlog.MaxSize>>1))
	want := []Record{record("a log with spaces", 7), record("log.example/b", 3), record("log.example/c", 2), record("log.example/d", tlog.MaxSize>>1)}
	if holds(t, path, want...) {
		t.Error("it is said to be torn")
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
	}
	replace(t, path, want...)
	holds(t, path, want...)
}

func TestOthersAnchor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "anchor")
	replace(t, path, record("log.example/a", 1))
	for name, other := range map[string][]tlog.VerifierKey{
		"name": {{Name: "witness.example/w2", KeyID: keys[0].KeyID}, keys[1]},
		"key":  {{Name: keys[0].Name, KeyID: 1}, keys[1]},
		"one":  keys[:1],
	} {
		if _, _, err := Read(System, path, other); err == nil || !strings.Contains(err.Error(), "another witness") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if err := os.WriteFile(path, []byte("something else\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Read(System, path, keys); err == nil || !strings.Contains(err.Error(), "no anchor of a witness") {
		t.Errorf("another file: got %v", err)
	}
}

// TestNoRegularFile: a pipe in the anchor's place is refused, and not waited for.
func TestNoRegularFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "anchor")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Read(System, path, keys); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("got %v", err)
	}
}

// TestTornTail cuts the file, and clears its end, at every byte of the last
// write: all writes before it are read, and nothing that was not written.
func TestTornTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "anchor")
	file := replace(t, path, record("log.example/a", 1))
	appendTo(t, file, record("log.example/a", 2))
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	appendTo(t, file, record("log.example/b", 3), record("log.example/c", 4), record("log.example/d", 5))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := len(before); cut < len(whole); cut++ {
		for name, content := range map[string][]byte{
			"cut":     whole[:cut],
			"cleared": append(bytes.Clone(whole[:cut]), make([]byte, len(whole)-cut)...),
			// One page came to the disk, the one before it did not.
			"hole": append(append(bytes.Clone(before), make([]byte, cut-len(before))...), whole[cut:]...),
		} {
			records, torn, err := read(bytes.NewReader(content), identity(keys))
			if err != nil {
				t.Fatalf("%s at %d: %v", name, cut, err)
			}
			if records["log.example/a"] != record("log.example/a", 2) {
				t.Fatalf("%s at %d: a write that was answered for is gone", name, cut)
			}
			if !torn && !bytes.Equal(content, before) && !bytes.Equal(content, whole) && !bytes.HasPrefix(whole, content) {
				t.Errorf("%s at %d: not said to be torn", name, cut)
			}
			for origin, got := range records {
				if origin != "log.example/a" && got != record(origin, map[string]uint64{"log.example/b": 3, "log.example/c": 4, "log.example/d": 5}[origin]) {
					t.Fatalf("%s at %d: read %v, which was never written", name, cut, got)
				}
			}
		}
	}
}

// TestDamage changes every byte of a write that others follow.
func TestDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "anchor")
	file := replace(t, path, record("log.example/a", 1))
	appendTo(t, file, record("log.example/a", 2))
	appendTo(t, file, record("log.example/a", 3))
	appendTo(t, file, record("log.example/a", 4))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	end := len(whole) - len(lines[len(lines)-2]) - len(lines[len(lines)-3])
	for i := range end {
		for _, bit := range []byte{1, 0x80} {
			damaged := bytes.Clone(whole)
			damaged[i] ^= bit
			if _, _, err := read(bytes.NewReader(damaged), identity(keys)); err == nil {
				t.Errorf("byte %d: not noticed", i)
			} else if _, ok := errors.AsType[*DamageError](err); !ok {
				t.Errorf("byte %d: got %v, want a DamageError", i, err)
			}
		}
	}
	without := bytes.Join([][]byte{lines[0], lines[1], lines[2], lines[4], lines[5]}, nil)
	if _, _, err := read(bytes.NewReader(without), identity(keys)); err == nil {
		t.Error("a line left out of the middle is not noticed")
	}
}

func TestWrittenAnewWhenGrown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "anchor")
	file := replace(t, path)
	var most int64
	for size := range uint64(60_000) {
		if size%100 != 0 {
			file.records["log.example/a"] = record("log.example/a", size)
			continue
		}
		batch := make([]Record, 0, 200)
		for i := range 200 {
			batch = append(batch, record(fmt.Sprintf("log.example/%d", i), size))
		}
		appendTo(t, file, batch...)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		most = max(most, info.Size())
	}
	records, _, err := Read(System, path, keys)
	if err != nil || len(records) != 201 || records["log.example/7"].Size != 59_900 {
		t.Errorf("got %d records, %v", len(records), err)
	}
	if limit := int64(slack + 5*200*200); most > limit {
		t.Errorf("the file grew to %d bytes, want at most %d", most, limit)
	}
}

// failing is a file system whose steps fail when failed says so.
type failing struct {
	FileSystem
	failed func(step string) bool
}

type failingHandle struct {
	Handle
	files failing
}

var errDisk = errors.New("the disk fails")

func (f failing) OpenFile(path string, flags int, mode fs.FileMode) (Handle, error) {
	if flags != os.O_RDONLY && f.failed("open") {
		return nil, errDisk
	}
	handle, err := f.FileSystem.OpenFile(path, flags, mode)
	return failingHandle{handle, f}, err
}

func (f failing) Rename(from, to string) error {
	if f.failed("rename") {
		return errDisk
	}
	return f.FileSystem.Rename(from, to)
}

func (f failing) SyncDir(path string) error {
	if f.failed("sync directory") {
		return errDisk
	}
	return f.FileSystem.SyncDir(path)
}

func (h failingHandle) Write(data []byte) (int, error) {
	if h.files.failed("write") {
		n, _ := h.Handle.Write(data[:len(data)/2])
		return n, errDisk
	}
	return h.Handle.Write(data)
}

func (h failingHandle) Sync() error {
	if h.files.failed("sync") {
		return errDisk
	}
	return h.Handle.Sync()
}

// TestFailures has each step of a write fail once: what was appended before
// stands, the error is told, and the next write brings what failed, too.
func TestFailures(t *testing.T) {
	for _, fault := range []string{"write", "sync", "open", "rename", "sync directory"} {
		t.Run(fault, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "anchor")
			bad := false
			file, err := Replace(failing{System, func(step string) bool { return bad && step == fault }}, path, keys, []Record{record("log.example/a", 1)})
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			appendTo(t, file, record("log.example/a", 2))
			if fault != "write" && fault != "sync" {
				file.drop() // as after another failure, so that the file is made anew
			}
			bad = true
			for range 2 {
				if err := file.Append([]Record{record("log.example/b", 3)}); !errors.Is(err, errDisk) {
					t.Fatalf("got %v, want %v", err, errDisk)
				}
			}
			if records, _, err := Read(System, path, keys); err != nil || records["log.example/a"] != record("log.example/a", 2) {
				t.Errorf("what was answered for: %v, %v", records, err)
			}
			bad = false
			appendTo(t, file, record("log.example/c", 4))
			holds(t, path, record("log.example/a", 2), record("log.example/b", 3), record("log.example/c", 4))
		})
	}
}

// FuzzRead: whatever the file holds, what is read from it is written as it was
// read, and read again.
func FuzzRead(f *testing.F) {
	path := filepath.Join(f.TempDir(), "anchor")
	file, err := Replace(System, path, keys, []Record{record("log.example/a", 1), record("b c", 2)})
	if err != nil {
		f.Fatal(err)
	}
	if err := file.Append([]Record{record("log.example/a", 9), record("d", 10)}); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-5])
	f.Add([]byte(version + "\n" + identity(keys) + "\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		records, _, err := read(bytes.NewReader(content), identity(keys))
		if err != nil {
			return
		}
		links := start(identity(keys))
		again := []byte(version + "\n" + identity(keys) + "\n")
		for _, one := range records {
			again = links.appendLine(again, one, true)
		}
		got, torn, err := read(bytes.NewReader(again), identity(keys))
		if diff := cmp.Diff(records, got); diff != "" || torn || err != nil {
			t.Errorf("%v, %v: %s", torn, err, diff)
		}
	})
}
