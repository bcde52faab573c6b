package measure

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// erofsFile is a regular file in an image: its data are at most two ranges.
type erofsFile struct {
	name   string // slash-separated path
	size   int64
	ranges [2]struct{ offset, size int64 }
}

// The bounds of an image that is read for its files.
const (
	maxErofsNodes   = 4 * maxModelFiles
	maxErofsDepth   = 128
	maxErofsListing = 64 << 20 // bytes of all directories, which may overlap in the image
)

// erofsReader walks the directories of an image.
type erofsReader struct {
	io.ReaderAt
	size      int64 // of the file system, in bytes
	blockBits uint
	metadata  int64
	seen      map[uint64]bool // directories
	nodes     int
	listed    int64 // bytes of directories
	files     []erofsFile
}

// readErofs lists all files of an erofs image without compression. What it
// cannot vouch for, it refuses: compressed and chunked data, links, devices,
// several names of a directory, an order of names in which the kernel's search
// would not find what is listed.
func readErofs(image io.ReaderAt, size int64) ([]erofsFile, error) {
	super := make([]byte, erofsSuperSize)
	if size < erofsSuperblock+erofsSuperSize {
		return nil, refuse(CodeErofs, "", "an image of %d bytes", size)
	}
	if err := readFull(image, super, erofsSuperblock); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	if le.Uint32(super) != erofsMagic {
		return nil, refuse(CodeErofs, "make the image with muster measure model --image", "not an erofs file system: whether its files are the model's cannot be told")
	}
	// Bit 0 is set by mkfs.erofs -z, but also by some versions without it.
	if features := le.Uint32(super[80:]); features&^1 != 0 {
		return nil, refuse(CodeErofs, "make the image with mkfs.erofs without -z and other features, or with muster measure model --image", "erofs features %#x: only uncompressed images can be compared", features)
	}
	r := &erofsReader{ReaderAt: image, blockBits: uint(super[12]), seen: map[uint64]bool{}}
	if r.blockBits < 9 || r.blockBits > 16 || le.Uint16(super[86:]) != 0 {
		return nil, refuse(CodeErofs, "", "block size 2^%d or further devices, want 2^9 to 2^16 and none", r.blockBits)
	}
	r.size, r.metadata = int64(le.Uint32(super[36:]))<<r.blockBits, int64(le.Uint32(super[40:]))<<r.blockBits
	if r.size > size {
		return nil, refuse(CodeErofs, "", "a file system of %d bytes in an image of %d", r.size, size)
	}
	root := uint64(le.Uint16(super[14:]))
	if err := r.directory("", root, root, 0); err != nil {
		return nil, err
	}
	return r.files, nil
}

// erofsInode is what matters of an inode.
type erofsInode struct {
	mode uint16
	data erofsFile
}

func (r *erofsReader) inode(path string, nid uint64) (inode erofsInode, err error) {
	le := binary.LittleEndian
	bad := func(format string, args ...any) (erofsInode, error) {
		return inode, refuse(CodeErofs, "make the image with muster measure model --image", "%s: "+format, append([]any{quotePath("/" + path)}, args...)...)
	}
	if r.nodes++; r.nodes > maxErofsNodes {
		return bad("more than %d files and directories", maxErofsNodes)
	}
	if nid > uint64(r.size)/erofsSlot {
		return bad("inode %d lies outside the image", nid)
	}
	offset := r.metadata + int64(nid)*erofsSlot
	raw := make([]byte, erofsExtended)
	if err := r.within(raw[:erofsCompact], offset); err != nil {
		return bad("inode %d: %w", nid, err)
	}
	format, length := le.Uint16(raw), int64(erofsCompact)
	size := int64(le.Uint32(raw[8:]))
	if format&1 != 0 {
		length = erofsExtended
		if err := r.within(raw, offset); err != nil {
			return bad("inode %d: %w", nid, err)
		}
		if size = int64(le.Uint64(raw[8:])); size < 0 {
			return bad("size %d", uint64(size))
		}
	}
	if count := int64(le.Uint16(raw[2:])); count > 0 { // extended attributes
		length += 12 + 4*(count-1)
	}
	inode = erofsInode{mode: le.Uint16(raw[4:]), data: erofsFile{name: path, size: size}}
	block, whole := int64(1)<<r.blockBits, size
	switch layout := format >> 1 & 7; {
	case format>>4 != 0 || layout != erofsPlain && layout != erofsInline:
		return bad("its data layout is %#x: only data without compression and chunks can be compared", format)
	case layout == erofsInline:
		// The last block, a whole one too, follows the inode, within its block.
		whole = max(0, size-1) / block * block
		tail := offset + length
		if tail%block+size-whole > block {
			return bad("its last %d bytes follow the inode and cross a block", size-whole)
		}
		inode.data.ranges[1].offset, inode.data.ranges[1].size = tail, size-whole
	}
	if whole > 0 {
		inode.data.ranges[0].offset, inode.data.ranges[0].size = int64(le.Uint32(raw[16:]))<<r.blockBits, whole
	}
	for _, part := range inode.data.ranges {
		if part.size > 0 && (part.offset > r.size || part.size > r.size-part.offset) {
			return bad("its data lie outside the image")
		}
	}
	return inode, nil
}

