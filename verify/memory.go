package verify

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog/fork"
	"github.com/muster-log/muster/tlog/memory"
)

const (
	// maxPins is the greatest number of pinned authorities in a memory.
	maxPins = 16
	// maxChains is the greatest number of logs in which the places of a pinned
	// authority's versions are remembered: as many as there are logs in a memory.
	maxChains = memory.MaxLogs
	// maxRolls is the greatest number of products of a pinned authority whose
	// newest roll is remembered.
	maxRolls = 64
	// maxAuthorityVersion is the greatest version of an authority.
	maxAuthorityVersion = release.MaxAuthorityVersion
)

// Memory is what a relying party remembers from verdict to verdict, so that no
// log, node or signer leads it back (docs/formats/memory.md): checkpoints of each
// log, of each pinned authority the highest version that something was signed under,
// the place of each version in each log, and of each of its products the newest
// roll. It never goes back. The zero Memory is empty.
//
// A judgement reads a memory and does not change it: what it has learnt stands in
// Verdict.Learned, for the caller to Merge and to store.
type Memory struct {
	// Logs are the checkpoints.
	Logs memory.Memory
	pins []pinned // by pin
}

// pinned is what is remembered under a pinned authority.
type pinned struct {
	pin     release.Digest // payload digest of entry 0
	version int            // the highest
	digest  release.Digest // its payload digest
	chains  []chainPlaces  // by origin
	rolls   []remembered   // by product
}

// chainPlaces is where the versions of an authority stand in a log: the smallest
// index seen of each from version 2 on. A log can append an authority's bytes again;
// they are void there, and in force at the first place.
type chainPlaces struct {
	origin  string
	indices []uint64 // rising
}

// remembered is the newest roll of a product. Rolls are in the order of version,
// size and time: the sizes of a log's rolls never go back, a successor log counts
// anew, and its rolls stand under later versions than any of the log before. Of two
// of one size the one that was issued later is newer. The index says nothing of
// that: a log can append an old roll again.
type remembered struct {
	product string
	version int    // of the authority in force at the roll
	index   uint64 // the smallest seen, in the log of that authority
	size    uint64
	issued  time.Time
	digest  release.Digest   // payload digest
	live    []release.Digest // ascending
}

// Remembered is what a memory holds under a pinned authority, for people.
type Remembered struct {
	Pin     release.Digest // payload digest of entry 0
	Version int            // the highest that something was signed under
	Digest  release.Digest // its payload digest
	Chains  []RememberedChain
	Rolls   []RememberedRoll
}

// RememberedChain is where an authority's versions stand in a log.
type RememberedChain struct {
	Origin  string
	Indices []uint64 // of versions 2, 3, ..., the smallest seen
}

// RememberedRoll is the newest roll of a product.
type RememberedRoll struct {
	Product string
	Version int    // of the authority in force at the roll
	Index   uint64 // the smallest seen, in the log of that authority
	Size    uint64
	Issued  time.Time
	Digest  release.Digest
	Live    []release.Digest
}

// Authorities returns what is remembered under each pinned authority, by pin.
func (m *Memory) Authorities() []Remembered {
	var all []Remembered
	for _, p := range m.pins {
		one := Remembered{Pin: p.pin, Version: p.version, Digest: p.digest}
		for _, c := range p.chains {
			one.Chains = append(one.Chains, RememberedChain{Origin: c.origin, Indices: slices.Clone(c.indices)})
		}
		for _, r := range p.rolls {
			one.Rolls = append(one.Rolls, RememberedRoll{Product: r.product, Version: r.version, Index: r.index, Size: r.size, Issued: r.issued, Digest: r.digest, Live: slices.Clone(r.live)})
		}
		all = append(all, one)
	}
	return all
}

// Empty reports a memory that holds nothing yet.
func (m *Memory) Empty() bool { return len(m.pins) == 0 && len(m.Logs.Origins()) == 0 }

// Newest returns the newest fresh time that was verified: no time before it is now.
// It is zero for an empty memory.
func (m *Memory) Newest() time.Time {
	if newest := m.Logs.Newest(); newest > 0 {
		return stamp(newest)
	}
	return time.Time{}
}

