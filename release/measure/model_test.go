package measure

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-log/muster/internal/atomicfile"
	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/release"
)

// newModel makes a directory called model of files by their paths.
func newModel(tb testing.TB, files map[string]string) string {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "model")
	for name, content := range files {
		writeIn(tb, dir, name, content)
	}
	return dir
}

func writeIn(tb testing.TB, dir, name, content string) {
	tb.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
}

func TestModelSigning(t *testing.T) {
	// By parts a/z comes before a.b, by bytes it would come after.
	dir := newModel(t, map[string]string{"a.b": "2", "a/z": "1", "a/b/c": "0", "empty": "", ".git/config": "x"})
	got, err := Model(context.Background(), ModelOptions{Dir: dir, Ignored: []string{".git/"}}, progress.None())
	if err != nil {
		t.Fatal(err)
	}
	want := []release.Resource{{Name: "a/b/c", Digest: sha([]byte("0"))}, {Name: "a/z", Digest: sha([]byte("1"))}, {Name: "a.b", Digest: sha([]byte("2"))}, {Name: "empty", Digest: sha(nil)}}
	if diff := cmp.Diff(want, got.OMS.Resources); diff != "" {
		t.Error(diff)
	}
	root := sha(slices.Concat(want[0].Digest[:], want[1].Digest[:], want[2].Digest[:], want[3].Digest[:]))
	if got.OMS.Root != root || got.OMS.Manifest != nil || got.Image != nil || got.Bytes != 3 {
		t.Errorf("got root %s, manifest %v, image %v, %d bytes", got.OMS.Root, got.OMS.Manifest, got.Image, got.Bytes)
	}
	statement := `{
  "_type": "https://in-toto.io/Statement/v1",
  "subject": [
    {
      "name": "model",
      "digest": {
        "sha256": "` + root.String() + `"
      }
    }
  ],
  "predicateType": "https://model_signing/signature/v1.0",
  "predicate": {
    "serialization": {
      "method": "files",
      "hash_type": "sha256",
      "allow_symlinks": false,
      "ignore_paths": [
        ".git"
      ]
    },
    "resources": [
      {
        "algorithm": "sha256",
        "digest": "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9",
        "name": "a/b/c"
      },
      {
        "algorithm": "sha256",
        "digest": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
        "name": "a/z"
      },
      {
        "algorithm": "sha256",
        "digest": "d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35",
        "name": "a.b"
      },
      {
        "algorithm": "sha256",
        "digest": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "name": "empty"
      }
    ]
  }
}`
	if diff := cmp.Diff(statement, string(got.Manifest)); diff != "" {
		t.Error(diff)
	}
}

func TestManyFiles(t *testing.T) {
	files := map[string]string{}
	for i := range maxListed + 1 {
		files[fmt.Sprintf("shard-%04d", i)] = fmt.Sprint(i)
	}
	got, err := Model(context.Background(), ModelOptions{Dir: newModel(t, files)}, progress.None())
	if err != nil {
		t.Fatal(err)
	}
	if got.OMS.Resources != nil || got.OMS.Manifest == nil || *got.OMS.Manifest != sha(got.List) {
		t.Errorf("%d resources, manifest %v, want none and the digest of the list", len(got.OMS.Resources), got.OMS.Manifest)
	}
	if len(got.Resources) != maxListed+1 || !bytes.Contains(got.List, []byte("shard-0512")) {
		t.Errorf("%d files, a list of %d bytes", len(got.Resources), len(got.List))
	}
}

