package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestModelIsADirectory: what is given as a model and is none is said before
// anything is made.
func TestModelIsADirectory(t *testing.T) {
	directory := t.TempDir()
	file := filepath.Join(directory, "model.safetensors")
	if err := os.WriteFile(file, []byte("weights"), 0o644); err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(directory, "state")
	for model, want := range map[string]string{
		file:                               file + " is a file; want the directory that it lies in",
		filepath.Join(directory, "absent"): "absent: no such file or directory; want a directory with its files",
	} {
		_, err := newDemo(t.Context(), options{state: state, model: model})
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: got %v, want it to end in %q", model, err, want)
		}
	}
	if _, err := os.Stat(state); err == nil {
		t.Error("a directory was made for a run that could not begin")
	}
}

// TestLinksOfAModel: caches of models keep a model's files elsewhere, and link
// to them.
func TestLinksOfAModel(t *testing.T) {
	cache := t.TempDir()
	snapshot := filepath.Join(cache, "snapshots", "x")
	for _, directory := range []string{snapshot, filepath.Join(cache, "blobs")} {
		if err := os.MkdirAll(directory, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(cache, "blobs", "1"), []byte("weights"), 0o644); err != nil {
		t.Fatal(err)
	}
	find := func() bool {
		d := &demo{page: newPage(os.Stdout), model: snapshot}
		if err := d.findLinks(); err != nil {
			t.Fatal(err)
		}
		return d.links
	}
	if find() {
		t.Error("an empty directory is said to hold links")
	}
	if err := os.Symlink("../../blobs/1", filepath.Join(snapshot, "model.safetensors")); err != nil {
		t.Fatal(err)
	}
	if !find() {
		t.Error("a link was not found")
	}
}
