package register

import (
	"slices"

	"github.com/muster-log/muster/release"
)

// Covered returns the indices of what a withdrawal of an image or a release covers, as
// far as a log of that size has it, ascending: of an image that image and every entry
// of a release that names it, of a release every entry of its identity. Struck entries
// and those that reinstate the withdrawal are among them. It is none of a digest that
// is not that of a logged image or release.
func (s *State) Covered(target release.Digest, size uint64) []uint64 {
	index, logged := s.byDigest[target]
	if !logged || index >= size {
		return nil
	}
	var covered []uint64
	switch of := s.records[index].effect.(type) {
	case *image:
		covered = append(covered, index)
		for _, id := range of.identities {
			covered = append(covered, id.entries...)
		}
	case *releaseEntry:
		covered = slices.Clone(of.identity.entries)
	}
	slices.Sort(covered)
	return covered[:below(covered, size)]
}

// Reinstating returns the indices of the releases that lift the withdrawal at an index
// for themselves, as far as a log of that size has them, ascending.
func (s *State) Reinstating(withdrawn, size uint64) []uint64 {
	if withdrawn >= s.Size() {
		return nil
	}
	w, ok := s.records[withdrawn].effect.(*withdrawal)
	if !ok {
		return nil
	}
	record, _ := s.Entry(withdrawn)
	return slices.DeleteFunc(s.Covered(s.records[record.Target].digest, size), func(index uint64) bool {
		entry, ok := s.records[index].effect.(*releaseEntry)
		return !ok || entry.left([]*withdrawal{w}) != nil
	})
}

// Withdrawals returns the indices of the withdrawals in the log that cover a release,
// logged or not, by its identity or by an image of it, ascending: what it must list in
// reinstates to be live.
func (s *State) Withdrawals(stated *release.Release) []uint64 {
	var covering []*withdrawal
	if id := s.identities[stated.Identity()]; id != nil {
		covering = append(covering, id.withdrawals...)
	}
	for _, digest := range stated.Images {
		index, logged := s.byDigest[digest]
		if !logged {
			continue
		}
		if named, ok := s.records[index].effect.(*image); ok {
			covering = append(covering, named.withdrawals...)
		}
	}
	slices.SortFunc(covering, byIndex)
	return indices(covering)
}

// WithdrawnBy returns the indices of the withdrawals that cover the image or the
// release at an index and that it does not lift, as far as a log of that size has them,
// ascending: whatever else it fell by, which [State.WhyAt] tells first.
func (s *State) WithdrawnBy(index, size uint64) []uint64 {
	if index >= size || size > s.Size() {
		return nil
	}
	switch entry := s.records[index].effect.(type) {
	case *image:
		return indices(before(entry.withdrawals, size))
	case *releaseEntry:
		return entry.notLifted(size)
	}
	return nil
}