// Merge adds what another memory holds, and changes nothing for the older. It
// returns evidence that neither held: two processes that remember at once may each
// have seen one of two histories. What a verdict has learnt brings the keys that it
// trusts with it: evidence that they bear out takes the place of evidence that they
// do not. The error is memory.ErrFull.
func (m *Memory) Merge(other *Memory) ([]*fork.Evidence, error) {
	found, err := m.Logs.Merge(&other.Logs)
	for _, theirs := range other.pins {
		own, fault := m.of(theirs.pin)
		if fault != nil {
			return found, errors.Join(err, fault)
		}
		if own.version < theirs.version {
			own.version, own.digest = theirs.version, theirs.digest
		}
		for _, chain := range theirs.chains {
			err = errors.Join(err, own.place(chain))
		}
		for _, roll := range theirs.rolls {
			err = errors.Join(err, own.learn(roll))
		}
	}
	return found, err
}

// find returns where a pin stands, or would.
func (m *Memory) find(pin release.Digest) (int, bool) {
	return slices.BinarySearchFunc(m.pins, pin, func(p pinned, pin release.Digest) int { return p.pin.Compare(pin) })
}

// under returns what is remembered under a pin, or nil.
func (m *Memory) under(pin release.Digest) *pinned {
	if at, there := m.find(pin); there {
		return &m.pins[at]
	}
	return nil
}

// of returns what is remembered under a pin, and makes room for it.
func (m *Memory) of(pin release.Digest) (*pinned, error) {
	at, there := m.find(pin)
	if !there {
		if len(m.pins) >= maxPins {
			return nil, fmt.Errorf("pinned authority %s: %w: it holds %d; keep another file for this one", pin, memory.ErrFull, maxPins)
		}
		m.pins = slices.Insert(m.pins, at, pinned{pin: pin})
	}
	return &m.pins[at], nil
}

// roll returns where a product's roll stands, or would.
func (p *pinned) roll(product string) (int, bool) {
	return slices.BinarySearchFunc(p.rolls, product, func(r remembered, product string) int { return cmp.Compare(r.product, product) })
}

// places returns the known indices of the versions from 2 on in a log.
func (p *pinned) places(origin string) []uint64 {
	if at, there := p.chain(origin); there {
		return p.chains[at].indices
	}
	return nil
}

// chain returns where a log's chain stands, or would.
func (p *pinned) chain(origin string) (int, bool) {
	return slices.BinarySearchFunc(p.chains, origin, func(c chainPlaces, origin string) int { return cmp.Compare(c.origin, origin) })
}

// place remembers of every version the smaller index.
func (p *pinned) place(theirs chainPlaces) error {
	at, there := p.chain(theirs.origin)
	if !there {
		if len(p.chains) >= maxChains {
			return fmt.Errorf("authority in log %s: %w: it holds its places in %d logs", quote(theirs.origin), memory.ErrFull, maxChains)
		}
		p.chains = slices.Insert(p.chains, at, chainPlaces{origin: theirs.origin})
	}
	own := &p.chains[at]
	// Both rise, so what comes of both does, too.
	for i, index := range theirs.indices {
		if i < len(own.indices) {
			own.indices[i] = min(own.indices[i], index)
		} else {
			own.indices = append(own.indices, index)
		}
	}
	return nil
}

// learn remembers a roll if it is newer than the one that is remembered.
func (p *pinned) learn(roll remembered) error {
	at, there := p.roll(roll.product)
	switch {
	case there && roll.digest == p.rolls[at].digest:
		p.rolls[at].index = min(p.rolls[at].index, roll.index)
	case there && roll.compare(p.rolls[at]) > 0:
		p.rolls[at] = roll
	case there:
	case len(p.rolls) >= maxRolls:
		return fmt.Errorf("roll of %s: %w: it holds those of %d products of this authority", roll.product, memory.ErrFull, maxRolls)
	default:
		p.rolls = slices.Insert(p.rolls, at, roll)
	}
	return nil
}

// compare orders rolls of one product: zero is the same roll, wherever it stands.
func (r remembered) compare(other remembered) int {
	if r.digest == other.digest {
		return 0
	}
	return cmp.Or(cmp.Compare(r.version, other.version), cmp.Compare(r.size, other.size),
		r.issued.Compare(other.issued), r.digest.Compare(other.digest))
}
