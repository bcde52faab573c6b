package register

import (
	"slices"

	"github.com/muster-log/muster/release"
)

// Verifier checks a signature of a key format that package release does not
// verify itself. It returns nil if sig is the key's signature over the DSSE
// pre-authentication encoding of payload, and must depend on nothing else.
type Verifier func(key release.Key, payload, sig []byte) error

// Option changes how signatures are judged.
type Option func(*options)

type options struct{ foreign Verifier }

// WithForeignVerifier sets what judges signatures of formats that package
// release has no verifier for (OpenPGP, X.509). Default: none; such a
// signature is then refused with code cannot-judge, and an entry of the log
// that carries one is unknown, not void.
func WithForeignVerifier(verifier Verifier) Option {
	return func(o *options) { o.foreign = verifier }
}

func collect(with []Option) options {
	var o options
	for _, option := range with {
		option(&o)
	}
	return o
}

// Prepared is an entry, decoded, with a note of which of its signatures have
// been verified. It is made by [Prepare] or [Decode] alone and its members are not to be
// changed. It belongs to one goroutine at a time: judging it may verify
// signatures and notes that too.
type Prepared struct {
	Entry     []byte
	Envelope  *release.Envelope
	Statement *release.Statement
	Digest    release.Digest // payload digest

	// notAdmitted: profile-not-admitted, of an image that is well formed otherwise.
	notAdmitted *release.Refusal
	// verified holds, a signature each, the format of the key that it was
	// verified by; with the key id, which hashes the key's bytes, that names
	// the key.
	verified []release.KeyFormat
	// supposed: a draft, judged as if those had signed it who must.
	supposed bool
}

// Prepare decodes an entry and verifies its signatures by the keys of known, an
// authority that is likely to be in force when the entry is judged, and by the
// keys of the authority that the entry itself states. known may be nil. It is
// pure and expensive: call it before any lock, on as many cores as there are.
//
// The signatures are verified only if their key ids could meet a role;
// everything else, and what the authority then in force says, is for Admit and
// ApplyPrepared. The error is a *release.Refusal about the form of the entry,
// or signature-invalid.
func Prepare(entry []byte, known *release.Authority, with ...Option) (*Prepared, error) {
	p, _, refusal := decode(entry)
	if refusal != nil {
		return nil, refusal
	}
	if p.notAdmitted != nil {
		return nil, p.notAdmitted
	}
	if refusal := p.verifyEarly(known, collect(with).foreign); refusal != nil {
		return nil, refusal
	}
	return p, nil
}

// Decode decodes an entry and verifies no signature: for who holds entries of
// unknown origin and judges them with a [Chain], which verifies each signature
// when it counts, after everything that is cheaper. The error is a
// *release.Refusal about the form of the entry.
//
// An image that is refused for its profile alone (profile-not-admitted) is
// returned together with that refusal: [Chain.CheckSigned] tells who signed it, and
// one that nobody of the authority signed is not worth waiting for a program that
// knows the profile.
func Decode(entry []byte) (*Prepared, error) {
	p, _, refusal := decode(entry)
	switch {
	case refusal != nil:
		return nil, refusal
	case p.notAdmitted != nil:
		return p, p.notAdmitted
	}
	return p, nil
}

// decode checks the form of an entry. The digest is that of the payload as soon
// as the envelope could be decoded, even if the statement could not. That a profile
// is not admitted is noted in what is prepared, and is no refusal yet.
func decode(entry []byte) (*Prepared, release.Digest, *release.Refusal) {
	envelope, err := release.ParseEnvelope(entry)
	if err != nil {
		return nil, release.Digest{}, asRefusal(err)
	}
	digest := envelope.PayloadDigest()
	statement, err := release.ParseStatement(envelope.Payload)
	refusal := asRefusal(err)
	if statement == nil {
		return nil, digest, refusal
	}
	return &Prepared{
		Entry:       entry,
		Envelope:    envelope,
		Statement:   statement,
		Digest:      digest,
		notAdmitted: refusal,
		verified:    make([]release.KeyFormat, len(envelope.Signatures)),
	}, digest, nil
}

// verifyEarly verifies what could be admitted under known.
func (p *Prepared) verifyEarly(known *release.Authority, foreign Verifier) *release.Refusal {
	var links []*Link
	var previous *Link
	if known != nil {
		previous = newLink(0, release.Digest{}, known)
		links = append(links, previous)
	}
	if authority, ok := p.Statement.Predicate.(*release.Authority); ok {
		own := newLink(0, p.Digest, authority)
		if authority.Version == 1 {
			previous = nil
		}
		if checkRoots(previous, own, p.signers()) != nil {
			return nil
		}
		links = append(links, own)
	} else if previous == nil || !previous.couldAdmit(p) {
		return nil
	}
	for i, id := range p.signers() {
		for _, link := range links {
			if !link.holds(id) {
				continue
			}
			if refusal := p.verify(i, link.Authority.Keys[id], foreign); refusal != nil && !undecided(refusal) {
				return refusal
			}
		}
	}
	return nil
}

// couldAdmit is admits for an entry whose product, kind and channel may not be
// known yet: some role of a needed name has all its signers and a met threshold.
func (l *Link) couldAdmit(p *Prepared) bool {
	var names []release.RoleName
	switch p.Statement.Predicate.(type) {
	case *release.Image:
		names = imageRoles
	case *release.Release:
		names = releaseRoles
	case *release.Roll:
		names = rollRoles
	case *release.Withdrawal:
		names = withdrawRoles
	}
	signers := p.signers()
	distinct := l.distinct(signers)
	return slices.ContainsFunc(l.Authority.Roles, func(role release.Role) bool {
		return slices.Contains(names, role.Name) && distinct >= role.Threshold &&
			!slices.ContainsFunc(signers, func(id release.KeyID) bool { return !slices.Contains(role.Keys, id) })
	})
}

// signers returns the key ids of the signatures, in their order.
func (p *Prepared) signers() []release.KeyID {
	ids := make([]release.KeyID, len(p.Envelope.Signatures))
	for i := range p.Envelope.Signatures {
		ids[i] = p.Envelope.Signatures[i].KeyID
	}
	return ids
}

// verify checks one signature by a key, unless that was done before.
func (p *Prepared) verify(i int, key release.Key, foreign Verifier) *release.Refusal {
	if p.verified[i] != "" && p.verified[i] == key.Format {
		return nil
	}
	sig := p.Envelope.Signatures[i].Sig
	err := key.Verify(p.Envelope.Payload, sig)
	if err != nil && foreign != nil && release.CodeOf(err) == release.CodeCannotJudge {
		err = foreign(key, p.Envelope.Payload, sig)
	}
	if err != nil {
		refusal := *asRefusal(err)
		if refusal.Code == "" {
			refusal.Code = release.CodeSignatureInvalid
		}
		refusal.Member = signatureMember(i)
		return &refusal
	}
	p.verified[i] = key.Format
	return nil
}
