package download

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"

	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/release"
)

// TestNames: names of which two files would be one, or lead out of the directory,
// are refused before anything is asked or made.
func TestNames(t *testing.T) {
	set := func(directory string, names ...string) Set {
		s := Set{Directory: directory}
		for _, name := range names {
			s.Artifacts = append(s.Artifacts, release.Artifact{Name: name, Size: 1, URLs: []string{"https://127.0.0.1:1/"}})
		}
		return s
	}
	for name, sets := range map[string][]Set{
		"a directory twice":                    {set("a", "x"), set("a", "y")},
		"a directory above":                    {set("..", "x")},
		"the directory itself":                 {set(".", "x")},
		"no directory":                         {set("", "x")},
		"two directories":                      {set("a/b", "x")},
		"a file above":                         {set("a", "../x")},
		"a file above, later":                  {set("a", "b/../../x")},
		"an absolute file":                     {set("a", "/etc/passwd")},
		"no name":                              {set("a", "")},
		"a dot":                                {set("a", ".")},
		"a slash at the end":                   {set("a", "x/")},
		"a backslash":                          {set("a", `..\x`)},
		"NUL":                                  {set("a", "x\x00")},
		"a name twice":                         {set("a", "x", "x")},
		"the part of another":                  {set("a", "x", "x.part")},
		"what is remembered of another":        {set("a", "x.part.from", "x")},
		"a file and a directory":               {set("a", "x", "x/y")},
		"a directory and a part":               {set("a", "x.part/y", "x")},
		"a part's directory, the other order":  {set("a", "x", "x.part/y/z")},
		"remembered as a directory of another": {set("a", "x.part.from/y", "x")},
	} {
		directory := t.TempDir()
		_, err := fetcher(t, Options{}).Fetch(t.Context(), directory, sets, progress.None())
		refusedWith(t, err, CodeNames, "")
		if files, err := os.ReadDir(directory); err != nil || len(files) > 0 {
			t.Errorf("%s: made %v, %v", name, files, err)
		}
	}
	if err := checkNames([]Set{set("os-a-1", "x", "x.img", "d/x", "d/x.y", "d/e/x", ".part", "~"), set("os-a-2", "x")}); err != nil {
		t.Error(err)
	}
}

