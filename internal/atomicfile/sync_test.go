//go:build unix

package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// recorded notes what a disk is asked to make durable and when a file gets its name,
// and refuses one of these steps.
type recorded struct {
	t      *testing.T
	steps  []string
	refuse string
}

var errDisk = errors.New("input/output error")

func (r *recorded) note(step string) error {
	r.steps = append(r.steps, step)
	if step == r.refuse {
		return errDisk
	}
	return nil
}

func (r *recorded) sync(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		r.t.Error(err)
		return err
	}
	if info.IsDir() {
		return r.note("sync the directory")
	}
	return r.note(fmt.Sprintf("sync %d bytes of mode %v", info.Size(), info.Mode().Perm()))
}

func (r *recorded) named(by func(made, path string) error) func(made, path string) error {
	return func(made, path string) error {
		if err := r.note("name"); err != nil {
			return err
		}
		return by(made, path)
	}
}

// TestOrder: the whole content is made durable before it gets its name, and the name
// before success is reported. Whatever of that fails is reported; up to the name the
// old file stands, and nothing else is left.
func TestOrder(t *testing.T) {
	const content, name, directory = "sync 3 bytes of mode -rw-r-----", "name", "sync the directory"
	for kind, by := range map[string]func(made, path string) error{"write": os.Rename, "create": link} {
		for refuse, steps := range map[string][]string{
			"":        {content, name, directory},
			content:   {content},
			name:      {content, name},
			directory: {content, name, directory},
		} {
			path := filepath.Join(t.TempDir(), "file")
			there := kind == "write"
			if there {
				if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			r := &recorded{t: t, refuse: refuse}
			err := place(path, []byte("new"), 0o640, r.named(by), r.sync)
			if !slices.Equal(r.steps, steps) {
				t.Errorf("%s, %q fails: got steps %q, want %q", kind, refuse, r.steps, steps)
			}
			if refuse == "" && err != nil || refuse != "" && !errors.Is(err, errDisk) {
				t.Errorf("%s, %q fails: got %v", kind, refuse, err)
			}
			switch {
			case refuse == "" || refuse == directory:
				holds(t, path, "new", "file")
			case there:
				holds(t, path, "old", "file")
			default:
				if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 0 {
					t.Errorf("%s, %q fails: the directory holds %v, %v", kind, refuse, entries, err)
				}
			}
		}
	}
}

// TestSyncOfADirectory: SyncDir hands on what the disk says.
func TestSyncOfADirectory(t *testing.T) {
	r := &recorded{t: t, refuse: "sync the directory"}
	if err := syncDir(t.TempDir(), r.sync); !errors.Is(err, errDisk) {
		t.Errorf("got %v", err)
	}
	if err := syncDir(filepath.Join(t.TempDir(), "none"), r.sync); !errors.Is(err, fs.ErrNotExist) || len(r.steps) != 1 {
		t.Errorf("got %v after %q", err, r.steps)
	}
}
