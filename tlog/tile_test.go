package tlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

func TestTilePaths(t *testing.T) {
	for want, id := range map[string]TileID{
		"tile/0/000":                               {Width: 256},
		"tile/0/999.p/1":                           {Index: 999, Width: 1},
		"tile/1/x001/000":                          {Level: 1, Index: 1000, Width: 256},
		"tile/2/x001/x234/067":                     {Level: 2, Index: 1234067, Width: 256},
		"tile/63/x001/x234/067.p/255":              {Level: 63, Index: 1234067, Width: 255},
		"tile/entries/000.p/7":                     {Entries: true, Width: 7},
		"tile/entries/x001/x234/067":               {Entries: true, Index: 1234067, Width: 256},
		"tile/0/x036/x028/x797/x018/963":           {Index: 36028797018963, Width: 256},
		"tile/0/x009/x223/x372/x036/x854/x775/807": {Index: MaxSize, Width: 256},
	} {
		if got := id.Path(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if got, err := ParseTilePath(want); err != nil || got != id {
			t.Errorf("%s: got %+v, %v, want %+v", want, got, err, id)
		}
	}
	if got := TilePath(1, 1067, 17); got != "tile/1/x001/067.p/17" {
		t.Errorf("got %s", got)
	}
	if got := EntriesPath(1067, 256); got != "tile/entries/x001/067" {
		t.Errorf("got %s", got)
	}
}

func TestT1TilePathMalformed(t *testing.T) {
	for _, path := range []string{
		"", "tile", "tile/", "tile/0", "tile/0/", "/tile/0/000", "Tile/0/000", "tile/0/000/", "tile//000", "tile/0//000",
		"tile/64/000", "tile/00/000", "tile/01/000", "tile/+1/000", "tile/-1/000", "tile/a/000", "tile/18446744073709551616/000",
		"tile/0/0", "tile/0/00", "tile/0/0000", "tile/0/x000", "tile/0/x000/000", "tile/0/001/000", "tile/0/x001/x000",
		"tile/0/X001/000", "tile/0/xx01/000", "tile/0/+01", "tile/0/0_1", "tile/0/ 01", "tile/0/001\n", "tile/0/٣٣٣",
		"tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/00", "tile/0/000.p/01", "tile/0/000.p/+1", "tile/0/000.p/", "tile/0/000.p",
		"tile/0/000.p/1.p/1", "tile/0/000.p/1/", "tile/0/000/.p/1", "tile/0/000p/1",
		"tile/0/x009/x223/x372/x036/x854/x775/808", "tile/0/x001/x000/x000/x000/x000/x000/x000/000",
		"tile/0/../000", "tile/0/%30%30%30", "tile/entries", "tile/entries/0/000", "tile/Entries/000", "tile/entries/000.p/256",
		strings.Repeat("tile/0/000", 1000),
	} {
		if id, err := ParseTilePath(path); err == nil {
			t.Errorf("accepted %s as %+v", quote(path), id)
		}
	}
}

func TestPartialWidth(t *testing.T) {
	// The example of https://c2sp.org/tlog-tiles: 273 full tiles and one of 112
	// on level 0, one full tile and one of 17 on level 1, one of 1 on level 2.
	for _, c := range []struct {
		level, index, size uint64
		want               int
	}{
		{0, 0, 70000, 256}, {0, 272, 70000, 256}, {0, 273, 70000, 112}, {0, 274, 70000, 0},
		{1, 0, 70000, 256}, {1, 1, 70000, 17}, {1, 2, 70000, 0},
		{2, 0, 70000, 1}, {2, 1, 70000, 0}, {3, 0, 70000, 0},
		{0, 0, 256, 256}, {1, 0, 256, 1}, {0, 1, 256, 0}, {0, 0, 0, 0}, {0, 0, 1, 1},
		{7, 0, 1 << 62, 64}, {7, 0, 1<<64 - 1, 255}, {8, 0, 1<<64 - 1, 0}, {63, 0, 1<<64 - 1, 0}, {64, 0, 1<<64 - 1, 0},
		{1<<64 - 1, 0, 1<<64 - 1, 0}, {0, 1<<64 - 1, 70000, 0}, {0, 1 << 56, 1<<64 - 1, 0},
	} {
		if got := PartialWidth(c.level, c.index, c.size); got != c.want {
			t.Errorf("level %d, index %d, size %d: got %d, want %d", c.level, c.index, c.size, got, c.want)
		}
	}
}

func TestT1TileMalformed(t *testing.T) {
	data := make([]byte, 257*HashSize)
	for name, c := range map[string]struct {
		bytes, width int
		want         string
	}{
		"width 0":              {0, 0, "want 1 to 256"},
		"width -1":             {0, -1, "want 1 to 256"},
		"width 257":            {257 * 32, 257, "want 1 to 256"},
		"empty":                {0, 1, "got 0 bytes, want 32"},
		"no multiple of 32":    {33, 1, "got 33 bytes, want 32"},
		"wider":                {3 * 32, 2, "got 96 bytes, want 64"},
		"narrower":             {32, 2, "got 32 bytes, want 64"},
		"partial, zero-padded": {256 * 32, 7, "got 8192 bytes, want 224"},
		"full, cut off":        {255 * 32, 256, "got 8160 bytes, want 8192"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseTile(data[:c.bytes], c.width)
			wantError(t, err, c.want)
		})
	}
	hashes, err := ParseTile(append(bytesOf(1, 32), bytesOf(2, 32)...), 2)
	if err != nil || len(hashes) != 2 || hashes[1] != Hash(bytesOf(2, 32)) {
		t.Errorf("got %v, %v", hashes, err)
	}
}

