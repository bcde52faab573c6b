package measure

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/release"
)

// during calls a function once, when the first bytes are read.
type during struct {
	progress.Reporter
	change func()
}

func newDuring(change func()) *during { return &during{progress.None(), sync.OnceFunc(change)} }

// Add is called by several goroutines.
func (d *during) Add(int64) { d.change() }

// TestChanged: a file that changes while it is read is not measured.
func TestChanged(t *testing.T) {
	later := time.Now().Add(time.Hour)
	changes := map[string]func(path string) error{
		"had 3 bytes, then 4": func(path string) error {
			file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer file.Close()
			_, err = file.WriteString("d")
			return err
		},
		"was modified": func(path string) error { return os.Chtimes(path, later, later) },
		"was replaced": func(path string) error {
			if err := os.WriteFile(path+".new", []byte("abc"), 0o600); err != nil {
				return err
			}
			return os.Rename(path+".new", path)
		},
		"was removed": os.Remove,
	}
	for want, change := range changes {
		t.Run(want, func(t *testing.T) {
			path := writeFile(t, "file", []byte("abc"))
			_, err := File(context.Background(), path, MediaTypeFile, newDuring(func() {
				if err := change(path); err != nil {
					t.Error(err)
				}
			}))
			refused(t, err, CodeChanged, want)
		})
	}
}

// TestModelChanged: what comes and goes while a model is read is noticed, too.
func TestModelChanged(t *testing.T) {
	for want, change := range map[string]func(dir string) error{
		"model/new: appeared": func(dir string) error { return os.WriteFile(filepath.Join(dir, "new"), nil, 0o600) },
		"model/a: was modified": func(dir string) error {
			return os.Chtimes(filepath.Join(dir, "a"), time.Unix(1, 0), time.Unix(1, 0))
		},
		"model/a: was replaced by another file": func(dir string) error {
			if err := os.WriteFile(filepath.Join(dir, "..", "a"), []byte("a"), 0o600); err != nil {
				return err
			}
			return os.Rename(filepath.Join(dir, "..", "a"), filepath.Join(dir, "a"))
		},
	} {
		t.Run(want, func(t *testing.T) {
			dir := newModel(t, map[string]string{"a": "a"})
			out := filepath.Join(t.TempDir(), "image")
			_, err := Model(context.Background(), ModelOptions{Dir: dir, Image: out}, newDuring(func() {
				if err := change(dir); err != nil {
					t.Error(err)
				}
			}))
			refused(t, err, CodeChanged, want)
			if left, err := os.ReadDir(filepath.Dir(out)); err != nil || len(left) != 0 {
				t.Errorf("half an image is left: %v %v", left, err)
			}
		})
	}
}

// TestVerityChanged: an image, or the file of its hash tree, that changes while it
// is measured is not measured.
func TestVerityChanged(t *testing.T) {
	data := newErofs(t, 1<<20)
	for _, name := range []string{"image", "hash"} {
		t.Run(name, func(t *testing.T) {
			image, hash := writeFile(t, "image", data), filepath.Join(t.TempDir(), "hash")
			if _, err := FormatVerity(context.Background(), FormatOptions{Image: image, Hash: hash}, progress.None()); err != nil {
				t.Fatal(err)
			}
			path := map[string]string{"image": image, "hash": hash}[name]
			_, err := Verity(context.Background(), VerityOptions{Image: image, Hash: hash, Offset: FindOffset}, newDuring(func() {
				if err := os.Chtimes(path, time.Unix(1, 0), time.Unix(1, 0)); err != nil {
					t.Error(err)
				}
			}))
			refused(t, err, CodeChanged, name+": was modified")
		})
	}
}

func TestFile(t *testing.T) {
	content := make([]byte, 3*bufferSize+1)
	content[2*bufferSize] = 1
	got, err := File(context.Background(), writeFile(t, "w.bin", content), "application/x", progress.None())
	if want := (release.Artifact{Name: "w.bin", Digest: sha(content), Size: uint64(len(content)), MediaType: "application/x"}); err != nil || got.Digest != want.Digest || got.Size != want.Size || got.Name != want.Name || got.MediaType != want.MediaType {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	_, err = File(context.Background(), t.TempDir(), "", progress.None())
	refused(t, err, CodeNotRegular, "is a directory, want a regular file")
	_, err = File(context.Background(), writeFile(t, "a b", nil), "", progress.None())
	refused(t, err, CodeName, "cannot be an artifact's")
	if _, err = File(context.Background(), filepath.Join(t.TempDir(), "none"), "", progress.None()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want that there is no such file", err)
	}
}

// TestCancelled: long work ends soon after its context does.
func TestCancelled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sparse")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 1<<40); err != nil {
		t.Fatal(err)
	}
	for name, work := range map[string]func(context.Context, progress.Reporter) error{
		"file": func(ctx context.Context, r progress.Reporter) error {
			_, err := File(ctx, path, "", r)
			return err
		},
		"model": func(ctx context.Context, r progress.Reporter) error {
			_, err := Model(ctx, ModelOptions{Dir: filepath.Dir(path)}, r)
			return err
		},
		"tree": func(ctx context.Context, r progress.Reporter) error {
			layout, err := newVerityLayout(4096, 4096, 1<<28, nil)
			if err != nil {
				return err
			}
			file, err := open(path)
			if err != nil {
				return err
			}
			defer file.Close()
			_, err = layout.compute(ctx, file, func(int, int64, []byte) error { return nil }, r)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
			defer cancel()
			start := time.Now()
			if err := work(ctx, progress.None()); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want that the deadline is exceeded", err)
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("ended after %s", took)
			}
		})
	}
}
