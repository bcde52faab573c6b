package measure

import (
	"cmp"
	"context"
	"crypto/sha256"
	"slices"

	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/release"
)

// authenticode returns the Authenticode SHA-256 of a PE image: what a signature
// for Secure Boot signs, and what firmware extends PCR 4 by. It leaves out the
// checksum, the directory entry of the certificates and the certificates, so
// signing does not change it.
//
// What follows the sections is counted from the sum of the bytes hashed before,
// not from the end of the last section: so the specification has it, and so
// firmware does it where there are gaps between sections.
//
// Spec: Windows Authenticode Portable Executable Signature Format, "Calculating
// the PE image hash"; TCG PC Client Platform Firmware Profile, PCR 4.
func (p *peImage) authenticode(ctx context.Context, report progress.Reporter) (release.Digest, error) {
	type part struct{ offset, size int64 }
	parts := []part{{0, p.checksum}}
	next := p.checksum + 4
	if p.security != 0 {
		parts = append(parts, part{next, p.security - next})
		next = p.security + 8
	}
	parts = append(parts, part{next, p.headers - next})

	hashed := p.headers
	byOffset := slices.SortedFunc(slices.Values(p.sections), func(a, b peSection) int { return cmp.Compare(a.offset, b.offset) })
	for _, section := range byOffset {
		if section.size > 0 {
			parts = append(parts, part{section.offset, section.size})
			hashed += section.size
		}
	}
	if rest := p.size - p.certificates - hashed; rest > 0 {
		parts = append(parts, part{hashed, rest})
	}

	digest, reader := sha256.New(), newStream()
	for _, part := range parts {
		if err := reader.hash(ctx, digest, p, part.offset, part.size, report); err != nil {
			return release.Digest{}, err
		}
	}
	return release.Digest(digest.Sum(nil)), nil
}
