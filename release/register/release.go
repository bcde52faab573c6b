package register

import (
	"slices"

	"github.com/muster-log/muster/release"
)

// versionKey is what has one identity for ever.
type versionKey struct{ product, channel, version string }

// identity is a combination of images in a channel: what all its entries share.
type identity struct {
	digest      release.Digest
	product     string
	channel     string
	version     string
	images      []*image // ascending payload digest
	withdrawals []*withdrawal
	entries     []uint64      // indices of all entries, struck ones too
	latest      *releaseEntry // the latest that is not struck; its notAfter is the latest too
	live        *releaseEntry
}

// releaseEntry is a logged release.
type releaseEntry struct {
	index      uint64
	digest     release.Digest
	identity   *identity
	issued     int64
	notAfter   int64
	reinstates []*withdrawal // ascending index
}

func (s *State) judgeRelease(p *Prepared, statement *release.Release) (effect, needs, *release.Refusal) {
	asks, _ := needsOf(p.Statement, nil)
	entry := &releaseEntry{index: s.Size(), digest: p.Digest, issued: statement.Issued.Unix(), notAfter: statement.NotAfter.Unix()}
	mode, refusal := channelMode(s.chain.Newest().Authority, statement.Channel)
	if refusal != nil {
		return nil, asks, refusal
	}
	limits := s.chain.Newest().Authority.Limits
	if refusal := checkNotAfter(statement, limits, s.logTime); refusal != nil {
		return nil, asks, refusal
	}
	if entry.identity, refusal = s.identityOf(statement, mode); refusal != nil {
		return nil, asks, refusal
	}
	if entry.reinstates, refusal = s.reinstated(statement, entry.identity); refusal != nil {
		return nil, asks, refusal
	}
	if refusal := entry.checkImagesReinstated(); refusal != nil {
		return nil, asks, refusal
	}
	if refusal := s.checkRoom(entry); refusal != nil {
		return nil, asks, refusal
	}
	return entry, asks, nil
}

// identityOf returns the identity that the release is a further entry of, after
// checking that it may be one, or else a new one that is not in the state yet.
// The images are checked either way: the channel's mode may have changed, and
// an image may have been struck.
func (s *State) identityOf(statement *release.Release, mode release.Mode) (*identity, *release.Refusal) {
	images, refusal := s.imagesOf(statement, mode)
	if refusal != nil {
		return nil, refusal
	}
	digest := statement.Identity()
	known := s.identities[digest]
	key := versionKey{statement.Product, statement.Channel, statement.Version}
	switch holder := s.versions[key]; {
	case known != nil && known.version != statement.Version:
		return nil, release.Refuse(CodeIdentityVersion, "predicate.version", statement.Version, known.version+", the version of this identity since index "+formatIndex(known.entries[0]))
	case holder != nil && holder != known:
		return nil, release.Refuse(CodeReleaseTaken, "predicate.version", statement.Version, "a version without a release; see index "+formatIndex(holder.entries[0]))
	case known == nil:
		return &identity{digest: digest, product: statement.Product, channel: statement.Channel, version: statement.Version, images: images}, nil
	}
	if known.latest != nil && statement.NotAfter.Unix() <= known.latest.notAfter {
		return nil, refuseTime(CodeNotAfterNotLater, "predicate.notAfter", statement.NotAfter.Unix(), "later than that of index "+formatIndex(known.latest.index)+",", known.latest.notAfter)
	}
	return known, nil
}

// imagesOf finds the images that a release names.
func (s *State) imagesOf(statement *release.Release, mode release.Mode) ([]*image, *release.Refusal) {
	images := make([]*image, len(statement.Images))
	hasOS := false
	for i, digest := range statement.Images {
		member := subjectMember(i)
		index, logged := s.byDigest[digest]
		if !logged {
			return nil, release.Refuse(CodeImageNotLogged, member, digest.String(), "the payload digest of a logged image")
		}
		r := &s.records[index]
		named, ok := r.effect.(*image)
		if !ok {
			return nil, release.Refuse(CodeImageNotLogged, member, string(r.typ)+" at index "+formatIndex(index), "the payload digest of a logged image")
		}
		if refusal := checkNamedImage(member, statement.Product, mode, named.key.product, named.production, " at index "+formatIndex(index)); refusal != nil {
			return nil, refusal
		}
		if r.struck {
			return nil, release.Refuse(CodeImageStruck, member, "the image at index "+formatIndex(index)+", struck at index "+formatIndex(r.struckBy), "an image that is not struck")
		}
		hasOS = hasOS || named.key.kind == string(release.KindOS)
		images[i] = named
	}
	if !hasOS {
		return nil, refuseNoOS()
	}
	return images, nil
}

