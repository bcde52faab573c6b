package main

import (
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/muster-log/muster/release/build"
)

// TestMadeModelIsSafetensors: the header says what follows it, and a second one
// has the same bytes.
func TestMadeModelIsSafetensors(t *testing.T) {
	var made [2][]byte
	for i := range made {
		directory := filepath.Join(t.TempDir(), "model")
		if err := makeModel(directory); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(directory, "model.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		made[i] = data
	}
	if string(made[0]) != string(made[1]) {
		t.Error("two models differ")
	}
	length := binary.LittleEndian.Uint64(made[0])
	var header map[string]struct {
		Dtype   string
		Shape   []int
		Offsets []int `json:"data_offsets"`
	}
	if err := json.Unmarshal(made[0][8:8+length], &header); err != nil {
		t.Fatal(err)
	}
	tensor := header["model.embed_tokens.weight"]
	if len(tensor.Shape) != 2 || len(tensor.Offsets) != 2 {
		t.Fatalf("got %+v", tensor)
	}
	if size := 2 * tensor.Shape[0] * tensor.Shape[1]; tensor.Offsets[1] != size || len(made[0]) != 8+int(length)+size {
		t.Errorf("got %+v in %d bytes, want %d of numbers", tensor, len(made[0]), size)
	}
}

// TestTreeHasItsModes: they go into the image, so the umask must not.
func TestTreeHasItsModes(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "root")
	if err := makeRoot(directory, []byte("program")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{".": os.ModeDir | 0o755, "etc": os.ModeDir | 0o755, "etc/machine-id": 0o444, "sbin/init": 0o755} {
		info, err := os.Stat(filepath.Join(directory, name))
		if err != nil || info.Mode() != want {
			t.Errorf("%s: got %v, %v, want %v", name, info.Mode(), err, want)
		}
	}
	if err := writeTree(directory, []build.File{}); err == nil {
		t.Error("a tree was written over another")
	}
}