func TestModelImage(t *testing.T) {
	files := map[string]string{"config.json": "{}", "weights/0": strings.Repeat("w", 1<<20+1), "weights/1": "", "z": "z"}
	out := t.TempDir()
	first, second := filepath.Join(out, "first.erofs"), filepath.Join(out, "second.erofs")
	dir := newModel(t, files)
	got, err := Model(context.Background(), ModelOptions{Dir: dir, Image: first, Salt: []byte{1}}, progress.None())
	if err != nil {
		t.Fatal(err)
	}
	alone, err := Verity(context.Background(), VerityOptions{Image: first, Offset: FindOffset}, progress.None())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(alone, got.Image); diff != "" {
		t.Error(diff)
	}

	// Modes, times and the directory's name make no difference.
	again := newModel(t, files)
	if err := os.Chmod(filepath.Join(again, "z"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Join(again, "config.json"), time.Unix(1, 0), time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := Model(context.Background(), ModelOptions{Dir: again, Image: second, Salt: []byte{1}}, progress.None()); err != nil {
		t.Fatal(err)
	}
	a, errA := os.ReadFile(first)
	b, errB := os.ReadFile(second)
	if errA != nil || errB != nil || !bytes.Equal(a, b) {
		t.Errorf("images of the same model differ: %v %v", errA, errB)
	}
	if left, err := os.ReadDir(out); err != nil || len(left) != 2 {
		t.Errorf("%d files are left beside the two images: %v", len(left)-2, err)
	}

	existing := VerityOptions{Image: first, Offset: FindOffset}
	if _, err := Model(context.Background(), ModelOptions{Dir: dir, Existing: existing}, progress.None()); err != nil {
		t.Errorf("the image of this very directory: %v", err)
	}
	for _, tt := range []struct {
		want   string
		change func()
	}{
		{"file z has SHA-256", func() { writeIn(t, dir, "z", "y") }},
		{"file zz is in the model and not in the image", func() { writeIn(t, dir, "z", "z"); writeIn(t, dir, "zz", "") }},
		{"file config.json is in the image and not in the model", func() {
			os.Remove(filepath.Join(dir, "zz"))
			os.Remove(filepath.Join(dir, "config.json"))
		}},
	} {
		tt.change()
		_, err := Model(context.Background(), ModelOptions{Dir: dir, Existing: existing}, progress.None())
		refused(t, err, CodeModelImage, tt.want)
	}
}

func TestRefusedModels(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(tb testing.TB, dir string)
		options ModelOptions
		code    Code
		want    string
		hint    string
	}{
		{name: "a link inside", prepare: link("a", "b"), code: CodeSymlink, want: "model/b: is a symbolic link to a", hint: "--follow-symlinks,"},
		{name: "a link outside", prepare: link("../outside", "b"), code: CodeSymlink, want: "outside of the model's directory", hint: "--follow-symlinks=anywhere"},
		{name: "a link outside where those inside are followed", prepare: link("../outside", "b"), options: ModelOptions{Symlinks: SymlinksInside}, code: CodeSymlink, want: "outside of the model's directory", hint: "--follow-symlinks=anywhere"},
		{name: "a link to a directory", prepare: link(".", "b"), options: ModelOptions{Symlinks: SymlinksAnywhere}, code: CodeSymlink, want: "is a symbolic link to the directory"},
		{name: "a link to itself", prepare: link("b", "b"), options: ModelOptions{Symlinks: SymlinksAnywhere}, code: CodeSymlink, want: "leads nowhere"},
		{name: "a link to nothing", prepare: link("none", "b"), options: ModelOptions{Symlinks: SymlinksAnywhere}, code: CodeSymlink, want: "leads nowhere"},
		{name: "a pipe", prepare: func(tb testing.TB, dir string) {
			if err := syscall.Mkfifo(filepath.Join(dir, "b"), 0o600); err != nil {
				tb.Fatal(err)
			}
		}, code: CodeNotRegular, want: "model/b: is a pipe", hint: "--ignore b"},
		{name: "a socket", prepare: func(tb testing.TB, dir string) {
			socket, err := net.Listen("unix", filepath.Join(dir, "b"))
			if err != nil {
				tb.Fatal(err)
			}
			tb.Cleanup(func() { socket.Close() })
		}, code: CodeNotRegular, want: "is a socket"},
		{name: "a name in UTF-8", prepare: func(tb testing.TB, dir string) { writeIn(tb, dir, "\u00fc", "") }, code: CodeName, want: `model/\u00fc": its name`},
		{name: "a name with a line feed", prepare: func(tb testing.TB, dir string) { writeIn(tb, dir, "a\nb", "") }, code: CodeName, want: `model/a\nb": its name`},
		{name: "nothing", prepare: func(tb testing.TB, dir string) { os.Remove(filepath.Join(dir, "a")) }, code: CodeNotDirectory, want: "holds no file"},
		{name: "a file", prepare: func(testing.TB, string) {}, options: ModelOptions{Dir: "a"}, code: CodeNotDirectory, want: "is a file, want a directory"},
		{name: "65 directories deep", prepare: func(tb testing.TB, dir string) { writeIn(tb, dir, strings.Repeat("d/", 65)+"f", "") }, code: CodeModelSize, want: "directories deep"},
		{name: "an image that is none", prepare: func(tb testing.TB, dir string) { writeIn(tb, filepath.Dir(dir), "image", strings.Repeat("x", 8192)) }, options: ModelOptions{Existing: VerityOptions{Image: "../image", Offset: FindOffset}}, code: CodeFileSystem, want: "no erofs"},
		{name: "an image name that no artifact can have", prepare: func(testing.TB, string) {}, options: ModelOptions{Image: "my model"}, code: CodeName, want: "cannot be an artifact's"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := newModel(t, map[string]string{"a": "a"})
			writeIn(t, filepath.Dir(dir), "outside", "o")
			tt.prepare(t, dir)
			tt.options.Dir = filepath.Join(dir, tt.options.Dir)
			if tt.options.Existing.Image != "" {
				tt.options.Existing.Image = filepath.Join(dir, tt.options.Existing.Image)
			}
			_, err := Model(context.Background(), tt.options, progress.None())
			refused(t, err, tt.code, tt.want)
			if e, ok := err.(*Error); ok && !strings.Contains(e.Hint, tt.hint) {
				t.Errorf("hint %q, want %q in it", e.Hint, tt.hint)
			}
		})
	}
}