// within reads bytes that must lie in the file system.
func (r *erofsReader) within(buffer []byte, offset int64) error {
	if offset < 0 || offset+int64(len(buffer)) > r.size {
		return fmt.Errorf("byte %d lies outside the image", offset)
	}
	return readFull(r, buffer, offset)
}

func (r *erofsReader) directory(path string, nid, parent uint64, depth int) error {
	inode, err := r.inode(path, nid)
	if err != nil {
		return err
	}
	bad := func(format string, args ...any) error {
		return refuse(CodeErofs, "make the image with muster measure model --image", "directory %s: "+format, append([]any{quotePath("/" + path)}, args...)...)
	}
	switch {
	case inode.mode&modeTypeMask != modeDirectory:
		return bad("mode %#o", inode.mode)
	case r.seen[nid] || depth > maxErofsDepth:
		return bad("a second name, or too deep")
	case inode.data.size > maxErofsListing-r.listed:
		return bad("%d bytes of names, and %d before: want at most %d in all", inode.data.size, r.listed, maxErofsListing)
	}
	r.seen[nid] = true
	r.listed += inode.data.size
	listing := make([]byte, 0, inode.data.size)
	for _, part := range inode.data.ranges {
		piece := make([]byte, part.size)
		if err := r.within(piece, part.offset); part.size > 0 && err != nil {
			return bad("%w", err)
		}
		listing = append(listing, piece...)
	}
	last, dots := "", 0
	for len(listing) > 0 {
		block := listing[:min(1<<r.blockBits, len(listing))]
		listing = listing[len(block):]
		entries, err := direntsOf(block)
		if err != nil {
			return bad("%w", err)
		}
		for _, entry := range entries {
			if entry.name <= last {
				return bad("%.80q after %.80q: names are not sorted", entry.name, last)
			}
			last = entry.name
			switch {
			case entry.name == "." && entry.nid == nid || entry.name == ".." && entry.nid == parent:
				dots++
			case entry.name == "." || entry.name == ".." || strings.ContainsAny(entry.name, "/\x00"):
				return bad("entry %.80q", entry.name)
			default:
				if err := r.entry(strings.TrimPrefix(path+"/"+entry.name, "/"), entry, nid, depth); err != nil {
					return err
				}
			}
		}
	}
	if dots != 2 {
		return bad("no entries . and ..")
	}
	return nil
}

func (r *erofsReader) entry(path string, entry erofsEntry, parent uint64, depth int) error {
	switch entry.kind {
	case erofsTypeDir:
		return r.directory(path, entry.nid, parent, depth+1)
	case erofsTypeFile:
		inode, err := r.inode(path, entry.nid)
		if err != nil {
			return err
		}
		if inode.mode&modeTypeMask != modeRegular {
			return refuse(CodeErofs, "", "%s: listed as a file, mode %#o", quotePath("/"+path), inode.mode)
		}
		r.files = append(r.files, inode.data)
		return nil
	}
	return refuse(CodeErofs, "make the image of files and directories alone", "%s is neither a file nor a directory", quotePath("/"+path))
}

type erofsEntry struct {
	nid  uint64
	kind byte
	name string
}

// direntsOf takes a block of a directory apart.
func direntsOf(block []byte) ([]erofsEntry, error) {
	le := binary.LittleEndian
	if len(block) < erofsDirent {
		return nil, fmt.Errorf("a block of %d bytes", len(block))
	}
	names := int(le.Uint16(block[8:]))
	if names < erofsDirent || names%erofsDirent != 0 || names > len(block) {
		return nil, fmt.Errorf("names from byte %d of a block of %d", names, len(block))
	}
	var entries []erofsEntry
	for i := 0; i < names; i += erofsDirent {
		start, end := int(le.Uint16(block[i+8:])), len(block)
		if i+erofsDirent < names {
			end = int(le.Uint16(block[i+erofsDirent+8:]))
		}
		if start < names || start >= end || end > len(block) {
			return nil, fmt.Errorf("a name from byte %d to %d of a block of %d", start, end, len(block))
		}
		name := block[start:end]
		if i+erofsDirent == names {
			name, _, _ = bytes.Cut(name, []byte{0})
		}
		entries = append(entries, erofsEntry{nid: le.Uint64(block[i:]), kind: block[i+10], name: string(name)})
	}
	return entries, nil
}
