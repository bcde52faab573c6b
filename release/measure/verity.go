package measure

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/bits"

	"golang.org/x/sync/errgroup"

	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/release"
)

// VerityOptions says where a file system and its dm-verity hash tree are.
type VerityOptions struct {
	Image string // the data, and behind it the superblock and the tree
	Hash  string // the file of superblock and tree, where they are not in Image
	// Offset is where the superblock begins, in bytes, in Hash or else in Image.
	// FindOffset: at the beginning of Hash; in Image behind the file system.
	Offset int64
}

// FindOffset asks for the place of the superblock to be found.
const FindOffset = -1

// VerityResult is what an image under dm-verity was measured as.
type VerityResult struct {
	Measurement release.Verity
	UUID        string             // of the superblock; nothing measures it
	Artifacts   []release.Artifact // the image, and the file of the tree if it is another
}

// Verity measures an image under dm-verity. Of the superblock it takes sizes and
// salt; the root hash is computed from all data, and every block of the stored
// tree is compared with the one computed.
func Verity(ctx context.Context, o VerityOptions, report progress.Reporter) (*VerityResult, error) {
	for _, path := range []string{o.Image, o.Hash} {
		if err := checkArtifactName(path); path != "" && err != nil {
			return nil, err
		}
	}
	image, err := open(o.Image)
	if err != nil {
		return nil, err
	}
	defer image.Close()
	files := []*source{image}
	tree := image
	if o.Hash != "" {
		if tree, err = open(o.Hash); err != nil {
			return nil, err
		}
		defer tree.Close()
		files = append(files, tree)
	}

	fileSystem, length, err := findFileSystem(image)
	if err != nil {
		return nil, at(o.Image, image.truncated(err))
	}
	if o.Offset == FindOffset {
		o.Offset = 0
		if o.Hash == "" {
			o.Offset = roundUp(length, defaultBlockSize)
		}
	}
	super, err := readSuperblock(tree, tree.size(), o.Offset)
	if err != nil {
		err = at(tree.path, tree.truncated(err))
		if e, ok := errors.AsType[*Error](err); ok && e.Hint == superblockHint {
			e.Hint += " " + quotePath(o.Image)
		}
		return nil, err
	}
	layout, offset := super.layout, super.treeOffset(o.Offset)
	if end := layout.dataSize(); end < length || end > image.size() || o.Hash == "" && end > o.Offset {
		return nil, &Error{Code: CodeVeritySuperblock, Path: tree.path, Hint: "make the tree again over the whole file system",
			Err: fmt.Errorf("the superblock has %d data blocks, %d bytes: the file system has %d, and the image has room for %d", layout.dataBlocks, end, length, dataRoom(o, image))}
	}
	if end := offset + layout.treeSize(); end > tree.size() {
		return nil, &Error{Code: CodeVerityTree, Path: tree.path, Hint: "make the tree again", Err: fmt.Errorf("the hash tree ends at byte %d, the file at %d", end, tree.size())}
	}

	result := &VerityResult{UUID: super.uuidText(), Artifacts: make([]release.Artifact, len(files))}
	total := layout.dataSize()
	for _, file := range files {
		total += file.size()
	}
	report.Start("hash tree of "+fileSystem, total)
	defer report.Done()
	root, err := func() (root release.Digest, err error) {
		group, ctx := errgroup.WithContext(ctx)
		for i, file := range files {
			group.Go(func() (err error) {
				result.Artifacts[i], err = artifactOf(ctx, file, MediaTypeFile, report)
				return err
			})
		}
		group.Go(func() (err error) {
			root, err = layout.compute(ctx, image, layout.compare(tree, offset), report)
			return at(tree.path, image.truncated(err))
		})
		return root, group.Wait()
	}()
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		if err := file.unchanged(); err != nil {
			return nil, err
		}
	}
	result.Measurement = release.Verity{
		RootHash: root.String(), Salt: hex.EncodeToString(layout.salt), Algorithm: release.VeritySHA256,
		DataBlockSize: uint64(layout.dataBlock), HashBlockSize: uint64(layout.hashBlock), DataBlocks: uint64(layout.dataBlocks),
		HashOffset: uint64(offset), FileSystem: fileSystem,
	}
	return result, nil
}