// TestSpace: artifacts that do not fit are refused before anything is asked; what
// is there already needs no room.
func TestSpace(t *testing.T) {
	data, directory := content(1000), t.TempDir()
	h := newHost(t, serve(data, `"1"`))
	a := artifact(data, h.URL)
	room := func(n uint64) *Fetcher {
		return fetcher(t, Options{Space: func(string) (uint64, bool) { return n, true }})
	}
	_, err := fetchOne(t, room(999), directory, a)
	refusedWith(t, err, CodeSpace, "has room for 999 bytes, the artifacts need 1000 more")
	if h.count() != 0 || len(left(t, directory)) != 0 {
		t.Errorf("%d requests, left is %v", h.count(), left(t, directory))
	}
	if err := os.Mkdir(filepath.Join(directory, imageDirectory), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(directory, imageDirectory, "model.img.part"), data[:600], 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := fetchOne(t, room(400), directory, a); err != nil || got.Err != nil {
		t.Fatalf("got %+v, %v", got, err)
	}
	if got, err := fetchOne(t, room(0), directory, a); err != nil || !got.There {
		t.Errorf("got %+v, %v", got, err)
	}
	// Sizes whose sum is beyond 2^64 do not wrap.
	huge := release.Artifact{Name: "huge", Size: 1<<64 - 1}
	other := huge
	other.Name = "other"
	_, err = room(1<<63).Fetch(t.Context(), directory, []Set{{"os-a-1", []release.Artifact{huge, other}}}, progress.None())
	refusedWith(t, err, CodeSpace, "need 18446744073709551615 more")
	if _, known := freeSpace(directory); !known {
		t.Error("the room of a directory is not known")
	}
}

// TestPlaces: nothing is written through a symbolic link or over another file.
func TestPlaces(t *testing.T) {
	data := content(1000)
	h := newHost(t, serve(data, `"1"`))
	tests := []struct {
		name    string
		prepare func(t *testing.T, directory, outside string) error
		code    Code
		says    string
	}{
		{"the image's directory is a link", func(t *testing.T, directory, outside string) error {
			return os.Symlink(outside, filepath.Join(directory, imageDirectory))
		}, CodeNotRegular, "is no directory"},
		{"a link to a directory inside", func(t *testing.T, directory, outside string) error {
			if err := os.Mkdir(filepath.Join(directory, "inside"), 0o755); err != nil {
				return err
			}
			return os.Symlink("inside", filepath.Join(directory, imageDirectory))
		}, CodeNotRegular, "is no directory"},
		{"the image's directory is a file", func(t *testing.T, directory, outside string) error {
			return os.WriteFile(filepath.Join(directory, imageDirectory), nil, 0o644)
		}, CodeNotRegular, "is no directory"},
		{"the file is a link", func(t *testing.T, directory, outside string) error {
			return linked(directory, "model.img", filepath.Join(outside, "there"))
		}, CodeNotRegular, "no regular file"},
		{"the part is a link", func(t *testing.T, directory, outside string) error {
			return linked(directory, "model.img.part", filepath.Join(outside, "there"))
		}, CodeNotRegular, "no regular file"},
		{"the part is a link to nothing", func(t *testing.T, directory, outside string) error {
			return linked(directory, "model.img.part", filepath.Join(outside, "new"))
		}, CodeNotRegular, "no regular file"},
		{"the part is a directory", func(t *testing.T, directory, outside string) error {
			return os.MkdirAll(filepath.Join(directory, imageDirectory, "model.img.part"), 0o755)
		}, CodeNotRegular, "no regular file"},
		{"another file of this size", func(t *testing.T, directory, outside string) error {
			return written(directory, "model.img", content(1001)[1:])
		}, CodeExists, "is there and has SHA-256"},
		{"another file", func(t *testing.T, directory, outside string) error {
			return written(directory, "model.img", []byte("notes"))
		}, CodeExists, "is there and has 5 bytes, the artifact 1000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			directory, outside := t.TempDir(), t.TempDir()
			if err := os.WriteFile(filepath.Join(outside, "there"), []byte("mine"), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := tt.prepare(t, directory, outside); err != nil {
				t.Fatal(err)
			}
			before := left(t, directory)
			got, err := fetchOne(t, fetcher(t, Options{}), directory, artifact(data, h.URL))
			if err != nil {
				t.Fatal(err)
			}
			refusedWith(t, got.Err, tt.code, tt.says)
			if after := left(t, directory); len(after) != len(before) {
				t.Errorf("left is %v, before %v", after, before)
			}
			if there, err := os.ReadFile(filepath.Join(outside, "there")); err != nil || string(there) != "mine" {
				t.Errorf("the file outside is %q, %v", there, err)
			}
			if files, err := os.ReadDir(outside); err != nil || len(files) != 1 {
				t.Errorf("outside are %v, %v", files, err)
			}
		})
	}
	if h.count() != 0 {
		t.Errorf("%d requests were made", h.count())
	}
}

func written(directory, name string, data []byte) error {
	if err := os.MkdirAll(filepath.Join(directory, imageDirectory), 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(directory, imageDirectory, name), data, 0o644)
}

func linked(directory, name, to string) error {
	if err := os.MkdirAll(filepath.Join(directory, imageDirectory), 0o755); err != nil {
		return err
	}
	return os.Symlink(to, filepath.Join(directory, imageDirectory, name))
}

// TestBusy: two processes do not write to one part.
func TestBusy(t *testing.T) {
	data, directory := content(1000), t.TempDir()
	h := newHost(t, serve(data, `"1"`))
	if err := written(directory, "model.img.part", data[:10]); err != nil {
		t.Fatal(err)
	}
	held, err := os.OpenFile(filepath.Join(directory, imageDirectory, "model.img.part"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if mine, err := lock(held); !mine || err != nil {
		t.Fatalf("got %t, %v", mine, err)
	}
	got, err := fetchOne(t, fetcher(t, Options{}), directory, artifact(data, h.URL))
	if err != nil {
		t.Fatal(err)
	}
	refusedWith(t, got.Err, CodeBusy, "another process")
	if sizes := left(t, directory); sizes[imageDirectory+"/model.img.part"] != 10 {
		t.Errorf("left is %v", sizes)
	}
}

// TestNestedNames: an artifact's name may have directories.
func TestNestedNames(t *testing.T) {
	data, directory := content(1000), t.TempDir()
	h := newHost(t, serve(data, `"1"`))
	a := release.Artifact{Name: "weights/0/a.bin", Digest: sha256.Sum256(data), Size: 1000, URLs: []string{h.URL}}
	if got, err := fetchOne(t, fetcher(t, Options{}), directory, a); err != nil || got.Err != nil {
		t.Fatalf("got %+v, %v", got, err)
	}
	if sizes := left(t, directory); len(sizes) != 1 || sizes[imageDirectory+"/weights/0/a.bin"] != 1000 {
		t.Errorf("left is %v", sizes)
	}
}

// TestEmptyArtifact: a file of no bytes is made without asking for it.
func TestEmptyArtifact(t *testing.T) {
	directory := t.TempDir()
	if got, err := fetchOne(t, fetcher(t, Options{}), directory, artifact(nil)); err != nil || got.Err != nil {
		t.Fatalf("got %+v, %v", got, err)
	}
	whole(t, directory, nil)
	wrong := artifact(nil, "https://127.0.0.1:1/")
	wrong.Digest = sha256.Sum256([]byte("x"))
	got, err := fetchOne(t, fetcher(t, Options{}), t.TempDir(), wrong)
	if err != nil {
		t.Fatal(err)
	}
	refusedWith(t, got.Err, CodeNotFetched, "connection refused")
}

func FuzzContentRange(f *testing.F) {
	for _, text := range []string{"bytes 0-1/2", "bytes 5-9/*", "bytes */10", "bytes 1-/2", "items 0-1/2", "bytes 00-1/2", "bytes 9007199254740992-1/2"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		first, last, whole, ok := contentRange(text)
		if ok && (first < 0 || last < 0 || whole < -1) {
			t.Errorf("%q: got %d to %d of %d", text, first, last, whole)
		}
	})
}
