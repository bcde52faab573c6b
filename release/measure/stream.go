package measure

import (
	"context"
	"crypto/sha256"
	"hash"
	"io"

	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/release"
)

// bufferSize is how many bytes are read at once: enough that system calls cost
// nothing beside hashing, and small beside a processor's cache.
const bufferSize = 256 << 10

// stream reads ranges of files for one worker: while one buffer is hashed, the
// next is filled.
type stream struct {
	buffers [2][]byte
}

func newStream() *stream {
	return &stream{buffers: [2][]byte{make([]byte, bufferSize), make([]byte, bufferSize)}}
}

// read passes size bytes from offset on to each, in order, in pieces of at most
// bufferSize. It fails where fewer are there.
func (s *stream) read(ctx context.Context, from io.ReaderAt, offset, size int64, each func(piece []byte) error) error {
	if size <= bufferSize { // nothing to overlap
		if err := ctx.Err(); err != nil || size == 0 {
			return err
		}
		if err := readFull(from, s.buffers[0][:size], offset); err != nil {
			return err
		}
		return each(s.buffers[0][:size])
	}
	ctx, cancel := context.WithCancel(ctx)
	type filled struct {
		piece []byte
		err   error
	}
	full, free := make(chan filled), make(chan []byte, 2)
	free <- s.buffers[0]
	free <- s.buffers[1]
	go func() {
		defer close(full)
		for size > 0 && ctx.Err() == nil {
			piece := (<-free)[:min(bufferSize, size)]
			err := readFull(from, piece, offset)
			offset, size = offset+int64(len(piece)), size-int64(len(piece))
			select {
			case full <- filled{piece, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	defer func() { // the buffers are used again: their reader must be gone
		cancel()
		for range full {
		}
	}()
	for {
		next, more := <-full
		if !more {
			return ctx.Err()
		}
		if next.err != nil {
			return next.err
		}
		if err := each(next.piece); err != nil {
			return err
		}
		free <- next.piece[:bufferSize]
	}
}

// hash adds a range of a file to a digest and reports what is done.
func (s *stream) hash(ctx context.Context, digest hash.Hash, from io.ReaderAt, offset, size int64, report progress.Reporter) error {
	return s.read(ctx, from, offset, size, func(piece []byte) error {
		digest.Write(piece)
		report.Add(int64(len(piece)))
		return nil
	})
}

// sum returns the SHA-256 of a range of a file.
func (s *stream) sum(ctx context.Context, from io.ReaderAt, offset, size int64, report progress.Reporter) (release.Digest, error) {
	digest := sha256.New()
	if err := s.hash(ctx, digest, from, offset, size, report); err != nil {
		return release.Digest{}, err
	}
	return release.Digest(digest.Sum(nil)), nil
}

// readFull fills a buffer. A file that ends before is io.ErrUnexpectedEOF.
func readFull(from io.ReaderAt, buffer []byte, offset int64) error {
	n, err := from.ReadAt(buffer, offset)
	if n == len(buffer) {
		return nil
	}
	if err == nil || err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
