package measure

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/release"
)

// newErofs makes an erofs image of one file with n bytes that look random.
func newErofs(tb testing.TB, n int) []byte {
	tb.Helper()
	layout, err := layoutErofs([]string{"data"}, []int64{int64(n)})
	if err != nil {
		tb.Fatal(err)
	}
	image := append(layout.head, make([]byte, layout.size-int64(len(layout.head)))...)
	random := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range n {
		image[layout.offsets[0]+int64(i)] = byte(random.Uint32())
	}
	return image
}

// simpleTree is a hash tree made the plain way: all levels in memory, from the
// kernel's documentation alone.
func simpleTree(data, salt []byte, dataBlock, hashBlock int) (root release.Digest, tree []byte) {
	blocks := func(data []byte, size int) (digests []byte, n int) {
		for ; len(data) > 0; data = data[size:] {
			digest := sha(append(bytes.Clone(salt), data[:size]...))
			digests = append(digests, digest[:]...)
			n++
		}
		return digests, n
	}
	digests, n := blocks(data, dataBlock)
	for n > 1 {
		level := append(digests, make([]byte, (hashBlock-len(digests)%hashBlock)%hashBlock)...)
		tree = append(bytes.Clone(level), tree...)
		digests, n = blocks(level, hashBlock)
	}
	return release.Digest(digests), tree
}

func TestHashTree(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, sizes := range [][2]int{{4096, 4096}, {512, 512}, {512, 4096}, {4096, 512}, {65536, 1024}} {
		for _, n := range []int{1, 2, 15, 16, 17, 127, 128, 129, 256, 257, 1000} {
			if sizes[0] == 65536 && n > 129 {
				continue
			}
			for _, salt := range [][]byte{nil, {0xaa}, bytes.Repeat([]byte{7}, 32), bytes.Repeat([]byte{9}, 256)} {
				data := make([]byte, n*sizes[0])
				for i := range data {
					data[i] = byte(random.Uint32())
				}
				layout, err := newVerityLayout(uint32(sizes[0]), uint32(sizes[1]), int64(n), salt)
				if err != nil {
					t.Fatal(err)
				}
				wantRoot, wantTree := simpleTree(data, salt, sizes[0], sizes[1])
				if layout.treeSize() != int64(len(wantTree)) {
					t.Fatalf("%d blocks of %v: the tree has %d bytes, want %d", n, sizes, layout.treeSize(), len(wantTree))
				}
				tree := make([]byte, len(wantTree))
				root, err := layout.compute(context.Background(), bytes.NewReader(data), func(level int, index int64, block []byte) error {
					copy(tree[layout.place(level, index):], block)
					return nil
				}, progress.None())
				if err != nil {
					t.Fatal(err)
				}
				if root != wantRoot || !bytes.Equal(tree, wantTree) {
					t.Errorf("%d blocks of %v, salt of %d bytes: root %s, want %s, same tree %v", n, sizes, len(salt), root, wantRoot, bytes.Equal(tree, wantTree))
				}
			}
		}
	}
}