func TestT1FullTileContradictsPartial(t *testing.T) {
	leaves := testLeaves(TileWidth)
	if err := CheckTileGrowth(leaves[:7], leaves); err != nil {
		t.Error(err)
	}
	if err := CheckTileGrowth(leaves, leaves[:7]); !errors.Is(err, ErrTile) {
		t.Errorf("shrunk: got %v, want ErrTile", err)
	}
	changed := append([]Hash(nil), leaves...)
	changed[6] = Hash{}
	if err := CheckTileGrowth(leaves[:7], changed); !errors.Is(err, ErrTile) {
		t.Errorf("changed: got %v, want ErrTile", err)
	}
}

func testBundle(t testing.TB, entries ...string) []byte {
	t.Helper()
	var data []byte
	var err error
	for _, entry := range entries {
		if data, err = AppendEntry(data, []byte(entry)); err != nil {
			t.Fatal(err)
		}
	}
	return data
}

func TestBundleRoundTrip(t *testing.T) {
	data := testBundle(t, "a", "bc", strings.Repeat("d", MaxEntry))
	entries, err := ParseBundle(data, 3)
	if err != nil {
		t.Fatal(err)
	}
	if string(entries[0]) != "a" || string(entries[1]) != "bc" || len(entries[2]) != MaxEntry {
		t.Errorf("got %d entries, the first %q and %q", len(entries), entries[0], entries[1])
	}
	// Appending to one entry must not write into the next.
	_ = append(entries[0], "zz"...)
	if string(entries[1]) != "bc" {
		t.Error("entries share capacity")
	}
}

func TestT2BundleMalformed(t *testing.T) {
	good := testBundle(t, "a", "bc")
	for name, c := range map[string]struct {
		data  []byte
		width int
		want  string
	}{
		"width 0":                 {nil, 0, "want 1 to 256"},
		"width 257":               {nil, 257, "want 1 to 256"},
		"empty":                   {nil, 1, "got 0 entries, want 1"},
		"truncated entry":         {good[:len(good)-1], 2, "cut off in entry 1"},
		"truncated length":        {good[:4], 2, "cut off in the length of entry 1"},
		"truncated between":       {good[:3], 2, "got 1 entries, want 2"},
		"trailing byte":           {append(bytes.Clone(good), 0), 2, "1 bytes after entry 1"},
		"one entry too many":      {good, 1, "bytes after entry 0"},
		"one entry too few":       {good, 3, "got 2 entries, want 3"},
		"zero-length entry":       {append([]byte{0, 0}, good...), 3, "entry 0 is empty"},
		"length beyond the bytes": {[]byte{0xff, 0xff, 'a'}, 1, "got 1 bytes, want 65535"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseBundle(c.data, c.width)
			wantError(t, err, c.want)
		})
	}
	for _, entry := range [][]byte{nil, make([]byte, MaxEntry+1)} {
		if _, err := AppendEntry(nil, entry); err == nil {
			t.Errorf("appended an entry of %d bytes", len(entry))
		}
	}
}

func FuzzParseTilePath(f *testing.F) {
	f.Add("tile/0/x001/x234/067.p/7")
	f.Add("tile/entries/000")
	f.Fuzz(func(t *testing.T, path string) {
		id, err := ParseTilePath(path)
		if err == nil && id.Path() != path {
			t.Errorf("read %q, wrote %q", path, id.Path())
		}
	})
}

func FuzzParseTile(f *testing.F) {
	f.Add(make([]byte, 64), 2)
	f.Fuzz(func(t *testing.T, data []byte, width int) {
		hashes, err := ParseTile(data, width)
		if err != nil {
			return
		}
		var again []byte
		for _, h := range hashes {
			again = append(again, h[:]...)
		}
		if !bytes.Equal(again, data) {
			t.Errorf("read %x, wrote %x", data, again)
		}
	})
}

func FuzzParseBundle(f *testing.F) {
	f.Add(testBundle(f, "a", "bc"), 2)
	f.Add(binary.BigEndian.AppendUint16(nil, 0), 1)
	f.Fuzz(func(t *testing.T, data []byte, width int) {
		entries, err := ParseBundle(data, width)
		if err != nil {
			return
		}
		var again []byte
		for _, entry := range entries {
			if again, err = AppendEntry(again, entry); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(again, data) {
			t.Errorf("read %x, wrote %x", data, again)
		}
	})
}
