//go:build linux

package devicemapper

import (
	"encoding/binary"
	"strings"
	"testing"
)

var verity = Verity{RootHash: strings.Repeat("ab", 32), Salt: "0102", DataBlockSize: 4096, HashBlockSize: 4096, DataBlocks: 100, HashOffset: 101 * 4096}

// TestTable: the tree starts one block behind the superblock, which is not read.
func TestTable(t *testing.T) {
	if got, want := verity.Table("/dev/vda"), "1 /dev/vda /dev/vda 4096 4096 100 101 sha256 "+verity.RootHash+" 0102 1 panic_on_corruption"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	unsalted := verity
	unsalted.Salt = ""
	if got := unsalted.Table("/dev/vda"); !strings.HasSuffix(got, " - 1 panic_on_corruption") {
		t.Errorf("without salt: %q", got)
	}
}

func TestTarget(t *testing.T) {
	spec := target(800, "arguments")
	if got := binary.LittleEndian.Uint64(spec[8:]); got != 800 {
		t.Errorf("%d sectors, want 800", got)
	}
	if name, arguments := string(spec[24:31]), string(spec[targetSize:]); name != "verity\x00" || arguments != "arguments\x00" {
		t.Errorf("target %q with %q", name, arguments)
	}
}

// TestOpenRefuses: what the kernel would round is refused before any device is opened.
func TestOpenRefuses(t *testing.T) {
	for name, change := range map[string]func(*Verity){
		"no block size":       func(v *Verity) { v.HashBlockSize = 0 },
		"tree inside a block": func(v *Verity) { v.HashOffset++ },
	} {
		v := verity
		change(&v)
		if _, err := Open("root", "/dev/null", v); err == nil || !strings.Contains(err.Error(), "hash tree at byte") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
