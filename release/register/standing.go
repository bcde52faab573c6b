package register

import (
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
func (s *State) Why(index uint64) (Standing, bool) {
	if index >= s.Size() {
		return Standing{}, false
	}
	r := &s.records[index]
	switch {
	case r.status == StatusVoid:
		return Standing{Word: WordVoid}, true
	case r.status == StatusUnknown:
		return Standing{Word: WordUnknown}, true
	case r.struck:
		return Standing{Word: WordStruck, By: []uint64{r.struckBy}}, true
	}
	switch entry := r.effect.(type) {
	case *Link:
		if newest := s.chain.Newest(); newest != entry {
			return Standing{Word: WordSuperseded, By: []uint64{s.chain.links[entry.Authority.Version].Index}}, true
		}
	case *image:
		return s.whyImage(entry), true
	case *releaseEntry:
		return s.whyRelease(entry), true
	case *roll:
		if newest := s.products[entry.product].newestRoll; newest != entry {
			return Standing{Word: WordSuperseded, By: []uint64{newest.index}}, true
		}
		return Standing{Word: WordNewest}, true
	}
	return Standing{Word: WordInForce}, true
}

func (s *State) whyImage(named *image) Standing {
	var live []uint64
	for _, entry := range s.products[named.key.product].live {
		if slices.Contains(entry.identity.images, named) {
			live = append(live, entry.index)
		}
	}
	slices.Sort(live)
	switch {
	case len(live) > 0:
		return Standing{Word: WordLive, By: live}
	case len(named.withdrawals) > 0:
		return Standing{Word: WordWithdrawn, By: indices(named.withdrawals)}
	}
	return Standing{Word: WordNotReleased}
}

func (s *State) whyRelease(entry *releaseEntry) Standing {
	id := entry.identity
	if id.live == entry {
		return Standing{Word: WordLive}
	}
	if id.latest != entry {
		return Standing{Word: WordSuperseded, By: []uint64{id.latest.index}}
	}
	var struck []uint64
	for _, named := range id.images {
		if s.records[named.index].struck {
			struck = append(struck, named.index)
		}
	}
	if len(struck) > 0 {
		slices.Sort(struck)
		return Standing{Word: WordImageStruck, By: struck}
	}
	if covering := entry.notLifted(); len(covering) > 0 {
		return Standing{Word: WordWithdrawn, By: covering}
	}
	return Standing{Word: WordExpired}
}

// notLifted returns the indices of all withdrawals that cover the entry and
// that it does not lift.
func (e *releaseEntry) notLifted() []uint64 {
	all := slices.Clone(e.identity.withdrawals)
	for _, named := range e.identity.images {
		all = append(all, named.withdrawals...)
	}
	all = slices.DeleteFunc(all, func(w *withdrawal) bool {
		_, lifted := slices.BinarySearchFunc(e.reinstates, w, byIndex)
		return lifted
	})
	slices.SortFunc(all, byIndex)
	return indices(all)
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
func (s *State) Products() []string {
	names := make([]string, 0, len(s.products))
	for name := range s.products {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
