package release

import (
	"crypto/sha256"
	"time"
)

// Release approves a combination of images for a channel until a date.
type Release struct {
	Issued     time.Time
	Authority  Digest // payload digest of the authority in force
	Product    string
	Channel    string
	Version    string
	NotAfter   time.Time
	Reinstates []Digest // payload digests of withdrawals that this entry lifts
	Images     []Digest // payload digests of the images, 1 to 64: the subjects
	Note       string
}

// Identity returns what the release is regardless of version, dates and
// authority: a renewal has its identity.
func (r *Release) Identity() Digest { return Identity(r.Product, r.Channel, r.Images) }

// Identity returns the SHA-256 of the canonical JSON
// {"channel":...,"images":[{"sha256":...},...],"product":...}, images ascending.
func Identity(product, channel string, images []Digest) Digest {
	w := &writer{}
	w.open('{')
	w.text("channel", channel)
	writeSet(w, "images", images, (*writer).object)
	w.text("product", product)
	w.close('}')
	return sha256.Sum256(w.out)
}
