package register

import (
	"slices"

	"github.com/muster-log/muster/release"
)

// listing is from which index on a key id is listed as compromised, and by
// which authority entry.
type listing struct {
	from uint64
	by   uint64 // index of the authority
}

// list takes over what a version lists as compromised for this origin. It is
// for good: a later version cannot take it back, only name an earlier index.
// A key is meant, not an id: the same key under another id is as compromised.
func (c *Chain) list(link *Link) {
	for _, entry := range link.Authority.Compromised {
		if entry.Origin != c.origin {
			continue
		}
		if known, ok := c.listed[entry.KeyID]; !ok || entry.From < known.from {
			c.listed[entry.KeyID] = listing{from: entry.From, by: link.Index}
		}
	}
	clear(c.struck)
	for id, entry := range c.listed {
		for _, version := range c.links {
			spki, ok := version.spki[id]
			if !ok {
				continue
			}
			if known, ok := c.struck[spki]; !ok || entry.from < known.from || (entry.from == known.from && entry.by < known.by) {
				c.struck[spki] = entry
			}
		}
	}
}

// strikes judges an entry at an index without all keys that are listed as
// compromised at or before it: it is struck if the signers that remain would
// not have been admitted by the authority then in force.
func (c *Chain) strikes(index uint64, link *Link, n needs, signers []release.KeyID) (by uint64, struck bool) {
	if len(c.struck) == 0 {
		return 0, false
	}
	remaining := make([]release.KeyID, 0, len(signers))
	for _, id := range signers {
		entry, ok := c.struck[link.spki[id]]
		if !ok || index < entry.from {
			remaining = append(remaining, id)
			continue
		}
		by = max(by, entry.by)
	}
	if len(remaining) == len(signers) {
		return 0, false
	}
	if len(remaining) > 0 && link.admits(n, remaining) == nil {
		return 0, false
	}
	return by, true
}

// Struck judges whether the authorities of the chain strike an entry at an
// index, and by the authority at which index. Only images, releases and rolls
// can be struck.
func (c *Chain) Struck(index uint64, p *Prepared) (by uint64, struck bool) {
	link := c.At(index)
	n, ok := needsOf(p.Statement, nil)
	if !ok || link == nil {
		return 0, false
	}
	return c.strikes(index, link, n, p.signers())
}

// strike judges every image, release and roll anew after the keys listed as
// compromised have changed, and then what is live. It is the one pass over the
// whole log, and happens at most once for each of 32 authority versions.
func (s *State) strike(by uint64) {
	for index := range s.records {
		r := &s.records[index]
		if r.struck || r.status != StatusAdmitted {
			continue
		}
		n, ok := r.needs()
		if !ok {
			continue
		}
		if _, struck := s.chain.strikes(uint64(index), s.chain.links[r.authority], n, s.signerSets[r.signers]); struck {
			r.struck, r.struckBy = true, by
			s.strikes[by] = append(s.strikes[by], uint64(index))
		}
	}
	s.countUnstruck()
	for _, id := range s.identityOrder {
		s.settle(id)
	}
}

// countUnstruck makes anew what struck entries do not count for: the greatest
// securityVersion of a series, and the latest notAfter of an identity.
func (s *State) countUnstruck() {
	for _, group := range s.series {
		group.greatest = 0
	}
	for _, id := range s.identityOrder {
		id.latest = nil
	}
	for index := range s.records {
		r := &s.records[index]
		if r.struck || r.status != StatusAdmitted {
			continue
		}
		switch entry := r.effect.(type) {
		case *image:
			entry.series.greatest = max(entry.series.greatest, entry.securityVersion)
		case *releaseEntry:
			entry.identity.latest = entry
		}
	}
}

// StruckBy returns the indices of the entries that the authority at an index
// strikes, as far as a log of that size has them, ascending.
func (s *State) StruckBy(authority, size uint64) []uint64 {
	if authority >= size {
		return nil
	}
	struck := s.strikes[authority]
	return slices.Clone(struck[:below(struck, size)])
}
