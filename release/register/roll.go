package register

import (
	"slices"
	"strconv"

	"github.com/muster-log/muster/release"
)

// roll is a logged roll.
type roll struct {
	index   uint64
	product string
	size    uint64
}

func (s *State) judgeRoll(statement *release.Roll) (effect, needs, *release.Refusal) {
	asks := needs{roles: rollRoles, product: statement.Product}
	if refusal := s.chain.checkRoll(s.Size(), statement); refusal != nil {
		return nil, asks, refusal
	}
	product := s.products[statement.Product]
	if product != nil {
		if newest := product.newestRoll(s.Size()); newest != nil && statement.Size < newest.size {
			return nil, asks, release.Refuse(CodeRollSizeBack, "predicate.size", strconv.FormatUint(statement.Size, 10),
				"at least "+strconv.FormatUint(newest.size, 10)+", which the roll at index "+formatIndex(newest.index)+" names")
		}
	}
	var live map[release.Digest]*releaseEntry
	if product != nil {
		live = product.at(statement.Size)
	}
	if refusal := checkRollList(statement.Live, live); refusal != nil {
		return nil, asks, refusal
	}
	return &roll{index: s.Size(), product: statement.Product, size: statement.Size}, asks, nil
}

// CheckRoll judges what a roll at an index says that needs no other entry than
// the authorities: its origin, its rules, a size that the log had, and one
// authority in force at its size and at its index. The error is a
// *release.Refusal.
func (c *Chain) CheckRoll(index uint64, statement *release.Roll) error {
	if refusal := c.checkRoll(index, statement); refusal != nil {
		return refusal
	}
	return nil
}

func (c *Chain) checkRoll(index uint64, statement *release.Roll) *release.Refusal {
	if statement.Origin != c.origin {
		return release.Refuse(CodeRollOrigin, "subject[0].name", statement.Origin, c.origin)
	}
	if statement.Rules != release.RollRules {
		return release.Refuse(CodeRollRules, "predicate.rules", strconv.Itoa(statement.Rules), strconv.Itoa(release.RollRules))
	}
	if statement.Size > index {
		return release.Refuse(CodeRollSizeAhead, "predicate.size", strconv.FormatUint(statement.Size, 10), "at most its own index "+formatIndex(index))
	}
	if c.At(statement.Size) != c.At(index) {
		return release.Refuse(CodeRollAuthority, "predicate.size", strconv.FormatUint(statement.Size, 10),
			"a size at which the authority is in force: above its index "+formatIndex(c.At(index).Index))
	}
	return nil
}

// checkRollList judges that a roll lists exactly what was live at its size.
// The list is a set, in the order of the digests.
func checkRollList(listed []release.Digest, live map[release.Digest]*releaseEntry) *release.Refusal {
	for i, digest := range listed {
		if live[digest] == nil {
			return release.Refuse(CodeRollLive, "predicate.live["+strconv.Itoa(i)+"]", digest.String(), "a release that was live at the roll's size")
		}
	}
	if len(listed) == len(live) {
		return nil
	}
	for _, entry := range sortedByDigest(live) {
		if !slices.Contains(listed, entry.digest) {
			return release.Refuse(CodeRollLive, "predicate.live", "a list without "+entry.digest.String(), "every release that was live at the roll's size")
		}
	}
	return nil
}

// enter keeps the roll as its product's newest. A struck one stays it: no roll
// after the authority that strikes it can name a size as small.
func (l *roll) enter(s *State, r *record) {
	of := s.product(l.product)
	l.product, of.rolls = of.name, append(of.rolls, l)
	s.strikeAtBirth(l.index, r)
}

// newestRoll returns the newest of the product's rolls that a log of that size
// has, or nil.
func (p *product) newestRoll(size uint64) *roll {
	for _, l := range slices.Backward(p.rolls) {
		if l.index < size {
			return l
		}
	}
	return nil
}

// NewestRoll returns the index of the newest roll of a product that the first
// size entries hold and do not strike: the one that goes into a bundle. It is
// false if there is none, or if the log has had no such size. What it says is of
// its own size, which may be long gone.
func (s *State) NewestRoll(product string, size uint64) (uint64, bool) {
	p := s.products[product]
	if p == nil || size > s.Size() {
		return 0, false
	}
	for _, l := range slices.Backward(p.rolls) {
		if l.index < size && !s.records[l.index].struckAt(size) {
			return l.index, true
		}
	}
	return 0, false
}
