package client

import (
	"io"
	"sync"
)

// requestBody is a request's body over several attempts. Until one reads of it, its
// end is put off: a handshake that failed leaves it whole for the next.
type requestBody struct {
	body io.ReadCloser

	mu                    sync.Mutex
	read, closed, settled bool
}

func (b *requestBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	b.read = true
	b.mu.Unlock()
	return b.body.Read(p)
}

func (b *requestBody) Close() error {
	b.mu.Lock()
	b.closed = true
	through := b.read || b.settled
	b.mu.Unlock()
	if !through {
		return nil
	}
	return b.body.Close()
}

// again reports whether another attempt may have it.
func (b *requestBody) again() bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = false
	return !b.read
}

// settle says that there is no other attempt. A body that failed is closed.
func (b *requestBody) settle(failed bool) {
	if b == nil {
		return
	}
	b.mu.Lock()
	b.settled = true
	put := b.closed && !b.read || failed
	b.mu.Unlock()
	if put {
		b.body.Close()
	}
}
