// Package bundle reads and writes proof bundles: what a node staples to its
// evidence so that a relying party can judge its release without asking the
// log. A bundle holds log entries with their inclusion proofs, one cosigned
// checkpoint, and older cosigned checkpoints (anchors) with consistency proofs.
// The format is docs/formats/proof-bundle.md.
//
// The package knows bytes and nothing else: a bundle that parses has one
// encoding, its orders, counts and lengths are right, and its checkpoints are
// of its origin. It promises nothing about signatures, proofs or statements:
// package verify judges those.
package bundle

import (
	"github.com/muster-log/muster/tlog"
)

// MediaType is the media type of a proof bundle.
const MediaType = "application/vnd.muster.proof-bundle.v1+json"

// Extension is the extension of a proof bundle's file name.
const Extension = ".muster"

const (
	// MaxSize is the greatest size of a proof bundle in bytes.
	MaxSize = 8 << 20
	// MaxAnchors is the greatest number of anchors.
	MaxAnchors = 8
	// MaxEntries is the greatest number of entries: the authority chain is at
	// most 32, the images of a release are at most 64.
	MaxEntries = 128
	// MaxIndex is the greatest index of an entry: integers in canonical JSON
	// go up to 2^53-1.
	MaxIndex = 1<<53 - 1
)

// Bundle is a proof bundle.
type Bundle struct {
	// Anchors are older checkpoints, ordered by size, then by their bytes.
	Anchors []Anchor
	// Checkpoint is a signed note, whole: the tree that every entry stands in.
	Checkpoint string
	// Entries are ordered by index; there is at least one.
	Entries []Entry
	// Origin is that of every checkpoint in the bundle.
	Origin string
}

// Anchor is an older cosigned checkpoint of the same log.
type Anchor struct {
	// Checkpoint is a signed note, whole, of at least one entry and at most
	// the size of the bundle's checkpoint.
	Checkpoint string
	// Consistency leads from this checkpoint to the bundle's, in the order of
	// RFC 6962, section 2.1.2.
	Consistency []tlog.Hash
}

// Entry is one entry of the log with its inclusion proof.
type Entry struct {
	// Envelope is the entry: its very bytes.
	Envelope []byte
	// Inclusion leads from the leaf's sibling up, as tlog.VerifyInclusion
	// takes it.
	Inclusion []tlog.Hash
	// Index is the entry's in the log, counted from 0.
	Index uint64
}
