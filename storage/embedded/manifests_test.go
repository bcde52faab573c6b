package embedded

import (
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestManifests(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "manifests")
	kept, err := openManifests(dir)
	if err != nil {
		t.Fatal(err)
	}
	data := []byte("a list")
	digest := sha256.Sum256(data)
	if _, err := kept.Open(t.Context(), digest); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before: got %v", err)
	}
	for range 2 {
		if err := kept.Put(t.Context(), digest, data); err != nil {
			t.Fatal(err)
		}
	}
	// Another process, later.
	if kept, err = openManifests(dir); err != nil {
		t.Fatal(err)
	}
	file, err := kept.Open(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if got, err := io.ReadAll(file); err != nil || string(got) != string(data) {
		t.Errorf("got %q, %v", got, err)
	}
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 1 {
		t.Fatalf("got %v, %v", names, err)
	}
	if info, err := names[0].Info(); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("got %v, %v", info, err)
	}
}

// TestManifestsFail: a full or missing disk is an error, and nothing is half there.
func TestManifestsFail(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "manifests")
	kept, err := openManifests(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := kept.Put(t.Context(), [32]byte{1}, []byte("x")); err == nil {
		t.Error("put where there is no directory")
	}
	if _, err := kept.Open(t.Context(), [32]byte{1}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
