package register

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/muster-log/muster/release"
)

// Word says in one word how an entry stands now.
type Word string

// The words for how an entry stands.
const (
	WordLive        Word = "live"         // a release that is live, or an image that a live release names
	WordNotReleased Word = "not-released" // an image that no live release names
	WordWithdrawn   Word = "withdrawn"    // covered by a withdrawal that it does not reinstate
	WordExpired     Word = "expired"      // notAfter is not after log time
	WordSuperseded  Word = "superseded"   // a later entry took its place
	WordStruck      Word = "struck"       // signed with a key listed as compromised
	WordImageStruck Word = "image-struck" // a release that names a struck image
	WordInForce     Word = "in-force"     // the newest authority, or a withdrawal
	WordNewest      Word = "newest"       // the newest roll of its product
	WordVoid        Word = "void"         // breaks a rule at its index
	WordUnknown     Word = "unknown"      // cannot be judged here
)

// Standing is how an entry stands at the present size, and the entries that
// are the reason: the withdrawals, the superseding or the striking entry, the
// struck images, or the live releases that name an image.
type Standing struct {
	Word Word
	By   []uint64 // indices, ascending
}

// String says the standing in words.
func (s Standing) String() string {
	if len(s.By) == 0 {
		return string(s.Word)
	}
	indices := make([]string, len(s.By))
	for i, index := range s.By {
		indices[i] = formatIndex(index)
	}
	by := " by "
	switch s.Word {
	case WordLive:
		by = " in release "
	case WordImageStruck:
		by = ": image "
	}
	return string(s.Word) + by + strings.Join(indices, ", ")
}

// Why returns how the entry at an index stands now; false if there is none.
func (s *State) Why(index uint64) (Standing, bool) { return s.WhyAt(index, s.Size()) }

// WhyAt is Why at a size that the log has had: what a state answered that the
// first size entries alone were applied to. It is false if the log has had no
// such size, or no such entry at it.
func (s *State) WhyAt(index, size uint64) (Standing, bool) {
	if index >= size || size > s.Size() {
		return Standing{}, false
	}
	r := &s.records[index]
	switch {
	case r.status == StatusVoid:
		return Standing{Word: WordVoid}, true
	case r.status == StatusUnknown:
		return Standing{Word: WordUnknown}, true
	case r.struckAt(size):
		return Standing{Word: WordStruck, By: []uint64{r.struckBy}}, true
	}
	switch entry := r.effect.(type) {
	case *Link:
		if s.chain.At(size) != entry {
			return Standing{Word: WordSuperseded, By: []uint64{s.chain.links[entry.Authority.Version].Index}}, true
		}
	case *image:
		return s.whyImage(entry, size), true
	case *releaseEntry:
		return s.whyRelease(entry, size), true
	case *roll:
		if newest := s.products[entry.product].newestRoll(size); newest != entry {
			return Standing{Word: WordSuperseded, By: []uint64{newest.index}}, true
		}
		return Standing{Word: WordNewest}, true
	}
	return Standing{Word: WordInForce}, true
}

func (s *State) whyImage(named *image, size uint64) Standing {
	naming := make(map[uint64]bool)
	s.products[named.key.product].retrace(size, func(entry *releaseEntry, live bool) {
		if !slices.Contains(entry.identity.images, named) {
			return
		}
		if live {
			naming[entry.index] = true
		} else {
			delete(naming, entry.index)
		}
	})
	if len(naming) > 0 {
		return Standing{Word: WordLive, By: slices.Sorted(maps.Keys(naming))}
	}
	if withdrawals := before(named.withdrawals, size); len(withdrawals) > 0 {
		return Standing{Word: WordWithdrawn, By: indices(withdrawals)}
	}
	return Standing{Word: WordNotReleased}
}