func TestFormatAndMeasure(t *testing.T) {
	data := newErofs(t, 1<<20+1)
	salt := []byte{1, 2, 3}
	root, tree := simpleTree(data, salt, 4096, 4096)
	want := release.Verity{
		RootHash: root.String(), Salt: "010203", DataBlockSize: 4096, HashBlockSize: 4096, DataBlocks: uint64(len(data) / 4096),
		HashOffset: uint64(len(data) + 4096), Algorithm: "sha256", FileSystem: "erofs",
	}
	ctx := context.Background()

	image := writeFile(t, "model.erofs", data)
	if got, err := FormatVerity(ctx, FormatOptions{Image: image, Salt: salt}, progress.None()); err != nil || got != root {
		t.Fatalf("FormatVerity: %s, %v, want %s", got, err, root)
	}
	got, err := Verity(ctx, VerityOptions{Image: image, Offset: FindOffset}, progress.None())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.Measurement); diff != "" {
		t.Error(diff)
	}
	written, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(written[len(data)+4096:], tree) {
		t.Error("the tree behind the superblock is not the tree of the data")
	}
	if diff := cmp.Diff([]release.Artifact{{Name: "model.erofs", Digest: sha(written), Size: uint64(len(written)), MediaType: MediaTypeFile}}, got.Artifacts); diff != "" {
		t.Error(diff)
	}

	// The same in a file of its own, where the tree begins behind the superblock.
	bare := writeFile(t, "bare.erofs", data)
	hash := filepath.Join(t.TempDir(), "bare.hash")
	if _, err := FormatVerity(ctx, FormatOptions{Image: bare, Hash: hash, Salt: salt}, progress.None()); err != nil {
		t.Fatal(err)
	}
	apart, err := Verity(ctx, VerityOptions{Image: bare, Hash: hash, Offset: FindOffset}, progress.None())
	if err != nil {
		t.Fatal(err)
	}
	want.HashOffset = 4096
	if diff := cmp.Diff(want, apart.Measurement); diff != "" {
		t.Error(diff)
	}
	if apart.UUID != got.UUID || len(apart.Artifacts) != 2 {
		t.Errorf("UUID %s, %d artifacts, want %s and 2", apart.UUID, len(apart.Artifacts), got.UUID)
	}
	if unformatted, err := os.ReadFile(bare); err != nil || !bytes.Equal(unformatted, data) {
		t.Errorf("the image was changed: %v", err)
	}

	_, err = FormatVerity(ctx, FormatOptions{Image: image}, progress.None())
	refused(t, err, CodeVerityParameters, "has a hash tree already")
	_, err = FormatVerity(ctx, FormatOptions{Image: writeFile(t, "behind", append(data, "x"...))}, progress.None())
	refused(t, err, CodeVerityParameters, "has 1 bytes behind its erofs file system")
	_, err = FormatVerity(ctx, FormatOptions{Image: bare, Salt: make([]byte, 257)}, progress.None())
	refused(t, err, CodeVerityParameters, "salt of 257 bytes")
	if _, err := FormatVerity(ctx, FormatOptions{Image: bare, Hash: hash}, progress.None()); !os.IsExist(err) {
		t.Errorf("a hash file was overwritten: %v", err)
	}
}

