package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/bundle"
)

// loggedStatement is a statement of a bundle, whose authority, role and signatures
// were checked at its index.
type loggedStatement struct {
	index     uint64
	digest    release.Digest
	signers   []release.KeyID
	statement *release.Statement
	// version is that of the authority in force at its index.
	version uint64
	// struckBy is the index of the authority that strikes it; nil: none does.
	struckBy *uint64
}

// loggedBundle is what a bundle proves to be in its log, once its inclusion proofs
// hold: statements, in the order of the log.
type loggedBundle struct {
	origin   string
	size     uint64
	releases []loggedStatement
	images   []loggedStatement
}

// readLogged checks the authority chain of a bundle from entry 0 on, and that every
// release and image in it was signed by who may, under the authority of its moment.
// It is no verdict: it says nothing of what is live, and pins no authority.
func readLogged(b *bundle.Bundle) (*loggedBundle, error) {
	checkpoint, err := tlog.ParseCheckpoint([]byte(b.Checkpoint))
	if err != nil {
		return nil, err
	}
	logged := &loggedBundle{origin: b.Origin, size: checkpoint.Size}
	chain := register.NewChain(b.Origin)
	prepared := make([]*register.Prepared, len(b.Entries))
	for i, entry := range b.Entries {
		if prepared[i], err = register.Decode(entry.Envelope); err != nil {
			return nil, fmt.Errorf("entry %d of the bundle: %w", entry.Index, err)
		}
		if prepared[i].Statement.Type != release.TypeAuthority {
			continue
		}
		if err := chain.Add(entry.Index, prepared[i]); err != nil {
			return nil, fmt.Errorf("entry %d of the bundle, an authority: %w", entry.Index, err)
		}
	}
	for i, entry := range b.Entries {
		p := prepared[i]
		what := p.Statement.Type
		if what != release.TypeImage && what != release.TypeRelease {
			continue
		}
		if err := chain.CheckSigned(entry.Index, p, nil); err != nil {
			return nil, fmt.Errorf("entry %d of the bundle, %s: %w", entry.Index, article(what), err)
		}
		found := loggedStatement{index: entry.Index, digest: p.Digest, statement: p.Statement, version: uint64(chain.At(entry.Index).Authority.Version)}
		for _, signature := range p.Envelope.Signatures {
			found.signers = append(found.signers, signature.KeyID)
		}
		if by, struck := chain.Struck(entry.Index, p); struck {
			found.struckBy = &by
		}
		if image, ok := p.Statement.Predicate.(*release.Image); ok {
			if err := release.CheckImage(image); err != nil {
				return nil, fmt.Errorf("entry %d of the bundle, an image: %w", entry.Index, err)
			}
			logged.images = append(logged.images, found)
		} else {
			logged.releases = append(logged.releases, found)
		}
	}
	return logged, nil
}

// article is the type with its article.
func article(what release.Type) string {
	if what == release.TypeImage || what == release.TypeAuthority {
		return "an " + string(what)
	}
	return "a " + string(what)
}

// release returns the release that the bundle is of, the one of highest index, and
// its images by kind and name; all must be there.
func (l *loggedBundle) release() (*loggedStatement, []loggedStatement, error) {
	if len(l.releases) == 0 {
		return nil, nil, fail(exitcode.Refused, "no-release", "ask for the index or the digest of a release: muster release list", fmt.Errorf("the bundle holds no release"))
	}
	newest := &l.releases[len(l.releases)-1]
	var images []loggedStatement
	for _, digest := range newest.statement.Predicate.(*release.Release).Images {
		at := slices.IndexFunc(l.images, func(image loggedStatement) bool { return image.digest == digest })
		if at < 0 || l.images[at].index > newest.index {
			return nil, nil, fail(exitcode.Refused, "image-missing", "ask for a bundle that holds all of them: muster bundle get",
				fmt.Errorf("the bundle does not prove image %s of release %d, logged before it", digest, newest.index))
		}
		images = append(images, l.images[at])
	}
	slices.SortStableFunc(images, func(x, y loggedStatement) int { return strings.Compare(imageName(x), imageName(y)) })
	return newest, images, nil
}

// answers fails if the release is not the one that was asked for: by its index, its
// payload digest or its identity.
func (l *loggedStatement) answers(which string) error {
	asked := []string{fmt.Sprint(l.index), l.digest.String()}
	if stated, ok := l.statement.Predicate.(*release.Release); ok {
		asked = append(asked, stated.Identity().String())
	}
	if slices.Contains(asked, which) {
		return nil
	}
	return fail(exitcode.Refused, "other-entry", "", fmt.Errorf("the log answered with entry %d, %s: want %s", l.index, l.digest, which))
}
