package log

import (
	"sync"

	"github.com/muster-log/muster/release/register"
)

// maxRecent bounds the entries of recent, in bytes. Decoded they take some three
// times as much.
const maxRecent = 16 << 20

// recent holds entries as they were decoded for their admission, until the index
// takes them: reading and decoding them again costs as much as a fifth of
// admitting them. An entry that is not there is read from the storage.
type recent struct {
	mu      sync.Mutex
	decoded map[uint64]*register.Prepared
	bytes   int
}

func (r *recent) put(index uint64, p *register.Prepared) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.decoded == nil || r.bytes+len(p.Entry) > maxRecent {
		r.reset() // nobody takes them, or not as fast
	}
	r.decoded[index] = p
	r.bytes += len(p.Entry)
}

// take removes and returns the entry at an index, nil if it is not there.
func (r *recent) take(index uint64) *register.Prepared {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.decoded[index]
	if p != nil {
		delete(r.decoded, index)
		r.bytes -= len(p.Entry)
	}
	return p
}

// clear forgets all: what was admitted may not be what the storage holds.
func (r *recent) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reset()
}

func (r *recent) reset() {
	r.decoded, r.bytes = make(map[uint64]*register.Prepared), 0
}
