package measure

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/muster-log/muster/release"
)

// layOut makes an image of files whose content is their name.
func layOut(tb testing.TB, names []string) []byte {
	tb.Helper()
	slices.SortFunc(names, release.CompareResourceNames)
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
	slices.SortFunc(got, release.CompareResourceNames)
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

// inlineErofs makes an image of one file, weights, whose size is a multiple of
// the block and whose inode says that the last block follows it: there and where
// the block would be without that stand different bytes. The inode ends gap bytes
// before a block does.
func inlineErofs(tb testing.TB, behind, elsewhere []byte, gap int) []byte {
	tb.Helper()
	layout, err := layoutErofs([]string{"weights"}, []int64{2 * erofsBlock})
	if err != nil {
		tb.Fatal(err)
	}
	image := append(layout.head, make([]byte, layout.size-int64(len(layout.head))+2*erofsBlock)...)
	copy(image[layout.offsets[0]:], elsewhere)
	copy(image[layout.offsets[0]+erofsBlock:], elsewhere)
	end := int(layout.size) + erofsBlock - gap
	inode, old := image[end-erofsExtended:], image[erofsSuperblock+erofsSuperSize+erofsExtended:]
	copy(inode, old[:erofsExtended])
	copy(image[end:], behind)
	nid := (end - erofsExtended) / erofsSlot
	le := binary.LittleEndian
	le.PutUint16(inode, 1|erofsInline<<1)
	le.PutUint32(inode[20:], uint32(nid))
	le.PutUint64(image[erofsBlock+2*erofsDirent:], uint64(nid)) // behind . and ..
	le.PutUint32(image[erofsSuperblock+36:], uint32(len(image)/erofsBlock))
	return image
}

// TestErofsInline: of a file whose data are inline, the last block follows the
// inode, a whole block too, as the kernel reads it.
func TestErofsInline(t *testing.T) {
	behind, elsewhere := bytes.Repeat([]byte("EVIL"), erofsBlock/4), bytes.Repeat([]byte("GOOD"), erofsBlock/4)
	image := inlineErofs(t, behind, elsewhere, 0)
	files, err := readErofs(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		t.Fatal(err)
	}
	var got []byte
	for _, part := range files[0].ranges {
		got = append(got, image[part.offset:part.offset+part.size]...)
	}
	if want := append(elsewhere, behind...); len(files) != 1 || files[0].size != 2*erofsBlock || !bytes.Equal(got, want) {
		t.Errorf("got %d files, the first of %d bytes, from %.8q to %q", len(files), len(got), got, got[len(got)-4:])
	}
	image = inlineErofs(t, behind, elsewhere, erofsSlot)
	_, err = readErofs(bytes.NewReader(image), int64(len(image)))
	refused(t, err, CodeErofs, "its last 4096 bytes follow the inode and cross a block")
}

// TestErofsListingsOverlap: directories that claim the same bytes are bounded
// together.
func TestErofsListingsOverlap(t *testing.T) {
	image := layOut(t, []string{"a", "d/b"})
	image = append(image, make([]byte, maxErofsListing/2+3*erofsBlock)...)
	le := binary.LittleEndian
	le.PutUint32(image[erofsSuperblock+36:], uint32(len(image)/erofsBlock))
	for _, i := range []int{0, 2} { // the inodes of root and d
		le.PutUint64(image[erofsSuperblock+erofsSuperSize+i*erofsExtended+8:], maxErofsListing/2+erofsBlock)
	}
	_, err := readErofs(bytes.NewReader(image), int64(len(image)))
	refused(t, err, CodeErofs, "33558528 bytes of names, and 33558528 before: want at most 67108864 in all")
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