// TestFormatCancelled: an image is what it was when its tree could not be made.
func TestFormatCancelled(t *testing.T) {
	data := newErofs(t, 1<<20)
	image := writeFile(t, "image", data)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := FormatVerity(ctx, FormatOptions{Image: image}, progress.None()); err != context.Canceled {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if left, err := os.ReadFile(image); err != nil || !bytes.Equal(left, data) {
		t.Errorf("the image has %d bytes, want its %d: %v", len(left), len(data), err)
	}
}

func TestRefusedVerity(t *testing.T) {
	data := newErofs(t, 1<<20)
	path := writeFile(t, "image", data)
	if _, err := FormatVerity(context.Background(), FormatOptions{Image: path, Salt: []byte{1}}, progress.None()); err != nil {
		t.Fatal(err)
	}
	image, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	super := len(data)
	flip := func(offset int) []byte {
		changed := bytes.Clone(image)
		changed[offset] ^= 0x40
		return changed
	}
	put64 := func(offset int, value uint64) []byte {
		changed := bytes.Clone(image)
		binary.LittleEndian.PutUint64(changed[offset:], value)
		return changed
	}
	tests := []struct {
		name   string
		image  []byte
		offset int64
		code   Code
		want   string
	}{
		{"data altered", flip(5000), FindOffset, CodeVerityTree, "is not that of the data"},
		{"last data block altered", flip(super - 1), FindOffset, CodeVerityTree, "is not that of the data"},
		{"tree altered", flip(super + 4096 + 4096 + 31), FindOffset, CodeVerityTree, "is not that of the data"},
		{"root block altered", flip(super + 4096 + 1), FindOffset, CodeVerityTree, "is not that of the data"},
		{"padding of the tree altered", flip(len(image) - 1), FindOffset, CodeVerityTree, "is not that of the data"},
		{"salt altered", flip(super + 88), FindOffset, CodeVerityTree, "is not that of the data"},
		{"tree cut off", image[:len(image)-1], FindOffset, CodeVerityTree, "the hash tree ends at byte"},
		{"no tree", data, FindOffset, CodeVeritySuperblock, "no dm-verity superblock at byte"},
		{"superblock elsewhere", image, 4096, CodeVeritySuperblock, "no dm-verity superblock at byte 4096"},
		{"superblock behind the file", image, 1 << 40, CodeVeritySuperblock, "the file has"},
		{"version", put64(super+8, 2|1<<32), FindOffset, CodeVeritySuperblock, "version 2, hash format 1"},
		{"hash format", put64(super+8, 1), FindOffset, CodeVeritySuperblock, "version 1, hash format 0"},
		{"algorithm", flip(super + 32), FindOffset, CodeVeritySuperblock, "algorithm"},
		{"salt size", flip(super + 81), FindOffset, CodeVeritySuperblock, "salt of 16385 bytes"},
		{"block size", put64(super+64, 4096<<32|1000), FindOffset, CodeVeritySuperblock, "block size 1000"},
		{"no blocks", put64(super+72, 0), FindOffset, CodeVeritySuperblock, "0 data blocks"},
		{"2^63 blocks", put64(super+72, 1<<63), FindOffset, CodeVeritySuperblock, "9223372036854775808 data blocks"},
		{"more blocks than data", put64(super+72, uint64(super/4096+1)), FindOffset, CodeVeritySuperblock, "has room for"},
		// A tree over half of the file system would let the other half be anything.
		{"fewer blocks than data", put64(super+72, uint64(super/4096-1)), FindOffset, CodeVeritySuperblock, "the file system has"},
		{"bytes after the salt", flip(super + 300), FindOffset, CodeVeritySuperblock, "not zero"},
		{"no file system", make([]byte, 8192), FindOffset, CodeFileSystem, "no erofs, squashfs or ext4"},
		{"file system cut off", image[:8192], FindOffset, CodeFileSystem, "the file 8192"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Verity(context.Background(), VerityOptions{Image: writeFile(t, "image", tt.image), Offset: tt.offset}, progress.None())
			refused(t, err, tt.code, tt.want)
		})
	}
}

func TestFileSystems(t *testing.T) {
	squashfs := make([]byte, 8192)
	copy(squashfs, "hsqs")
	binary.LittleEndian.PutUint64(squashfs[40:], 5000)
	ext4 := make([]byte, 8192)
	binary.LittleEndian.PutUint16(ext4[1024+56:], 0xef53)
	binary.LittleEndian.PutUint32(ext4[1024+4:], 8)
	for want, image := range map[string][]byte{"squashfs": squashfs, "ext4": ext4, "erofs": newErofs(t, 1)} {
		path := writeFile(t, "image", image)
		if _, err := FormatVerity(context.Background(), FormatOptions{Image: path}, progress.None()); err != nil {
			t.Fatalf("%s: %v", want, err)
		}
		got, err := Verity(context.Background(), VerityOptions{Image: path, Offset: FindOffset}, progress.None())
		if err != nil {
			t.Fatalf("%s: %v", want, err)
		}
		if got.Measurement.FileSystem != want || got.Measurement.DataBlocks != uint64(len(image)/4096) {
			t.Errorf("got %s of %d blocks, want %s of %d", got.Measurement.FileSystem, got.Measurement.DataBlocks, want, len(image)/4096)
		}
		root, _ := simpleTree(image, nil, 4096, 4096)
		if got.Measurement.RootHash != hex.EncodeToString(root[:]) {
			t.Errorf("%s: root hash %s, want %s", want, got.Measurement.RootHash, root)
		}
	}
}

func FuzzSuperblock(f *testing.F) {
	layout, err := newVerityLayout(4096, 4096, 10, []byte{1})
	if err != nil {
		f.Fatal(err)
	}
	f.Add((&superblock{layout: layout}).marshal())
	f.Fuzz(func(t *testing.T, block []byte) {
		s, err := readSuperblock(bytes.NewReader(block), int64(len(block)), 0)
		if err == nil && !bytes.Equal(s.marshal(), block[:superblockSize]) {
			t.Error("a superblock was read and is written otherwise")
		}
	})
}
