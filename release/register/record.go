package register

import (
	"slices"
	"strings"
	"time"

	"github.com/muster-log/muster/release"
)

// record is what is kept of every entry: no envelope and no statement, so that
// a long log fits into memory.
type record struct {
	digest    release.Digest
	typ       release.Type
	effect    effect // of an admitted entry
	refusal   *release.Refusal
	issued    int64
	authority int    // which version was in force at its index; of an admitted entry
	signers   uint32 // number of its signer set; of an admitted entry
	status    Status
	struck    bool
	struckBy  uint64
}

// Record is what the register keeps of an entry; the statement itself is in the
// entry's bytes, which whoever stores the log has.
type Record struct {
	Index   uint64
	Digest  release.Digest // payload digest; zero if the envelope cannot be decoded
	Type    release.Type   // empty for an unknown or undecodable one
	Status  Status
	Refusal *release.Refusal // of a void or unknown entry
	Issued  time.Time        // zero unless admitted
	Product string           // of an admitted image, release, withdrawal or roll
	// Identity of an admitted release; zero otherwise.
	Identity release.Digest
	// Target is the index of the image or of the first release that an
	// admitted withdrawal covers.
	Target uint64
	// Struck: an authority lists a key as compromised without which the entry
	// misses its threshold. StruckBy is that authority's index.
	Struck   bool
	StruckBy uint64
}

// Entry returns what is kept of the entry at an index; false if there is none.
func (s *State) Entry(index uint64) (Record, bool) {
	if index >= s.Size() {
		return Record{}, false
	}
	r := &s.records[index]
	public := Record{Index: index, Digest: r.digest, Type: r.typ, Status: r.status, Refusal: r.refusal, Struck: r.struck, StruckBy: r.struckBy}
	if r.status == StatusAdmitted {
		public.Issued = time.Unix(r.issued, 0).UTC()
	}
	switch entry := r.effect.(type) {
	case *image:
		public.Product = entry.key.product
	case *releaseEntry:
		public.Product, public.Identity = entry.identity.product, entry.identity.digest
	case *withdrawal:
		if entry.image != nil {
			public.Product, public.Target = entry.image.key.product, entry.image.index
		} else {
			public.Product, public.Target = entry.identity.product, entry.identity.entries[0]
		}
	case *roll:
		public.Product = entry.product
	}
	return public, true
}

// Lookup returns the index of the admitted entry with a payload digest. The log
// answers the same payload again with that index. Void and unknown entries are
// not found: they do not keep a payload from being logged.
func (s *State) Lookup(payload release.Digest) (uint64, bool) {
	index, ok := s.byDigest[payload]
	return index, ok
}

// Identity returns the indices of all admitted entries of an identity,
// ascending, struck ones too.
func (s *State) Identity(identity release.Digest) []uint64 {
	id := s.identities[identity]
	if id == nil {
		return nil
	}
	return slices.Clone(id.entries)
}

// OldestAt returns the oldest entry that an identity has at a size of the log, from
// which the age of its releases is counted. A struck one counts for no age.
func (s *State) OldestAt(identity release.Digest, size uint64) (uint64, bool) {
	id := s.identities[identity]
	if id == nil {
		return 0, false
	}
	for _, index := range id.entries {
		if index < size && !s.records[index].struckAt(size) {
			return index, true
		}
	}
	return 0, false
}

// Void returns how many entries are void: each is a fault of the log.
func (s *State) Void() uint64 { return uint64(len(s.void)) }

// VoidAt is Void at a size that the log has had.
func (s *State) VoidAt(size uint64) uint64 { return below(s.void, size) }

// Unknown returns how many entries this register gives no effect because it
// does not know their type or cannot judge them.
func (s *State) Unknown() uint64 { return uint64(len(s.unknown)) }

// UnknownAt is Unknown at a size that the log has had.
func (s *State) UnknownAt(size uint64) uint64 { return below(s.unknown, size) }

// below counts the indices of entries that a log of that size has.
func below(indices []uint64, size uint64) uint64 {
	count, _ := slices.BinarySearch(indices, size)
	return uint64(count)
}

// Undecided returns the indices of entries of known types that this register
// cannot judge: signatures or measurements it has no verifier for. While there
// is one, what is live and what is void after it is not certain. With a verifier
// for every key format of the authorities ([WithForeignVerifier]) only who holds
// the keys of a role can bring one about.
func (s *State) Undecided() []uint64 { return slices.Clone(s.undecided) }

// internSigners returns the number of a set of signers.
func (s *State) internSigners(signers []release.KeyID) uint32 {
	key := make([]byte, 0, len(signers)*len(release.KeyID{}))
	for _, id := range signers {
		key = append(key, id[:]...)
	}
	number, ok := s.signerNumber[string(key)]
	if !ok {
		number = uint32(len(s.signerSets))
		s.signerSets = append(s.signerSets, signers)
		s.signerNumber[string(key)] = number
	}
	return number
}

// keep returns a text that equals the given one and shares no memory with the
// payload it was read from.
func (s *State) keep(text string) string {
	kept, ok := s.texts[text]
	if !ok {
		kept = strings.Clone(text)
		s.texts[kept] = kept
	}
	return kept
}

// needs returns what an entry that can be struck asked of its authority.
func (r *record) needs() (needs, bool) {
	switch entry := r.effect.(type) {
	case *image:
		return entry.needs(), true
	case *releaseEntry:
		return entry.identity.needs(), true
	case *roll:
		return needs{roles: rollRoles, product: entry.product}, true
	}
	return needs{}, false
}

func (i *image) needs() needs {
	return needs{roles: imageRoles, product: i.key.product, kind: i.key.kind}
}

func (id *identity) needs() needs {
	return needs{roles: releaseRoles, product: id.product, channel: id.channel}
}

// strikeAtBirth marks an entry that an authority before it strikes already.
func (s *State) strikeAtBirth(index uint64, r *record) {
	if n, ok := r.needs(); ok {
		if r.struckBy, r.struck = s.chain.strikes(index, s.chain.links[r.authority], n, s.signerSets[r.signers]); r.struck {
			s.strikes[r.struckBy] = append(s.strikes[r.struckBy], index)
		}
	}
}
