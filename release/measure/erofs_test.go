package measure

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// layOut makes an image of files whose content is their name.
func layOut(tb testing.TB, names []string) []byte {
	tb.Helper()
	slices.SortFunc(names, compareParts)
	var sizes []int64
	for _, name := range names {
		sizes = append(sizes, int64(len(name)))
	}
	layout, err := layoutErofs(names, sizes)
	if err != nil {
		tb.Fatal(err)
	}
	image := append(layout.head, make([]byte, layout.size-int64(len(layout.head)))...)
	for i, name := range names {
		copy(image[layout.offsets[i]:], name)
	}
	return image
}

// TestErofs: what is laid out is read back. Names stand on both sides of . and ..
// in a directory, whose entries fill more than one block.
func TestErofs(t *testing.T) {
	names := []string{"!", "-", "a", "a b", "a.b", "d/!", "d/e/f/g", strings.Repeat("n", 255), "~"}
	for i := range 500 {
		names = append(names, fmt.Sprintf("many/%03d-%s", i, strings.Repeat("x", i%200)))
	}
	image := layOut(t, names)
	files, err := readErofs(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, file := range files {
		content := make([]byte, file.size)
		if _, err := io.ReadFull(io.NewSectionReader(bytes.NewReader(image), file.ranges[0].offset, file.ranges[0].size), content); err != nil || string(content) != file.name {
			t.Errorf("%s: got %q, %v", file.name, content, err)
		}
		got = append(got, file.name)
	}
	slices.SortFunc(got, compareParts)
	if !slices.Equal(got, names) {
		t.Errorf("got %d files, want %d", len(got), len(names))
	}
}

// TestErofsTooLarge: an image of 2^32 blocks cannot be addressed.
func TestErofsTooLarge(t *testing.T) {
	_, err := layoutErofs([]string{"a"}, []int64{1 << 45})
	refused(t, err, CodeModelSize, "an erofs image cannot hold them")
}

func TestHostileErofs(t *testing.T) {
	sound := layOut(t, []string{"a", "d/b"})
	// Inodes in their order: root, a, d, d/b. Directories: root in block 1, d in block 2.
	inode := func(i int) int { return erofsSuperblock + erofsSuperSize + i*erofsExtended }
	entry := func(block, i int) int { return block*erofsBlock + i*erofsDirent }
	names := entry(1, 4)
	with := func(offset int, data ...byte) []byte {
		image := bytes.Clone(sound)
		copy(image[offset:], data)
		return image
	}
	number := func(offset int, value uint64) []byte {
		return with(offset, binary.LittleEndian.AppendUint64(nil, value)...)
	}
	root, d := uint64(inode(0)/erofsSlot), uint64(inode(2)/erofsSlot)
	tests := []struct {
		name  string
		image []byte
		want  string
	}{
		{"no magic", with(erofsSuperblock, 0), "not an erofs"},
		{"too small", sound[:1100], "an image of 1100 bytes"},
		{"cut off", sound[:len(sound)-erofsBlock], "a file system of"},
		{"compression", with(erofsSuperblock+80, 2), "erofs features 0x2"},
		{"chunks", with(erofsSuperblock+80, 4), "erofs features 0x4"},
		{"block size", with(erofsSuperblock+12, 31), "block size 2^31"},
		{"a further device", with(erofsSuperblock+86, 1), "further devices"},
		{"root outside", with(erofsSuperblock+14, 0xff, 0xff), "lies outside the image"},
		{"metadata outside", with(erofsSuperblock+40, 0xff, 0xff), "lies outside the image"},
		{"root is a file", with(inode(0)+4, 0x00, 0x80), "mode 0100000"},
		{"a file is a link", with(inode(1)+4, 0x00, 0xa0), "listed as a file, mode 0120000"},
		{"compressed data", with(inode(1), 1|1<<1), "data layout is 0x3"},
		{"chunked data", with(inode(1), 1|4<<1), "data layout is 0x9"},
		{"a size of 2^63", number(inode(1)+8, 1<<63), "size 9223372036854775808"},
		{"data outside", number(inode(1)+8, 1<<40), "its data lie outside"},
		{"data at the end of the address space", with(inode(1)+16, 0xff, 0xff, 0xff, 0xff), "its data lie outside"},
		{"a directory of a terabyte", number(inode(0)+8, 1<<40), "outside the image"},
		{"a circle", number(entry(2, 2), d), "listed as a file"},
		{"a directory under a second name", with(entry(2, 2)+10, erofsTypeDir), "mode 0100444"},
		{"a link in a directory", with(entry(1, 2)+10, 7), "neither a file nor a directory"},
		{"names not sorted", with(names+3, 'z'), "names are not sorted"},
		{"a slash in a name", with(names+3, '/'), `entry "/"`},
		{"no .", with(names, '+'), "a second name"},
		{". leads elsewhere", number(entry(1, 0), d), `entry "."`},
		{".. leads elsewhere", number(entry(2, 1), d), `entry ".."`},
		{"an inode of nowhere", number(entry(1, 2), 1<<62), "lies outside the image"},
		{"names before the entries", with(entry(1, 0)+8, 0), "names from byte 0"},
		{"names behind the block", with(entry(1, 0)+8, 0xf0, 0xff), "names from byte 65520"},
		{"a name that ends before it begins", with(entry(1, 2)+8, 0xff, 0x0f), "a name from byte"},
		{"half an entry", number(inode(0)+8, 5), "a block of 5 bytes"},
		{"no entries", number(inode(0)+8, 0), "no entries . and .."},
	}
	if root == d {
		t.Fatal("the inodes are not where this test looks for them")
	}
	if _, err := readErofs(bytes.NewReader(sound), int64(len(sound))); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := readErofs(bytes.NewReader(tt.image), int64(len(tt.image)))
			refused(t, err, CodeErofs, tt.want)
		})
	}
	// A directory that is listed in itself: its inode is one that was seen.
	circle := number(entry(2, 2), d)
	circle[entry(2, 2)+10] = erofsTypeDir
	_, err := readErofs(bytes.NewReader(circle), int64(len(circle)))
	refused(t, err, CodeErofs, "a second name, or too deep")
}

func FuzzErofs(f *testing.F) {
	f.Add(layOut(f, []string{"a", "d/b"}))
	f.Add(layOut(f, []string{"a", "b", "c", "d/e/f"})[:3*erofsBlock])
	f.Fuzz(func(t *testing.T, image []byte) {
		files, err := readErofs(bytes.NewReader(image), int64(len(image)))
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, file := range files {
			if seen[file.name] {
				t.Errorf("%q is listed twice", file.name)
			}
			seen[file.name] = true
			size := int64(0)
			for _, part := range file.ranges {
				if size += part.size; part.size > 0 && part.offset+part.size > int64(len(image)) {
					t.Errorf("%q lies outside the image", file.name)
				}
			}
			if size != file.size {
				t.Errorf("%q has %d bytes, its ranges %d", file.name, file.size, size)
			}
		}
	})
}
