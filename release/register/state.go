package register

import (
	"time"

	"github.com/muster-log/muster/release"
)

// State is what the first Size entries of a log come to.
type State struct {
	chain   *Chain
	records []record // by index
	logTime int64    // seconds since 1970; meaningful once the chain has a link

	byDigest      map[release.Digest]uint64 // payload digest of admitted entries
	products      map[string]*product
	series        map[seriesKey]*series
	images        map[imageKey]uint64
	versions      map[versionKey]*identity
	identities    map[release.Digest]*identity
	identityOrder []*identity
	expiry        expiryQueue

	texts map[string]string // product, channel, name, version: kept once, and not with a whole payload
	// signers of entries repeat; a record keeps a number only.
	signerSets   [][]release.KeyID
	signerNumber map[string]uint32

	// Entries without effect, ascending: how many there were at any size.
	void      []uint64
	unknown   []uint64
	undecided []uint64
	// strikes holds the entries that an authority struck, by its index, ascending.
	strikes map[uint64][]uint64
}

// effect is what an admitted entry brings into the state: built by its judge
// without touching the state, entered when the entry is applied.
type effect interface {
	enter(s *State, r *record)
}

// New returns the state of a log without entries. origin is the log's own; an
// empty one is learnt from entry 0, for readers of a log that succeeds no other.
func New(origin string, with ...Option) *State {
	return &State{
		chain:        NewChain(origin, with...),
		byDigest:     make(map[release.Digest]uint64),
		products:     make(map[string]*product),
		series:       make(map[seriesKey]*series),
		images:       make(map[imageKey]uint64),
		versions:     make(map[versionKey]*identity),
		identities:   make(map[release.Digest]*identity),
		texts:        make(map[string]string),
		signerNumber: make(map[string]uint32),
		strikes:      make(map[uint64][]uint64),
	}
}

// Admit judges an entry at the next index by every rule, and by those that only
// admission has, at the time now of the log's clock. It changes nothing. The
// error is a *release.Refusal.
func (s *State) Admit(p *Prepared, now time.Time) error {
	at := now.Unix()
	if _, refusal := s.judge(p, &at); refusal != nil {
		return refusal
	}
	return nil
}

// Apply judges the next entry of the log and gives it its effect. The size
// grows by one whatever the bytes are.
func (s *State) Apply(entry []byte) Outcome {
	p, digest, refusal := decode(entry)
	if refusal == nil {
		return s.ApplyPrepared(p)
	}
	return s.record(record{digest: digest, refusal: refusal}, nil)
}

// ApplyPrepared is Apply for an entry that Prepare has decoded.
func (s *State) ApplyPrepared(p *Prepared) Outcome {
	r := record{digest: p.Digest, typ: p.Statement.Type, issued: p.Statement.Issued().Unix()}
	r.effect, r.refusal = s.judge(p, nil)
	if r.refusal == nil {
		r.authority = max(0, len(s.chain.links)-1)
		r.signers = s.internSigners(p.signers())
	}
	return s.record(r, p)
}

// judge applies the rules in an order in which cheap ones come before
// signatures. clock is the log's at admission, nil in a replay. It changes
// nothing in the state.
func (s *State) judge(p *Prepared, clock *int64) (effect, *release.Refusal) {
	if refusal := s.chain.checkPlace(s.Size(), p.Statement); refusal != nil {
		return nil, refusal
	}
	switch p.Statement.Predicate.(type) {
	case *release.Authority, *release.Image, *release.Release, *release.Withdrawal, *release.Roll:
	default:
		return nil, release.Refuse(CodeTypeNotAdmitted, "predicateType", p.Statement.URI, "a type whose rules are built")
	}
	if index, logged := s.byDigest[p.Digest]; logged {
		return nil, release.Refuse(CodeAlreadyLogged, "payload", p.Digest.String(), "a payload that is not logged; see index "+formatIndex(index))
	}
	if refusal := s.checkDates(p.Statement, clock); refusal != nil {
		return nil, refusal
	}
	if authority, ok := p.Statement.Predicate.(*release.Authority); ok {
		entered, refusal := s.judgeAuthority(p, authority)
		if refusal == nil {
			refusal = s.chain.verifyRoots(p, entered)
		}
		if refusal != nil {
			return nil, refusal
		}
		return entered, nil
	}
	return s.judgeUnderAuthority(p)
}

// judgeUnderAuthority judges everything but authorities.
func (s *State) judgeUnderAuthority(p *Prepared) (effect, *release.Refusal) {
	link := s.chain.Newest()
	if refusal := checkNamed(link, p.Statement); refusal != nil {
		return nil, refusal
	}
	if refusal := s.checkNotExpired(link, p.Statement); refusal != nil {
		return nil, refusal
	}
	var entered effect
	var asks needs
	var refusal *release.Refusal
	switch predicate := p.Statement.Predicate.(type) {
	case *release.Image:
		entered, asks, refusal = s.judgeImage(p, predicate)
	case *release.Release:
		entered, asks, refusal = s.judgeRelease(p, predicate)
	case *release.Withdrawal:
		entered, asks, refusal = s.judgeWithdrawal(predicate)
	case *release.Roll:
		entered, asks, refusal = s.judgeRoll(predicate)
	}
	if refusal == nil {
		refusal = link.admitsEntry(asks, p)
	}
	if refusal == nil {
		refusal = s.chain.verifySigners(p, (*Link).holds, link)
	}
	if refusal == nil {
		// Last: only who may sign can make what follows uncertain.
		refusal = p.notAdmitted
	}
	if refusal != nil {
		return nil, refusal
	}
	return entered, nil
}

// record appends what became of the next entry, and lets it take effect.
func (s *State) record(r record, p *Prepared) Outcome {
	index := s.Size()
	r.status = statusOf(r.refusal)
	s.records = append(s.records, r)
	switch r.status {
	case StatusVoid:
		s.void = append(s.void, index)
	case StatusUnknown:
		s.unknown = append(s.unknown, index)
		if undecided(r.refusal) {
			s.undecided = append(s.undecided, index)
		}
	case StatusAdmitted:
		s.byDigest[r.digest] = index
		s.advance(r.issued)
		r.effect.enter(s, &s.records[index])
	}
	return Outcome{Index: index, Digest: r.digest, Prepared: p, Status: r.status, Refusal: r.refusal}
}

// Size returns the number of entries applied, which is the next index.
func (s *State) Size() uint64 { return uint64(len(s.records)) }

// Origin returns the log's own origin; empty until it is learnt.
func (s *State) Origin() string { return s.chain.Origin() }

// Retired returns the index of the authority that retired the log by naming
// another origin; false while the log is in use.
func (s *State) Retired() (uint64, bool) { return s.chain.Retired() }

// Authority returns the authority in force for the next entry and its payload
// digest; nil before entry 0.
func (s *State) Authority() (*release.Authority, release.Digest) { return s.AuthorityAt(s.Size()) }

// AuthorityAt returns the authority in force at an index and its payload
// digest; nil if there was none.
func (s *State) AuthorityAt(index uint64) (*release.Authority, release.Digest) {
	if link := s.chain.At(index); link != nil {
		return link.Authority, link.Digest
	}
	return nil, release.Digest{}
}

// AuthorityChain returns the indices of all authority versions in force so far.
func (s *State) AuthorityChain() []uint64 {
	indices := make([]uint64, len(s.chain.links))
	for i, link := range s.chain.links {
		indices[i] = link.Index
	}
	return indices
}
