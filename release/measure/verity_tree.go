package measure

import (
	"context"
	"crypto/sha256"
	"hash"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/release"
)

// compute returns the root hash of data and passes each hash block to sink, which
// is called by several goroutines. Memory does not grow with the data: a worker
// holds one hash block and what it reads, and each level above one block.
//
// Spec: docs.kernel.org/admin-guide/device-mapper/verity.html, hash format 1.
func (l *verityLayout) compute(ctx context.Context, data io.ReaderAt, sink func(level int, index int64, block []byte) error, report progress.Reporter) (release.Digest, error) {
	if len(l.levels) == 0 { // one data block: its digest is the root
		block := make([]byte, l.dataBlock)
		if err := readFull(data, block, 0); err != nil {
			return release.Digest{}, err
		}
		report.Add(int64(l.dataBlock))
		return newSalted(l.salt).sum(block), nil
	}

	// Workers each take the data of one hash block; ordered keeps the order in
	// which their digests enter the level above, and so how far one may run ahead.
	type job struct {
		index  int64
		digest chan release.Digest
	}
	n := workers()
	jobs, ordered := make(chan job), make(chan job, 4*n)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(jobs)
		defer close(ordered)
		for i := range l.levels[0] {
			next := job{i, make(chan release.Digest, 1)}
			for _, to := range []chan job{ordered, jobs} {
				select {
				case to <- next:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		}
		return nil
	})
	for range n {
		group.Go(func() error {
			w := l.newWorker()
			for next := range jobs {
				block, err := w.block(ctx, data, next.index, report)
				if err == nil {
					err = sink(0, next.index, block)
				}
				if err != nil {
					return err
				}
				next.digest <- w.hash.sum(block)
			}
			return nil
		})
	}
	upper := &upperLevels{layout: l, hash: newSalted(l.salt), sink: sink, blocks: make([][]byte, len(l.levels)), written: make([]int64, len(l.levels))}
	group.Go(func() error {
		for next := range ordered {
			select {
			case digest := <-next.digest:
				if err := upper.add(1, digest); err != nil {
					return err
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		return upper.finish()
	})
	if err := group.Wait(); err != nil {
		return release.Digest{}, err
	}
	return upper.root, nil
}

// salted hashes blocks behind a salt.
type salted struct {
	hash.Hash
	salt []byte
}

func newSalted(salt []byte) *salted { return &salted{sha256.New(), salt} }

func (s *salted) sum(block []byte) (digest release.Digest) {
	s.Reset()
	s.Write(s.salt)
	s.Write(block)
	s.Sum(digest[:0])
	return digest
}

// worker makes hash blocks of the lowest level.
type worker struct {
	layout *verityLayout
	hash   *salted
	read   []byte // a whole number of data blocks
	out    []byte // one hash block
}

func (l *verityLayout) newWorker() *worker {
	return &worker{layout: l, hash: newSalted(l.salt), read: make([]byte, max(bufferSize, l.dataBlock)), out: make([]byte, l.hashBlock)}
}

// block returns the hash block with the digests of the index-th group of data
// blocks, the last one filled up with zeros. It is valid until the next call.
func (w *worker) block(ctx context.Context, data io.ReaderAt, index int64, report progress.Reporter) ([]byte, error) {
	l := w.layout
	first := index * l.fan()
	offset, end := first*int64(l.dataBlock), min(first+l.fan(), l.dataBlocks)*int64(l.dataBlock)
	out := w.out[:0]
	for offset < end {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		piece := w.read[:min(int64(len(w.read)), end-offset)]
		if err := readFull(data, piece, offset); err != nil {
			return nil, err
		}
		offset += int64(len(piece))
		report.Add(int64(len(piece)))
		for ; len(piece) > 0; piece = piece[l.dataBlock:] {
			digest := w.hash.sum(piece[:l.dataBlock])
			out = append(out, digest[:]...)
		}
	}
	clear(w.out[len(out):])
	return w.out, nil
}

// upperLevels holds the unfinished block of each level above the lowest.
type upperLevels struct {
	layout  *verityLayout
	hash    *salted
	sink    func(int, int64, []byte) error
	blocks  [][]byte
	written []int64
	root    release.Digest
}

// add appends a digest to a level, and to those above when a block is full.
func (u *upperLevels) add(level int, digest release.Digest) error {
	if level == len(u.layout.levels) {
		u.root = digest
		return nil
	}
	u.blocks[level] = append(u.blocks[level], digest[:]...)
	if len(u.blocks[level]) < u.layout.hashBlock {
		return nil
	}
	return u.flush(level)
}

// flush ends a level's block, filled up with zeros.
func (u *upperLevels) flush(level int) error {
	block := append(u.blocks[level], make([]byte, u.layout.hashBlock-len(u.blocks[level]))...)
	if err := u.sink(level, u.written[level], block); err != nil {
		return err
	}
	u.written[level]++
	u.blocks[level] = block[:0]
	return u.add(level+1, u.hash.sum(block))
}

// finish ends the blocks that are not full, from below.
func (u *upperLevels) finish() error {
	for level := 1; level < len(u.layout.levels); level++ {
		if len(u.blocks[level]) > 0 {
			if err := u.flush(level); err != nil {
				return err
			}
		}
	}
	return nil
}
