package faultdisk

import "math/rand/v2"

const (
	// pageSize is what the page cache writes back at a time, in bytes.
	pageSize = 4096
	// sectorSize is what a disk writes whole or not at all, in bytes.
	sectorSize = 512
)

// An inode is a file, whatever its names are.
type inode struct {
	// live is its content as processes see it, disk what is durable of it.
	live, disk []byte
	// pending are the changes since the last sync.
	pending []change
}

// A change is how a file was after one write or truncation.
type change struct {
	size int
	// pages are those that became dirty, with their content, zeros behind the
	// end of the file.
	pages map[int][]byte
}

// blocks is how far a file can be written without another block.
func (n *inode) blocks() int { return (len(n.live) + pageSize - 1) / pageSize * pageSize }

// write takes the place of bytes, or makes the file longer.
func (n *inode) write(p []byte, at int) {
	n.live = longer(n.live, at+len(p))
	copy(n.live[at:], p)
	n.changed(at, at+len(p))
}

// resize cuts the file or makes it longer by zeros.
func (n *inode) resize(size int) {
	old := len(n.live)
	n.live = longer(n.live, size)[:size]
	// What was cut off and what was never written is zero when it is read.
	n.changed(min(size, old), max(size, old))
}

func (n *inode) changed(from, to int) {
	c := change{size: len(n.live), pages: make(map[int][]byte)}
	for page := from / pageSize; page*pageSize < to; page++ {
		c.pages[page] = slice(n.live, page*pageSize, pageSize)
	}
	n.pending = append(n.pending, c)
}

// sync makes every change durable.
func (n *inode) sync() {
	n.disk = longer(n.disk, len(n.live))[:len(n.live)]
	for _, c := range n.pending {
		for page, content := range c.pages {
			put(n.disk, page*pageSize, content)
		}
	}
	n.pending = nil
}

// fail is a sync that fails: of the dirty pages some sectors are kept, and all
// are clean from now on. The length is still to be synced.
func (n *inode) fail(random *rand.Rand) {
	if len(n.pending) == 0 {
		return
	}
	size := len(n.disk)
	grown := n.settle(random, len(n.live))
	n.disk = grown[:min(size, len(grown))]
	if len(n.live) > size {
		// Sectors that were written beyond the durable length are there once a
		// later sync makes the length durable.
		n.pending = []change{{size: len(n.live), pages: wholePages(grown, size)}}
		return
	}
	n.pending = []change{{size: len(n.live)}}
}

// wholePages are the pages of a content from an offset on.
func wholePages(content []byte, from int) map[int][]byte {
	pages := make(map[int][]byte)
	for page := from / pageSize; page*pageSize < len(content); page++ {
		pages[page] = slice(content, page*pageSize, pageSize)
	}
	return pages
}

// lose is what a loss of power leaves.
func (n *inode) lose(random *rand.Rand) []byte {
	size := len(n.disk)
	if len(n.pending) > 0 {
		if k := random.IntN(len(n.pending) + 1); k > 0 {
			size = n.pending[k-1].size
		}
	}
	return n.settle(random, size)
}

// settle picks, for each sector by itself, a moment since the last sync, and
// returns the file of that length.
func (n *inode) settle(random *rand.Rand, size int) []byte {
	content := fit(n.disk, size)
	// All of one kind is what most disks do most of the time, and what the
	// mixtures hardly ever come to.
	const nothing, everything, mixtures = 0, 1, 3
	mode := random.IntN(2 + mixtures)
	torn := -1
	dirty := n.dirtySectors()
	if len(dirty) > 0 && random.IntN(2) == 0 {
		torn = dirty[random.IntN(len(dirty))]
	}
	for _, sector := range dirty {
		versions := n.versions(sector)
		pick := random.IntN(len(versions))
		switch mode {
		case nothing:
			pick = 0
		case everything:
			pick = len(versions) - 1
		}
		put(content, sector*sectorSize, versions[pick])
		if other := versions[random.IntN(len(versions))]; sector == torn && len(other) > 0 {
			put(content, sector*sectorSize, other[:random.IntN(len(other))])
		}
	}
	return content
}

// dirtySectors are those of the pages that changed, in order.
func (n *inode) dirtySectors() []int {
	last := 0
	dirty := make(map[int]bool)
	for _, c := range n.pending {
		for page := range c.pages {
			dirty[page] = true
			last = max(last, page)
		}
	}
	var sectors []int
	for page := range last + 1 {
		for i := range pageSize / sectorSize {
			if dirty[page] {
				sectors = append(sectors, page*(pageSize/sectorSize)+i)
			}
		}
	}
	return sectors
}

// versions are the contents of a sector since the last sync, oldest first,
// each as long as the file was then.
func (n *inode) versions(sector int) [][]byte {
	const inPage = pageSize / sectorSize
	versions := [][]byte{slice(n.disk, sector*sectorSize, sectorSize)}
	for _, c := range n.pending {
		if page, ok := c.pages[sector/inPage]; ok {
			versions = append(versions, slice(page, sector%inPage*sectorSize, sectorSize))
		}
	}
	return versions
}

// longer returns content of at least that length, with zeros behind the old end.
func longer(content []byte, size int) []byte {
	if size <= len(content) {
		return content
	}
	return append(content, make([]byte, size-len(content))...)
}

// slice returns a copy of bytes from an offset, with zeros for those that are
// not there.
func slice(content []byte, from, length int) []byte {
	piece := make([]byte, length)
	if from < len(content) {
		copy(piece, content[from:])
	}
	return piece
}

// put copies a piece to its place, as far as the content goes.
func put(content []byte, at int, piece []byte) {
	if at < len(content) {
		copy(content[at:], piece)
	}
}

// fit returns a copy of that length, cut or with zeros.
func fit(content []byte, size int) []byte {
	fitted := make([]byte, size)
	copy(fitted, content)
	return fitted
}
