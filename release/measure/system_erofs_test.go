//go:build system

package measure

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/muster-log/muster/internal/progress"
)

func itoa(n int) string { return strconv.Itoa(n) }

// unhex reads hexadecimal digits; - is none, as for veritysetup.
func unhex(tb testing.TB, text string) []byte {
	tb.Helper()
	if text == "-" {
		return nil
	}
	data, err := hex.DecodeString(text)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// wideModel has directories of several blocks, empty files and long names.
func wideModel(tb testing.TB) string {
	files := map[string]string{"!": "1", "config.json": "{}", "empty": "", "a/b/c/d": "deep", strings.Repeat("n", 255): "long"}
	for i := range 400 {
		files[fmt.Sprintf("shards/%03d-%s", i, strings.Repeat("x", i%150))] = strings.Repeat("w", i*37)
	}
	return newModel(tb, files)
}

// TestErofsUtils: another implementation finds in our images what we put there.
func TestErofsUtils(t *testing.T) {
	dir := wideModel(t)
	image := filepath.Join(t.TempDir(), "model.erofs")
	if _, err := Model(context.Background(), ModelOptions{Dir: dir, Image: image, Salt: []byte{1}}, progress.None()); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "extracted")
	run(t, "fsck.erofs", "--extract="+out, image)
	if diff := run(t, "diff", "-r", dir, out); diff != "" {
		t.Errorf("extracted otherwise: %s", diff)
	}
}

// TestErofsInlineUtils: what another implementation extracts from an image whose
// last block follows the inode is what the image is taken to hold, and the bytes
// at the place where the block would be otherwise are not.
func TestErofsInlineUtils(t *testing.T) {
	behind, elsewhere := strings.Repeat("EVIL", erofsBlock/4), strings.Repeat("GOOD", erofsBlock/4)
	image := writeFile(t, "model.erofs", inlineErofs(t, []byte(behind), []byte(elsewhere), 0))
	out := filepath.Join(t.TempDir(), "extracted")
	run(t, "fsck.erofs", "--extract="+out, image)
	if _, err := FormatVerity(context.Background(), FormatOptions{Image: image}, progress.None()); err != nil {
		t.Fatal(err)
	}
	existing := VerityOptions{Image: image, Offset: FindOffset}
	if _, err := Model(context.Background(), ModelOptions{Dir: out, Existing: existing}, progress.None()); err != nil {
		t.Errorf("the extracted files: %v", err)
	}
	if held, err := os.ReadFile(filepath.Join(out, "weights")); err != nil || string(held) != elsewhere+behind {
		t.Errorf("extracted %d bytes, %v", len(held), err)
	}
	dir := newModel(t, map[string]string{"weights": elsewhere + elsewhere})
	_, err := Model(context.Background(), ModelOptions{Dir: dir, Existing: existing}, progress.None())
	refused(t, err, CodeModelImage, "in the image and")
}

// TestExistingErofs: images that mkfs.erofs makes are read, unless they are
// compressed.
func TestExistingErofs(t *testing.T) {
	dir := wideModel(t)
	if err := os.Chmod(filepath.Join(dir, "!"), 0o751); err != nil {
		t.Fatal(err)
	}
	// mkfs.erofs 1.5 fails on names of 255 bytes.
	if err := os.Remove(filepath.Join(dir, strings.Repeat("n", 255))); err != nil {
		t.Fatal(err)
	}
	for _, options := range [][]string{{"-T0"}, {"-T0", "-Enoinline_data"}, {"-Eforce-inode-compact"}, {"-Eforce-inode-extended"}} {
		image := filepath.Join(t.TempDir(), "model.erofs")
		run(t, "mkfs.erofs", append(options, image, dir)...)
		if _, err := FormatVerity(context.Background(), FormatOptions{Image: image}, progress.None()); err != nil {
			t.Fatal(err)
		}
		existing := VerityOptions{Image: image, Offset: FindOffset}
		if _, err := Model(context.Background(), ModelOptions{Dir: dir, Existing: existing}, progress.None()); err != nil {
			t.Errorf("mkfs.erofs %v: %v", options, err)
		}
	}
	image := filepath.Join(t.TempDir(), "model.erofs")
	run(t, "mkfs.erofs", "-zlz4", image, dir)
	if _, err := FormatVerity(context.Background(), FormatOptions{Image: image}, progress.None()); err != nil {
		t.Fatal(err)
	}
	_, err := Model(context.Background(), ModelOptions{Dir: dir, Existing: VerityOptions{Image: image, Offset: FindOffset}}, progress.None())
	refused(t, err, CodeErofs, "can be compared")
}

// TestSHA256Sum: a file's digest is the one that people compute by hand.
func TestSHA256Sum(t *testing.T) {
	path := writeFile(t, "file", []byte(strings.Repeat("muster", 100_000)))
	got, err := File(context.Background(), path, MediaTypeFile, progress.None())
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("sha256sum", path).Output()
	if err != nil || !strings.HasPrefix(string(out), got.Digest.String()) {
		t.Errorf("got %s, sha256sum %s, %v", got.Digest, out, err)
	}
}
