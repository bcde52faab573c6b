//go:build linux

package images_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/node/images"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/measure"
)

func image(kind release.Kind, name string) *release.Image {
	return &release.Image{Kind: kind, Name: name}
}

// TestFind: the release says what is sought; what is missing, and what is there
// besides, is refused.
func TestFind(t *testing.T) {
	directory := t.TempDir()
	for _, name := range []string{"model/a", "config/deep/er"} {
		path := filepath.Join(directory, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	wanted := []*release.Image{image(release.KindModel, "a"), image(release.KindConfig, "deep/er")}
	found, err := images.Find(wanted, nil, directory)
	if err != nil || found["model/a"] != filepath.Join(directory, "model/a") || found["config/deep/er"] != filepath.Join(directory, "config/deep/er") {
		t.Errorf("got %v (%v)", found, err)
	}
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.WriteFile(elsewhere, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if found, err := images.Find(wanted, map[string]string{"model/a": elsewhere}, directory); err != nil || found["model/a"] != elsewhere {
		t.Errorf("a path that is given goes before the directory: got %v (%v)", found, err)
	}
	for name, test := range map[string]struct {
		wanted    []*release.Image
		given     map[string]string
		directory string
		words     string
	}{
		"an image that is nowhere": {wanted, nil, "", "nothing says where model/a"},
		"a file that is not there": {append(wanted, image(release.KindAdapter, "x")), nil, directory, "adapter/x"},
		"a name too many":          {wanted, map[string]string{"model/b": elsewhere}, directory, "model/b is no image"},
		"a file too many":          {wanted[:1], nil, directory, "config/deep/er is no image"},
	} {
		if _, err := images.Find(test.wanted, test.given, test.directory); err == nil || !strings.Contains(err.Error(), test.words) {
			t.Errorf("%s: got %v, want %q", name, err, test.words)
		}
	}
}

func TestDirectory(t *testing.T) {
	if got, err := images.Directory("/run/images", image(release.KindModel, "llama/chat")); err != nil || got != "/run/images/model/llama/chat" {
		t.Errorf("got %q (%v)", got, err)
	}
	for _, name := range []string{"../../etc", "a/../../../etc", ".."} {
		if got, err := images.Directory("/run/images", image(release.KindModel, name)); err == nil {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

// measured makes an image of files, and its statement.
func measured(t *testing.T, files map[string]string) (*release.Image, string) {
	t.Helper()
	source, path := t.TempDir(), filepath.Join(t.TempDir(), "image")
	for name, data := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(source, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(source, name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	result, err := measure.Model(t.Context(), measure.ModelOptions{Dir: source, Image: path}, progress.None())
	if err != nil {
		t.Fatal(err)
	}
	stated := image(release.KindModel, "m")
	stated.Measurements.Verity = &result.Image.Measurement
	return stated, path
}

// TestMemory: the files are those of the image, large and small; an image with any
// block changed is refused, and so is another one, and nothing is left of it.
func TestMemory(t *testing.T) {
	files := map[string]string{"small": "x", "empty": "", "in/a/directory": strings.Repeat("weights ", 5000)}
	stated, path := measured(t, files)
	directory := filepath.Join(t.TempDir(), "model", "m")
	for range 2 { // again: what an earlier run left is closed first
		if err := (images.Memory{}).Open(t.Context(), stated, path, directory); err != nil {
			t.Fatal(err)
		}
		for name, want := range files {
			if got, err := os.ReadFile(filepath.Join(directory, name)); err != nil || string(got) != want {
				t.Errorf("%s: got %d bytes (%v), want %d", name, len(got), err, len(want))
			}
		}
	}
	other, _ := measured(t, map[string]string{"small": "y"})
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	fresh := filepath.Join(t.TempDir(), "fresh")
	refuse := func(name string, stated *release.Image, change func([]byte) []byte) {
		t.Helper()
		changed := filepath.Join(t.TempDir(), "changed")
		if err := os.WriteFile(changed, change(append([]byte{}, data...)), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := (images.Memory{}).Open(t.Context(), stated, changed, fresh); err == nil {
			t.Errorf("%s: not refused", name)
		}
		if _, err := os.Stat(fresh); err == nil {
			t.Errorf("%s: something was written", name)
		}
	}
	for block := 0; block < len(data); block += 4096 {
		refuse("a changed block", stated, func(b []byte) []byte { b[block+100] ^= 1; return b })
	}
	refuse("another image", other, func(b []byte) []byte { return b })
	refuse("a shorter image", stated, func(b []byte) []byte { return b[:len(b)-4096] })
	refuse("nothing", stated, func([]byte) []byte { return nil })
	bare := *stated
	bare.Measurements.Verity = nil
	refuse("an image that states no verity/v1", &bare, func(b []byte) []byte { return b })
}

// TestDeviceMapperRefuses what it must before any device is touched.
func TestDeviceMapperRefuses(t *testing.T) {
	stated, path := measured(t, map[string]string{"a": "b"})
	for name, test := range map[string]struct {
		change func(*release.Image)
		path   string
		words  string
	}{
		"a plain file":          {func(*release.Image) {}, path, "is no block device"},
		"a character device":    {func(*release.Image) {}, "/dev/null", "is no block device"},
		"another file system":   {func(i *release.Image) { v := *i.Measurements.Verity; v.FileSystem = "ext4"; i.Measurements.Verity = &v }, path, "ext4"},
		"no verity/v1":          {func(i *release.Image) { i.Measurements.Verity = nil }, path, "states no verity/v1"},
		"a device that is gone": {func(*release.Image) {}, path + ".gone", "no such file"},
	} {
		changed := *stated
		test.change(&changed)
		if err := (images.DeviceMapper{}).Open(t.Context(), &changed, test.path, t.TempDir()); err == nil || !strings.Contains(err.Error(), test.words) {
			t.Errorf("%s: got %v, want %q", name, err, test.words)
		}
	}
}