func link(target, name string) func(testing.TB, string) {
	return func(tb testing.TB, dir string) {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			tb.Fatal(err)
		}
	}
}

func TestFollowedLinks(t *testing.T) {
	dir := newModel(t, map[string]string{"a": "a"})
	writeIn(t, filepath.Dir(dir), "blob", "o")
	link("a", "inside")(t, dir)
	got, err := Model(context.Background(), ModelOptions{Dir: dir, Symlinks: SymlinksInside}, progress.None())
	if err != nil || len(got.Resources) != 2 || got.Resources[1].Digest != sha([]byte("a")) {
		t.Fatalf("got %+v, %v", got, err)
	}
	if !bytes.Contains(got.Manifest, []byte(`"allow_symlinks": true`)) {
		t.Error("the statement does not say that links were followed")
	}
	// As in a cache whose snapshots are links to blobs.
	link("../blob", "outside")(t, dir)
	image := filepath.Join(t.TempDir(), "image")
	got, err = Model(context.Background(), ModelOptions{Dir: dir, Symlinks: SymlinksAnywhere, Image: image}, progress.None())
	if err != nil || len(got.Resources) != 3 || got.Resources[2].Digest != sha([]byte("o")) {
		t.Fatalf("got %+v, %v", got, err)
	}
}

// puts writes a file when the first piece of work begins.
type puts struct {
	progress.Reporter
	tb   testing.TB
	path string
}

func (p puts) Start(what string, total int64) {
	if err := os.WriteFile(p.path, []byte("another's"), 0o644); err != nil {
		p.tb.Error(err)
	}
	p.Reporter.Start(what, total)
}

// TestModelImageMadeMeanwhile: what gets the image's name while it is made stands,
// unless it may be replaced, and nothing is left beside it.
func TestModelImageMadeMeanwhile(t *testing.T) {
	dir, out := newModel(t, map[string]string{"weights": "w"}), t.TempDir()
	path := filepath.Join(out, "model.erofs")
	for _, replace := range []bool{false, true} {
		_, err := Model(context.Background(), ModelOptions{Dir: dir, Image: path, Replace: replace}, puts{progress.None(), t, path})
		held, readErr := os.ReadFile(path)
		exists, ok := errors.AsType[*atomicfile.ExistsError](err)
		if stands := string(held) == "another's"; readErr != nil || stands == replace || ok == replace || ok && exists.Path != path || !ok && err != nil {
			t.Errorf("replace %v: got %v, a file of %d bytes, %v", replace, err, len(held), readErr)
		}
		if left, err := os.ReadDir(out); err != nil || len(left) != 1 {
			t.Errorf("replace %v: %d files beside the image, %v", replace, len(left)-1, err)
		}
	}
}
