package tlog

import (
	"context"
	"fmt"
	"sync"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

// Prover computes proofs and roots of a tree of one size from its tiles.
//
// Every proof it returns has been verified against the tree's root: the one
// given to NewProverForRoot, else the one recomputed from the tree's right
// edge. A wrong hash in any tile on the way is thus an error, never a wrong
// proof. It reads O(log size) tiles a call, keeps none between calls, and is
// safe for concurrent use if its reader is.
type Prover struct {
	size   uint64
	reader TileReader

	mu   sync.Mutex
	root *Hash // known or recomputed; nil until then
}

// NewProver makes a prover for the tree of that size. Its root is recomputed
// when it is first needed: the proofs then fit the tiles, which says nothing
// about whether the tiles are the log's.
func NewProver(size uint64, r TileReader) *Prover {
	return &Prover{size: size, reader: r}
}

// NewProverForRoot makes a prover whose proofs lead to a root that the caller
// knows, for example from a checkpoint.
func NewProverForRoot(size uint64, root Hash, r TileReader) *Prover {
	return &Prover{size: size, reader: r, root: &root}
}

// Root recomputes the root from the right edge of the tiles. With
// NewProverForRoot, another root than the given one is ErrTile.
func (p *Prover) Root(ctx context.Context) (Hash, error) {
	root, err := p.newReading(ctx).root(p.size)
	if err != nil {
		return Hash{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.root == nil {
		p.root = &root
	}
	if *p.root != root {
		return Hash{}, fmt.Errorf("tree of size %d: %w: its right edge has root %s, want %s", p.size, ErrTile, root, *p.root)
	}
	return root, nil
}

// knownRoot returns the given root, or recomputes it once.
func (p *Prover) knownRoot(ctx context.Context) (Hash, error) {
	p.mu.Lock()
	root := p.root
	p.mu.Unlock()
	if root != nil {
		return *root, nil
	}
	return p.Root(ctx)
}

// Leaf returns the hash of the leaf at index, with the proof that it stands
// there.
func (p *Prover) Leaf(ctx context.Context, index uint64) (Hash, []Hash, error) {
	if index >= p.size {
		return Hash{}, nil, fmt.Errorf("inclusion of index %d: want an index below the tree's size, %d", index, p.size)
	}
	root, err := p.knownRoot(ctx)
	if err != nil {
		return Hash{}, nil, err
	}
	nodes, err := proof.Inclusion(index, p.size)
	if err != nil {
		return Hash{}, nil, fmt.Errorf("inclusion of index %d in size %d: %w", index, p.size, err)
	}
	reading := p.newReading(ctx)
	leaf, err := reading.node(compact.NewNodeID(0, index))
	if err != nil {
		return Hash{}, nil, err
	}
	hashes, err := reading.rehash(nodes)
	if err != nil {
		return Hash{}, nil, err
	}
	if err := VerifyInclusion(index, p.size, leaf, hashes, root); err != nil {
		return Hash{}, nil, fmt.Errorf("%w: %w", ErrTile, err)
	}
	return leaf, hashes, nil
}

// Inclusion returns the inclusion proof of the leaf at index.
func (p *Prover) Inclusion(ctx context.Context, index uint64) ([]Hash, error) {
	_, hashes, err := p.Leaf(ctx, index)
	return hashes, err
}

// Consistency returns the consistency proof from a smaller or equal size.
func (p *Prover) Consistency(ctx context.Context, from uint64) ([]Hash, error) {
	_, hashes, err := p.RootAt(ctx, from)
	return hashes, err
}

// RootAt returns the root that the tree had at a smaller or equal size, with
// the consistency proof from there.
func (p *Prover) RootAt(ctx context.Context, from uint64) (Hash, []Hash, error) {
	if from > p.size {
		return Hash{}, nil, fmt.Errorf("consistency from size %d: want at most the tree's size, %d", from, p.size)
	}
	if from == 0 {
		return EmptyRoot, nil, nil
	}
	root, err := p.knownRoot(ctx)
	if err != nil {
		return Hash{}, nil, err
	}
	if from == p.size {
		return root, nil, nil
	}
	reading := p.newReading(ctx)
	earlier, err := reading.root(from)
	if err != nil {
		return Hash{}, nil, err
	}
	nodes, err := proof.Consistency(from, p.size)
	if err != nil {
		return Hash{}, nil, fmt.Errorf("consistency of size %d with %d: %w", from, p.size, err)
	}
	hashes, err := reading.rehash(nodes)
	if err != nil {
		return Hash{}, nil, err
	}
	if err := VerifyConsistency(from, p.size, earlier, root, hashes); err != nil {
		return Hash{}, nil, fmt.Errorf("%w: %w", ErrTile, err)
	}
	return earlier, hashes, nil
}

// reading is one call's view of the tiles: each is read once.
type reading struct {
	ctx    context.Context
	size   uint64
	reader TileReader
	tiles  map[tileKey][]Hash
}

type tileKey struct{ level, index uint64 }

func (p *Prover) newReading(ctx context.Context) *reading {
	return &reading{ctx: ctx, size: p.size, reader: p.reader, tiles: make(map[tileKey][]Hash)}
}

// tile reads the tile as wide as it is in the tree of this size.
func (r *reading) tile(level, index uint64) ([]Hash, error) {
	key := tileKey{level, index}
	if hashes, ok := r.tiles[key]; ok {
		return hashes, nil
	}
	if err := r.ctx.Err(); err != nil {
		return nil, err
	}
	width := PartialWidth(level, index, r.size)
	if width == 0 {
		return nil, fmt.Errorf("tree of size %d has no tile %d/%d", r.size, level, index)
	}
	data, err := r.reader.ReadTile(r.ctx, level, index, width)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", TilePath(level, index, width), err)
	}
	hashes, err := ParseTile(data, width)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", TilePath(level, index, width), err)
	}
	r.tiles[key] = hashes
	return hashes, nil
}

// node computes the root of a perfect subtree from the one tile that spans it.
func (r *reading) node(id compact.NodeID) (Hash, error) {
	within := id.Level % TileHeight
	first := id.Index << within
	hashes, err := r.tile(uint64(id.Level/TileHeight), first/TileWidth)
	if err != nil {
		return Hash{}, err
	}
	at, n := int(first%TileWidth), 1<<within
	if at+n > len(hashes) {
		return Hash{}, fmt.Errorf("tree of size %d has no whole node %d on level %d", r.size, id.Index, id.Level)
	}
	return subtreeRoot(hashes[at : at+n]), nil
}

// subtreeRoot hashes a power of two of sibling nodes into their ancestor.
func subtreeRoot(hashes []Hash) Hash {
	if len(hashes) == 1 {
		return hashes[0]
	}
	half := len(hashes) / 2
	return NodeHash(subtreeRoot(hashes[:half]), subtreeRoot(hashes[half:]))
}

// root recomputes the root at a size up to the tree's from its right edge.
func (r *reading) root(size uint64) (Hash, error) {
	if size == 0 {
		return EmptyRoot, nil
	}
	if size > MaxSize {
		return Hash{}, fmt.Errorf("tree of size %d: want at most 2^63-1", size)
	}
	frontier, err := r.frontier(size)
	if err != nil {
		return Hash{}, err
	}
	return frontier.Root(), nil
}

func (r *reading) frontier(size uint64) (*Frontier, error) {
	frontier := &Frontier{size: size}
	for _, id := range compact.RangeNodes(0, size, nil) {
		hash, err := r.node(id)
		if err != nil {
			return nil, err
		}
		frontier.subtrees = append(frontier.subtrees, hash)
	}
	return frontier, nil
}

// rehash reads a proof's nodes and joins those that RFC 6962 sends as one.
func (r *reading) rehash(nodes proof.Nodes) ([]Hash, error) {
	read := make([][]byte, len(nodes.IDs))
	for i, id := range nodes.IDs {
		hash, err := r.node(id)
		if err != nil {
			return nil, err
		}
		read[i] = hash[:]
	}
	joined, err := nodes.Rehash(read, rfc6962.DefaultHasher.HashChildren)
	if err != nil {
		return nil, fmt.Errorf("join the nodes of a proof: %w", err)
	}
	var hashes []Hash
	for _, hash := range joined {
		hashes = append(hashes, Hash(hash))
	}
	return hashes, nil
}