// reinstated finds the withdrawals that a release lifts: each logged, and each
// covering this very identity or one of its images.
func (s *State) reinstated(statement *release.Release, of *identity) ([]*withdrawal, *release.Refusal) {
	var lifted []*withdrawal
	for i, digest := range statement.Reinstates {
		member := "predicate.reinstates[" + formatIndex(uint64(i)) + "]"
		index, logged := s.byDigest[digest]
		if !logged {
			return nil, release.Refuse(CodeReinstatesNoWithdrawal, member, digest.String(), "the payload digest of a logged withdrawal")
		}
		lift, ok := s.records[index].effect.(*withdrawal)
		if !ok {
			return nil, release.Refuse(CodeReinstatesNoWithdrawal, member, string(s.records[index].typ)+" at index "+formatIndex(index), "a withdrawal")
		}
		if !lift.covers(of) {
			return nil, release.Refuse(CodeReinstatesOther, member, "the withdrawal at index "+formatIndex(index), "one of this release or of an image of it")
		}
		lifted = append(lifted, lift)
	}
	slices.SortFunc(lifted, byIndex)
	return lifted, nil
}

// checkImagesReinstated judges that every withdrawal of every image is lifted.
// One of the identity may be left: then the entry is admitted, but not live.
func (e *releaseEntry) checkImagesReinstated() *release.Refusal {
	for i, named := range e.identity.images {
		if left := e.left(named.withdrawals); left != nil {
			return release.Refuse(CodeImageWithdrawn, subjectMember(i), "the image at index "+formatIndex(named.index)+", withdrawn at index "+formatIndex(left.index),
				"an image that is not withdrawn, or all its withdrawals in reinstates")
		}
	}
	return nil
}

// checkRoom judges that the product may have one more live release, if this
// entry makes one more.
func (s *State) checkRoom(entry *releaseEntry) *release.Refusal {
	if entry.identity.live != nil || entry.left(entry.identity.withdrawals) != nil {
		return nil
	}
	if p := s.products[entry.identity.product]; p != nil && len(p.live) >= release.MaxLive {
		return release.Refuse(CodeTooManyLive, "predicate.product", formatIndex(uint64(len(p.live)))+" live releases", "fewer than "+formatIndex(release.MaxLive)+"; withdraw one, or let one expire")
	}
	return nil
}

// left returns the first of the withdrawals that the entry does not lift, or nil.
func (e *releaseEntry) left(withdrawals []*withdrawal) *withdrawal {
	for _, w := range withdrawals {
		if _, lifted := slices.BinarySearchFunc(e.reinstates, w, byIndex); !lifted {
			return w
		}
	}
	return nil
}

// withdrawn reports whether a withdrawal covers the entry that it does not lift.
func (e *releaseEntry) withdrawn() bool {
	if e.left(e.identity.withdrawals) != nil {
		return true
	}
	return slices.ContainsFunc(e.identity.images, func(named *image) bool { return e.left(named.withdrawals) != nil })
}

func byIndex(a, b *withdrawal) int {
	switch {
	case a.index < b.index:
		return -1
	case a.index > b.index:
		return 1
	}
	return 0
}

// enter keeps the release under its identity, and makes it what is live of it
// if it can be. A struck one takes its version and counts for nothing else.
func (e *releaseEntry) enter(s *State, r *record) {
	id := e.identity
	if len(id.entries) == 0 {
		id.product, id.channel, id.version = s.product(id.product).name, s.keep(id.channel), s.keep(id.version)
		s.identities[id.digest] = id
		s.identityOrder = append(s.identityOrder, id)
		s.versions[versionKey{id.product, id.channel, id.version}] = id
		for _, named := range id.images {
			named.identities = append(named.identities, id)
		}
	}
	id.entries = append(id.entries, e.index)
	s.strikeAtBirth(e.index, r)
	if !r.struck {
		id.latest = e
	}
	s.settle(id)
}
