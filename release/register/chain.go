package register

import (
	"slices"

	"github.com/muster-log/muster/release"
)

// Link is one version of the authority at its place in the log.
type Link struct {
	Index     uint64
	Digest    release.Digest // payload digest, which entries name as their authority
	Authority *release.Authority

	spki map[release.KeyID]release.Digest // what "distinct keys" counts
}

// Chain is the authority chain of one log: every version with its index, and
// the keys that it lists as compromised. A verifier who holds only some entries
// of a log builds a Chain from the authorities among them and judges the others
// with [Chain.CheckSigned] and [Chain.Struck]; a [State] does the same inside.
type Chain struct {
	origin  string
	options options
	links   []*Link                    // by version, ascending index
	begun   *Link                      // the first version that named the log's own origin
	retired *Link                      // the version that named another origin after that
	listed  map[release.KeyID]listing  // compromised, as listed, for this origin
	struck  map[release.Digest]listing // compromised, by SPKI
}

// NewChain returns the empty chain of the log with that origin. An empty origin
// is learnt from the first authority; a successor log, whose first authorities
// name older origins, cannot be read that way.
func NewChain(origin string, with ...Option) *Chain {
	return &Chain{
		origin:  origin,
		options: collect(with),
		listed:  make(map[release.KeyID]listing),
		struck:  make(map[release.Digest]listing),
	}
}

// Origin returns the log's own origin; empty until it is learnt.
func (c *Chain) Origin() string { return c.origin }

// Links returns every version in order. The slice is the caller's, the links are not.
func (c *Chain) Links() []*Link { return slices.Clone(c.links) }

// Newest returns the newest version, or nil.
func (c *Chain) Newest() *Link {
	if len(c.links) == 0 {
		return nil
	}
	return c.links[len(c.links)-1]
}

// At returns the version in force at an index or a tree size: the newest among
// the entries before it. It is nil before entry 0.
func (c *Chain) At(index uint64) *Link {
	for _, link := range slices.Backward(c.links) {
		if link.Index < index {
			return link
		}
	}
	return nil
}

// Retired returns the index of the authority that retired the log by naming
// another origin. What follows it is void.
func (c *Chain) Retired() (uint64, bool) {
	if c.retired == nil {
		return 0, false
	}
	return c.retired.Index, true
}

// Begun reports whether a version names the log's own origin. Until then a
// successor log admits nothing but its predecessors' authority chain.
func (c *Chain) Begun() bool { return c.begun != nil }

// Add checks that p is the next version of the authority (its place, its
// succession, its signatures) and appends it. Dates are not judged here: log
// time needs every entry. index is that of the entry in the log and greater
// than that of the version before. The error is a *release.Refusal.
func (c *Chain) Add(index uint64, p *Prepared) error {
	authority, ok := p.Statement.Predicate.(*release.Authority)
	if !ok {
		return release.Refuse(CodeVersionNotNext, "predicateType", string(p.Statement.Type), string(release.TypeAuthority))
	}
	if refusal := c.checkPlace(index, p.Statement); refusal != nil {
		return refusal
	}
	own := newLink(index, p.Digest, authority)
	refusal := c.checkSuccession(p, own)
	if refusal == nil {
		refusal = c.verifyRoots(p, own)
	}
	if refusal != nil {
		return refusal
	}
	c.append(own)
	return nil
}

// CheckSigned judges authority, role and signatures of an entry that is not an
// authority, at its index: the authority it names is the one in force there,
// one role of the needed name covers it, every signature is by a key of that
// role and verifies, and the threshold is met by distinct keys. target is the
// statement that a withdrawal names, and nil for all others. Expiry is not
// judged here. The error is a *release.Refusal.
func (c *Chain) CheckSigned(index uint64, p *Prepared, target *release.Statement) error {
	link := c.At(index)
	if link == nil {
		return release.Refuse(CodeNoAuthority, "", "no authority before the entry", "one in force at its index")
	}
	if refusal := c.checkPlace(index, p.Statement); refusal != nil {
		return refusal
	}
	if refusal := checkNamed(link, p.Statement); refusal != nil {
		return refusal
	}
	needs, ok := needsOf(p.Statement, target)
	if !ok {
		return release.Refuse(CodeTypeNotAdmitted, "predicateType", p.Statement.URI, "a type whose rules are built")
	}
	if refusal := link.admits(needs, p.signers()); refusal != nil {
		return refusal
	}
	if refusal := c.verifySigners(p, (*Link).holds, link); refusal != nil {
		return refusal
	}
	return nil
}

// append adds a checked version, with what it lists as compromised.
func (c *Chain) append(link *Link) {
	c.links = append(c.links, link)
	if c.origin == "" {
		c.origin = link.Authority.Origin
	}
	switch {
	case link.Authority.Origin != c.origin:
		if c.begun != nil {
			c.retired = link
		}
	case c.begun == nil:
		c.begun = link
	}
	c.list(link)
}

func newLink(index uint64, digest release.Digest, authority *release.Authority) *Link {
	link := &Link{Index: index, Digest: digest, Authority: authority, spki: make(map[release.KeyID]release.Digest, len(authority.Keys))}
	for id, key := range authority.Keys {
		spki, err := key.SPKI()
		if err != nil {
			// A foreign key without a readable SPKI is distinct by its id.
			spki = id
		}
		link.spki[id] = spki
	}
	return link
}
