package measure

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
)

// The erofs on-disk format, as far as images without compression have it.
//
// Spec: docs.kernel.org/filesystems/erofs.html, Linux fs/erofs/erofs_fs.h.
const (
	erofsMagic       = 0xe0f5e1e2
	erofsSuperblock  = 1024 // offset of the superblock, in bytes
	erofsSuperSize   = 128
	erofsBlockBits   = 12 // of the images made here
	erofsBlock       = 1 << erofsBlockBits
	erofsSlot        = 32 // an inode's number counts these from the beginning of the metadata
	erofsCompact     = 32 // bytes of an inode
	erofsExtended    = 64
	erofsDirent      = 12 // bytes of a directory entry before its name
	erofsPlain       = 0  // data layouts: all data in blocks
	erofsInline      = 2  // the last part of the data follows the inode
	erofsTypeFile    = 1
	erofsTypeDir     = 2
	modeTypeMask     = 0o170000
	modeDirectory    = 0o040000
	modeRegular      = 0o100000
	imageDirectories = modeDirectory | 0o555 // modes in the images made here
	imageFiles       = modeRegular | 0o444
)

// erofsLayout is an image before its files' data are written.
type erofsLayout struct {
	head    []byte  // superblock, inodes, directories: the image begins with it
	offsets []int64 // where each file's data begin, in bytes
	size    int64   // of the image, a multiple of erofsBlock
}

// erofsNode is a file or directory while an image is laid out.
type erofsNode struct {
	name     string
	parent   *erofsNode
	children []*erofsNode // of a directory
	file     int          // index of a file, -1: a directory
	size     int64
	nid      int
	block    int64
}

// layoutErofs lays out an image of files, which are sorted by path parts and
// named by slash-separated paths. The layout is a function of names and sizes
// alone: owner and times are 0, files have mode 0444 and directories 0555.
func layoutErofs(names []string, sizes []int64) (*erofsLayout, error) {
	root := &erofsNode{file: -1}
	root.parent = root
	nodes := []*erofsNode{root}
	directories := map[string]*erofsNode{"": root}
	var directory func(path string) *erofsNode
	directory = func(path string) *erofsNode {
		if found := directories[path]; found != nil {
			return found
		}
		above, name := splitPath(path)
		node := &erofsNode{name: name, parent: directory(above), file: -1}
		node.parent.children = append(node.parent.children, node)
		nodes = append(nodes, node)
		directories[path] = node
		return node
	}
	for i, path := range names {
		above, name := splitPath(path)
		node := &erofsNode{name: name, parent: directory(above), file: i, size: sizes[i]}
		node.parent.children = append(node.parent.children, node)
		nodes = append(nodes, node)
	}

	metadata := int64(erofsSuperblock + erofsSuperSize)
	for i, node := range nodes {
		node.nid = int(metadata)/erofsSlot + i*(erofsExtended/erofsSlot)
	}
	metadata += int64(len(nodes)) * erofsExtended
	next := (metadata + erofsBlock - 1) >> erofsBlockBits
	var listings [][]byte
	for _, node := range nodes {
		if node.file >= 0 {
			continue
		}
		listing := node.listing()
		node.size, node.block = int64(len(listing)), next
		next += (node.size + erofsBlock - 1) >> erofsBlockBits
		listings = append(listings, listing)
	}
	layout := &erofsLayout{head: make([]byte, next<<erofsBlockBits), offsets: make([]int64, len(names))}
	for _, node := range nodes {
		if node.file < 0 {
			copy(layout.head[node.block<<erofsBlockBits:], listings[0])
			listings = listings[1:]
		} else if node.size > 0 {
			node.block = next
			layout.offsets[node.file] = next << erofsBlockBits
			next += (node.size + erofsBlock - 1) >> erofsBlockBits
		}
		if next > math.MaxUint32 {
			return nil, refuse(CodeModelSize, "split the model into several images", "more than %d blocks of %d bytes: an erofs image cannot hold them", uint32(math.MaxUint32), erofsBlock)
		}
		node.inode(layout.head[node.nid*erofsSlot:])
	}
	layout.size = next << erofsBlockBits

	le, super := binary.LittleEndian, layout.head[erofsSuperblock:]
	le.PutUint32(super, erofsMagic)
	super[12] = erofsBlockBits
	le.PutUint16(super[14:], uint16(root.nid))
	le.PutUint64(super[16:], uint64(len(nodes)))
	le.PutUint32(super[36:], uint32(next))
	return layout, nil
}

// splitPath returns what stands before the last slash and after it.
func splitPath(path string) (above, name string) {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i], path[i+1:]
	}
	return "", path
}

// inode writes an extended inode.
func (n *erofsNode) inode(to []byte) {
	le, mode, links := binary.LittleEndian, uint16(imageFiles), 1
	if n.file < 0 {
		mode, links = imageDirectories, 2
		for _, child := range n.children {
			if child.file < 0 {
				links++
			}
		}
	}
	le.PutUint16(to, 1|erofsPlain<<1) // extended
	le.PutUint16(to[4:], mode)
	le.PutUint64(to[8:], uint64(n.size))
	le.PutUint32(to[16:], uint32(n.block))
	le.PutUint32(to[20:], uint32(n.nid))
	le.PutUint32(to[44:], uint32(links))
}

// listing returns a directory's data: in each block entries first, then names;
// all sorted by their bytes.
func (n *erofsNode) listing() []byte {
	type entry struct {
		name string
		node *erofsNode
	}
	entries := []entry{{".", n}, {"..", n.parent}}
	for _, child := range n.children {
		entries = append(entries, entry{child.name, child})
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	var data []byte
	for len(entries) > 0 {
		count, used := 0, 0
		for count < len(entries) && used+erofsDirent+len(entries[count].name) <= erofsBlock {
			used += erofsDirent + len(entries[count].name)
			count++
		}
		data = append(data, make([]byte, (erofsBlock-len(data)%erofsBlock)%erofsBlock)...)
		start := len(data)
		data = append(data, make([]byte, count*erofsDirent)...)
		for i, e := range entries[:count] {
			head := data[start+i*erofsDirent:]
			binary.LittleEndian.PutUint64(head, uint64(e.node.nid))
			binary.LittleEndian.PutUint16(head[8:], uint16(len(data)-start))
			head[10] = erofsTypeDir
			if e.node.file >= 0 {
				head[10] = erofsTypeFile
			}
			data = append(data, e.name...)
		}
		entries = entries[count:]
	}
	return data
}
