package register

import (
	"container/heap"
	"maps"
	"slices"
	"sort"

	"github.com/muster-log/muster/release"
)

// snapshotEvery is after how many changes the list is kept whole, so that what was
// live at any size costs at most that many steps to know.
const snapshotEvery = 1024

// product holds what is live now and how that came to be.
type product struct {
	name      string
	since     uint64                           // the first size at which an entry names it
	live      map[release.Digest]*releaseEntry // by payload digest
	changes   []liveChange                     // ascending size
	snapshots [][]*releaseEntry                // the list before change number i*snapshotEvery
	rolls     []*roll                          // ascending index
}

// liveChange: from this size on, the entry is live or is not.
type liveChange struct {
	size  uint64
	entry *releaseEntry
	live  bool
}

// product returns a product's state, which it makes if it is new.
func (s *State) product(name string) *product {
	p := s.products[name]
	if p == nil {
		name = s.keep(name)
		p = &product{name: name, since: s.Size(), live: make(map[release.Digest]*releaseEntry)}
		s.products[name] = p
	}
	return p
}

// settle makes true what is live of an identity at the present size: its latest
// entry that is not struck, unless it is withdrawn, names a struck image or has
// expired by log time.
func (s *State) settle(id *identity) {
	var now *releaseEntry
	if entry := id.latest; entry != nil && entry.notAfter > s.logTime && !entry.withdrawn() && !s.namesStruck(id) {
		now = entry
	}
	if id.live == now {
		return
	}
	p := s.product(id.product)
	if id.live != nil {
		s.change(p, id.live, false)
	}
	id.live = now
	if now != nil {
		s.change(p, now, true)
		heap.Push(&s.expiry, now)
	}
}

// namesStruck reports whether an image of the identity is struck.
func (s *State) namesStruck(id *identity) bool {
	return slices.ContainsFunc(id.images, func(named *image) bool { return s.records[named.index].struck })
}

// change keeps one change of what is live from the present size on.
func (s *State) change(p *product, entry *releaseEntry, live bool) {
	if len(p.changes)%snapshotEvery == 0 {
		p.snapshots = append(p.snapshots, p.sorted())
	}
	p.changes = append(p.changes, liveChange{size: s.Size(), entry: entry, live: live})
	if live {
		p.live[entry.digest] = entry
	} else {
		delete(p.live, entry.digest)
	}
	for _, named := range entry.identity.images {
		named.series.count(named.securityVersion, live)
	}
}

// sorted returns what is live now, by payload digest.
func (p *product) sorted() []*releaseEntry { return sortedByDigest(p.live) }

// at returns what was live at a size, to be read only.
func (p *product) at(size uint64) map[release.Digest]*releaseEntry {
	if p.changedBy(size) == len(p.changes) {
		return p.live
	}
	live := make(map[release.Digest]*releaseEntry)
	p.retrace(size, func(entry *releaseEntry, isLive bool) {
		if isLive {
			live[entry.digest] = entry
		} else {
			delete(live, entry.digest)
		}
	})
	return live
}

// liveAt reports whether the entry was live at a size.
func (p *product) liveAt(entry *releaseEntry, size uint64) bool {
	if p.changedBy(size) == len(p.changes) {
		return p.live[entry.digest] == entry
	}
	live := false
	p.retrace(size, func(changed *releaseEntry, isLive bool) {
		if changed == entry {
			live = isLive
		}
	})
	return live
}

// changedBy returns how many changes there were up to a size.
func (p *product) changedBy(size uint64) int {
	return sort.Search(len(p.changes), func(i int) bool { return p.changes[i].size > size })
}

// retrace tells what was live at a size: some of it at first, then change by
// change. What is told last of an entry is so.
func (p *product) retrace(size uint64, tell func(entry *releaseEntry, live bool)) {
	count := p.changedBy(size)
	if count == len(p.changes) {
		for _, entry := range p.live {
			tell(entry, true)
		}
		return
	}
	number := count / snapshotEvery
	for _, entry := range p.snapshots[number] {
		tell(entry, true)
	}
	for _, change := range p.changes[number*snapshotEvery : count] {
		tell(change.entry, change.live)
	}
}

func sortedByDigest(live map[release.Digest]*releaseEntry) []*releaseEntry {
	return slices.SortedFunc(maps.Values(live), func(a, b *releaseEntry) int { return a.digest.Compare(b.digest) })
}

// expire ends what log time has overtaken.
func (s *State) expire() {
	for len(s.expiry) > 0 && s.expiry[0].notAfter <= s.logTime {
		entry := heap.Pop(&s.expiry).(*releaseEntry)
		if entry.identity.live == entry {
			s.settle(entry.identity)
		}
	}
}

// expiryQueue is a heap of entries that were live, the first to expire in front.
type expiryQueue []*releaseEntry

func (q expiryQueue) Len() int { return len(q) }
func (q expiryQueue) Less(i, j int) bool {
	if q[i].notAfter != q[j].notAfter {
		return q[i].notAfter < q[j].notAfter
	}
	return q[i].index < q[j].index
}
func (q expiryQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *expiryQueue) Push(x any)   { *q = append(*q, x.(*releaseEntry)) }
func (q *expiryQueue) Pop() any {
	old := *q
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return last
}