func dataRoom(o VerityOptions, image *source) int64 {
	if o.Hash == "" {
		return o.Offset
	}
	return image.size()
}

// superblock is what veritysetup writes in front of a tree
// (gitlab.com/cryptsetup/cryptsetup, wiki DMVerity, "Verity superblock format").
type superblock struct {
	layout verityLayout
	uuid   [16]byte
}

const (
	superblockSize   = 512
	defaultBlockSize = 4096
	maxSalt          = 256
)

var superblockMagic = []byte("verity\x00\x00")

// treeOffset is where the tree begins behind a superblock: at the next hash block.
func (s *superblock) treeOffset(offset int64) int64 {
	return roundUp(offset+superblockSize, int64(s.layout.hashBlock))
}

func (s *superblock) uuidText() string {
	text := hex.EncodeToString(s.uuid[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

func (s *superblock) marshal() []byte {
	le, block := binary.LittleEndian, make([]byte, superblockSize)
	copy(block, superblockMagic)
	le.PutUint32(block[8:], 1)  // version of the superblock
	le.PutUint32(block[12:], 1) // hash format: salt first
	copy(block[16:32], s.uuid[:])
	copy(block[32:64], release.VeritySHA256)
	le.PutUint32(block[64:], uint32(s.layout.dataBlock))
	le.PutUint32(block[68:], uint32(s.layout.hashBlock))
	le.PutUint64(block[72:], uint64(s.layout.dataBlocks))
	le.PutUint16(block[80:], uint16(len(s.layout.salt)))
	copy(block[88:88+maxSalt], s.layout.salt)
	return block
}

// superblockHint is what to do where there is no superblock; the name of the image
// belongs behind it.
const superblockHint = "give its place with --hash-offset, its file with --hash, or make one with muster measure verity --format"

// readSuperblock reads a superblock strictly: what it does not state, is zero.
func readSuperblock(file io.ReaderAt, size, offset int64) (*superblock, error) {
	if offset < 0 || offset+superblockSize > size {
		return nil, refuse(CodeVeritySuperblock, superblockHint, "no dm-verity superblock at byte %d: the file has %d bytes", offset, size)
	}
	block := make([]byte, superblockSize)
	if err := readFull(file, block, offset); err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(block, superblockMagic) {
		return nil, refuse(CodeVeritySuperblock, superblockHint, "no dm-verity superblock at byte %d", offset)
	}
	le := binary.LittleEndian
	algorithm := string(bytes.TrimRight(block[32:64], "\x00"))
	saltSize := int(le.Uint16(block[80:]))
	bad := func(format string, args ...any) (*superblock, error) {
		return nil, refuse(CodeVeritySuperblock, "make the tree again: sha256, hash format 1", "superblock at byte %d: "+format, append([]any{offset}, args...)...)
	}
	switch version, format := le.Uint32(block[8:]), le.Uint32(block[12:]); {
	case version != 1 || format != 1:
		return bad("version %d, hash format %d, want 1 and 1", version, format)
	case algorithm != release.VeritySHA256:
		return bad("algorithm %q, want %s", algorithm, release.VeritySHA256)
	case saltSize > maxSalt:
		return bad("salt of %d bytes, want at most %d", saltSize, maxSalt)
	}
	blocks := le.Uint64(block[72:])
	if blocks > 1<<53 {
		return bad("%d data blocks", blocks)
	}
	s := &superblock{uuid: [16]byte(block[16:32])}
	var err error
	if s.layout, err = newVerityLayout(le.Uint32(block[64:]), le.Uint32(block[68:]), int64(blocks), block[88:88+saltSize]); err != nil {
		return bad("%w", err)
	}
	if !bytes.Equal(s.marshal(), block) {
		return bad("bytes that are not zero where nothing is stated")
	}
	return s, nil
}

// findFileSystem names the file system of an image by its magic number, and says
// how many bytes it has.
func findFileSystem(file *source) (name string, length int64, err error) {
	head := make([]byte, min(4096, file.size()))
	if err := readFull(file, head, 0); err != nil {
		return "", 0, err
	}
	le := binary.LittleEndian
	var size uint64
	switch {
	case len(head) >= 2048 && le.Uint32(head[1024:]) == erofsMagic:
		name = "erofs"
		if bits := head[1024+12]; bits >= 9 && bits <= 16 {
			size = uint64(le.Uint32(head[1024+36:])) << bits
		}
	case len(head) >= 96 && bytes.HasPrefix(head, []byte("hsqs")):
		name, size = "squashfs", le.Uint64(head[40:])
	case len(head) >= 2048 && le.Uint16(head[1024+56:]) == 0xef53:
		name = "ext4"
		blocks := uint64(le.Uint32(head[1024+4:]))
		if le.Uint32(head[1024+96:])&0x80 != 0 { // 64bit
			blocks |= uint64(le.Uint32(head[1024+0x150:])) << 32
		}
		if bits := le.Uint32(head[1024+24:]); bits <= 6 && blocks < 1<<46 {
			size = blocks << (10 + bits)
		}
	default:
		return "", 0, refuse(CodeFileSystem, "make the image with mkfs.erofs or mksquashfs", "no erofs, squashfs or ext4 file system in the image")
	}
	if size == 0 || size > uint64(file.size()) {
		return "", 0, refuse(CodeFileSystem, "make the image again: it is cut off", "the %s file system has %d bytes, the file %d", name, size, file.size())
	}
	return name, int64(size), nil
}

func roundUp(n, to int64) int64 { return (n + to - 1) / to * to }

// verityLayout is the parameters of a hash tree, and where its blocks lie.
type verityLayout struct {
	dataBlock, hashBlock int // in bytes
	dataBlocks           int64
	salt                 []byte
	levels               []int64 // hash blocks a level, that of the data first
}

func newVerityLayout(dataBlock, hashBlock uint32, dataBlocks int64, salt []byte) (verityLayout, error) {
	for _, size := range []uint32{dataBlock, hashBlock} {
		if size < 512 || size > 64<<10 || bits.OnesCount32(size) != 1 {
			return verityLayout{}, fmt.Errorf("block size %d, want a power of two from 512 to 65536", size)
		}
	}
	if dataBlocks < 1 || dataBlocks > (1<<62)/int64(dataBlock) {
		return verityLayout{}, fmt.Errorf("%d data blocks", dataBlocks)
	}
	if len(salt) > maxSalt {
		return verityLayout{}, fmt.Errorf("salt of %d bytes, want at most %d", len(salt), maxSalt)
	}
	l := verityLayout{dataBlock: int(dataBlock), hashBlock: int(hashBlock), dataBlocks: dataBlocks, salt: bytes.Clone(salt)}
	for blocks := dataBlocks; blocks > 1; {
		blocks = (blocks + l.fan() - 1) / l.fan()
		l.levels = append(l.levels, blocks)
	}
	return l, nil
}

// fan is how many digests a hash block holds.
func (l *verityLayout) fan() int64 { return int64(l.hashBlock / sha256.Size) }

func (l *verityLayout) dataSize() int64 { return l.dataBlocks * int64(l.dataBlock) }

// treeSize is how many bytes the tree has.
func (l *verityLayout) treeSize() int64 {
	blocks := int64(0)
	for _, n := range l.levels {
		blocks += n
	}
	return blocks * int64(l.hashBlock)
}

// place is the offset of a hash block in the tree: the level of the root comes first.
func (l *verityLayout) place(level int, index int64) int64 {
	for _, n := range l.levels[level+1:] {
		index += n
	}
	return index * int64(l.hashBlock)
}

// compare returns a sink for compute that holds each block against the stored one.
func (l *verityLayout) compare(tree io.ReaderAt, offset int64) func(int, int64, []byte) error {
	return func(level int, index int64, block []byte) error {
		place := offset + l.place(level, index)
		stored := make([]byte, len(block))
		if err := readFull(tree, stored, place); err != nil {
			return err
		}
		if !bytes.Equal(stored, block) {
			return refuse(CodeVerityTree, "make the tree again, or the image where its data are what is wrong", "the hash block at byte %d is not that of the data: a machine could not read them", place)
		}
		return nil
	}
}