func (s *State) whyRelease(entry *releaseEntry, size uint64) Standing {
	id := entry.identity
	if s.products[id.product].liveAt(entry, size) {
		return Standing{Word: WordLive}
	}
	if latest := s.latestAt(id, size); latest != entry.index {
		return Standing{Word: WordSuperseded, By: []uint64{latest}}
	}
	var struck []uint64
	for _, named := range id.images {
		if s.records[named.index].struckAt(size) {
			struck = append(struck, named.index)
		}
	}
	if len(struck) > 0 {
		slices.Sort(struck)
		return Standing{Word: WordImageStruck, By: struck}
	}
	if covering := entry.notLifted(size); len(covering) > 0 {
		return Standing{Word: WordWithdrawn, By: covering}
	}
	return Standing{Word: WordExpired}
}

// latestAt returns the index of the latest entry of an identity that was not
// struck at a size; there is one.
func (s *State) latestAt(id *identity, size uint64) uint64 {
	for _, index := range slices.Backward(id.entries) {
		if index < size && !s.records[index].struckAt(size) {
			return index
		}
	}
	return id.entries[0]
}

// struckAt reports whether the entry was struck at a size: from the authority
// on that strikes it.
func (r *record) struckAt(size uint64) bool { return r.struck && r.struckBy < size }

// notLifted returns the indices of all withdrawals that cover the entry at a
// size and that it does not lift.
func (e *releaseEntry) notLifted(size uint64) []uint64 {
	all := slices.Clone(before(e.identity.withdrawals, size))
	for _, named := range e.identity.images {
		all = append(all, before(named.withdrawals, size)...)
	}
	all = slices.DeleteFunc(all, func(w *withdrawal) bool {
		_, lifted := slices.BinarySearchFunc(e.reinstates, w, byIndex)
		return lifted
	})
	slices.SortFunc(all, byIndex)
	return indices(all)
}

// before returns those of ascending withdrawals that a log of that size has.
func before(withdrawals []*withdrawal, size uint64) []*withdrawal {
	count, _ := slices.BinarySearchFunc(withdrawals, size, func(w *withdrawal, size uint64) int { return cmp.Compare(w.index, size) })
	return withdrawals[:count]
}

func indices(withdrawals []*withdrawal) []uint64 {
	list := make([]uint64, len(withdrawals))
	for i, w := range withdrawals {
		list[i] = w.index
	}
	return list
}

// LiveRelease is one live release: the latest entry of its identity.
type LiveRelease struct {
	Index    uint64
	Digest   release.Digest // payload digest, as a roll lists it
	Identity release.Digest
	Channel  string
	Version  string
	Issued   time.Time
	NotAfter time.Time
	Images   []release.Digest // payload digests, ascending
}

// Live returns what is live of a product at the present size, ascending by
// payload digest: the list of a roll of this size.
func (s *State) Live(product string) []LiveRelease {
	p := s.products[product]
	if p == nil {
		return nil
	}
	return publicLive(p.sorted())
}

// LiveAt is Live at a size that the log has had; false if it has not.
func (s *State) LiveAt(product string, size uint64) ([]LiveRelease, bool) {
	if size > s.Size() {
		return nil, false
	}
	p := s.products[product]
	if p == nil {
		return nil, true
	}
	return publicLive(sortedByDigest(p.at(size))), true
}

func publicLive(entries []*releaseEntry) []LiveRelease {
	list := make([]LiveRelease, len(entries))
	for i, entry := range entries {
		id := entry.identity
		list[i] = LiveRelease{
			Index:    entry.index,
			Digest:   entry.digest,
			Identity: id.digest,
			Channel:  id.channel,
			Version:  id.version,
			Issued:   time.Unix(entry.issued, 0).UTC(),
			NotAfter: time.Unix(entry.notAfter, 0).UTC(),
			Images:   make([]release.Digest, len(id.images)),
		}
		for j, named := range id.images {
			list[i].Images[j] = named.digest
		}
	}
	return list
}

// Products returns every product that an admitted entry names, in order.
func (s *State) Products() []string { return s.ProductsAt(s.Size()) }

// ProductsAt is Products at a size that the log has had.
func (s *State) ProductsAt(size uint64) []string {
	names := make([]string, 0, len(s.products))
	for name, p := range s.products {
		if p.since <= size {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
