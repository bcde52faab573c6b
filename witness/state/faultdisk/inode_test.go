package faultdisk

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestSyncedStays: what was synced is there after every loss of power, and a
// loss leaves nothing that was at no time in its place.
func TestSyncedStays(t *testing.T) {
	old, update := bytes.Repeat([]byte{'o'}, 3*pageSize), bytes.Repeat([]byte{'n'}, pageSize)
	seen := make(map[int]bool)
	for seed := range uint64(200) {
		var file inode
		file.write(old, 0)
		file.sync()
		file.write(update, pageSize)
		left := file.lose(rand.New(rand.NewPCG(seed, 0)))
		if len(left) != len(old) || !bytes.Equal(left[:pageSize], old[:pageSize]) || !bytes.Equal(left[2*pageSize:], old[2*pageSize:]) {
			t.Fatalf("seed %d: what was synced and not written since has changed", seed)
		}
		page := left[pageSize : 2*pageSize]
		written := bytes.Count(page, []byte{'n'})
		if written+bytes.Count(page, []byte{'o'}) != pageSize {
			t.Fatalf("seed %d: bytes that nobody wrote", seed)
		}
		seen[written%sectorSize] = true
		seen[written/sectorSize*sectorSize] = true
	}
	for _, written := range []int{0, sectorSize, 3 * sectorSize, pageSize} {
		if !seen[written] {
			t.Errorf("no loss left %d bytes of the write", written)
		}
	}
	if len(seen) < 2+pageSize/sectorSize+1 {
		t.Error("no sector was torn")
	}
}

// TestFailedSync: what the failed one dropped the next one does not keep,
// though it succeeds; what is written again it does.
func TestFailedSync(t *testing.T) {
	dropped := 0
	for seed := range uint64(50) {
		var file inode
		file.write(bytes.Repeat([]byte{'o'}, 2*pageSize), 0)
		file.sync()
		file.write(bytes.Repeat([]byte{'n'}, 2*pageSize), 0)
		file.fail(rand.New(rand.NewPCG(seed, 0)))
		file.write([]byte{'n'}, 0)
		file.sync()
		left := file.lose(rand.New(rand.NewPCG(seed, 1)))
		if len(left) != 2*pageSize || bytes.Contains(left[:pageSize], []byte{'o'}) {
			t.Fatalf("seed %d: a page that was written again and synced is not whole", seed)
		}
		if bytes.Contains(left[pageSize:], []byte{'o'}) {
			dropped++
		}
		if live := file.live; bytes.Contains(live, []byte{'o'}) {
			t.Fatalf("seed %d: the process sees what it overwrote", seed)
		}
	}
	if dropped == 0 {
		t.Error("no failed sync dropped anything")
	}
}

// TestLengths: a file is as long as it was at some moment, and zero where the
// length outran the content.
func TestLengths(t *testing.T) {
	lengths := make(map[int]bool)
	zeros := false
	for seed := range uint64(200) {
		var file inode
		file.write([]byte("first\n"), 0)
		file.sync()
		file.write([]byte("second\n"), 6)
		file.write([]byte("third\n"), 13)
		file.resize(13)
		left := file.lose(rand.New(rand.NewPCG(seed, 0)))
		lengths[len(left)] = true
		if !bytes.HasPrefix(left, []byte("first")) {
			t.Fatalf("seed %d: %q", seed, left)
		}
		zeros = zeros || bytes.HasSuffix(left, []byte{0})
	}
	if len(lengths) != 3 || !lengths[6] || !lengths[13] || !lengths[19] || !zeros {
		t.Errorf("got lengths %v, zeros %t", lengths, zeros)
	}
}
