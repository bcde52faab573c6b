package download

import (
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/muster-log/muster/internal/progress"
)

// TestDurable: an artifact is durable before it has its name, and the name before the
// artifact counts as fetched. A disk that fails is an error; of a part that may not be
// on it the artifact's file is not made.
func TestDurable(t *testing.T) {
	data := content(1000)
	a := artifact(data, "https://127.0.0.1:1/")
	errDisk := errors.New("input/output error")
	part, place := []string{"model.img.part"}, []string{"model.img"}
	for refuse, want := range map[string]struct{ steps, left []string }{
		"":          {[]string{"part", "directory"}, place},
		"part":      {[]string{"part"}, part},
		"directory": {[]string{"part", "directory"}, place},
	} {
		root, err := os.OpenRoot(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		made, err := begin(t.Context(), root, "image/"+a.Name, a, progress.None())
		if err != nil {
			t.Fatal(err)
		}
		if err := made.write(data); err != nil {
			t.Fatal(err)
		}
		var steps []string
		made.sync = func(file *os.File) error {
			info, err := file.Stat()
			if err != nil {
				t.Fatal(err)
			}
			step := "directory"
			if !info.IsDir() {
				step = "part"
				if info.Size() != int64(len(data)) {
					t.Errorf("%d bytes are made durable, want %d", info.Size(), len(data))
				}
				if _, err := made.dir.Lstat(a.Name); err == nil {
					t.Error("the file had its name before it was durable")
				}
			}
			if steps = append(steps, step); step == refuse {
				return errDisk
			}
			return nil
		}
		var failed error
		if refuse != "" {
			failed = errDisk
		}
		if err := made.publish(); !errors.Is(err, failed) {
			t.Errorf("%q fails: got %v, want %v", refuse, err, failed)
		}
		if !slices.Equal(steps, want.steps) {
			t.Errorf("%q fails: got steps %q, want %q", refuse, steps, want.steps)
		}
		entries, err := os.ReadDir(root.Name() + "/image")
		if err != nil {
			t.Fatal(err)
		}
		var left []string
		for _, entry := range entries {
			left = append(left, entry.Name())
		}
		if !slices.Equal(left, want.left) {
			t.Errorf("%q fails: left %q, want %q", refuse, left, want.left)
		}
		made.close()
	}
}
