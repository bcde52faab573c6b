// Package tlogtest makes transparency logs for tests: entries, tree and
// witnesses in memory, keys from names. Roots and proofs come straight from
// the definitions of RFC 6962 and share no code with what they test.
//
// Anyone can make these keys: never trust one.
package tlogtest

import (
	"bytes"
	"slices"
	"testing"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/bundle"
	"github.com/muster-log/muster/tlog/policy"
)

// Log is a log that signs whatever a test wants.
type Log struct {
	tb     testing.TB
	Origin string
	// Key is Key(Origin), of type 0x01.
	Key     *tlog.SigningKey
	entries [][]byte
	leaves  []tlog.Hash
}

// NewLog returns an empty log.
func NewLog(tb testing.TB, origin string) *Log {
	tb.Helper()
	return &Log{tb: tb, Origin: origin, Key: Key(tb, origin, tlog.TypeEd25519)}
}

// Add appends entries and returns the index of the first.
func (l *Log) Add(entries ...[]byte) uint64 {
	first := uint64(len(l.entries))
	for _, entry := range entries {
		l.entries = append(l.entries, bytes.Clone(entry))
		l.leaves = append(l.leaves, leafHash(entry))
	}
	return first
}

// Fork returns a log of the same origin and key that has the first entries of
// this one in common.
func (l *Log) Fork(at uint64) *Log {
	return &Log{tb: l.tb, Origin: l.Origin, Key: l.Key, entries: slices.Clone(l.entries[:at]), leaves: slices.Clone(l.leaves[:at])}
}

// Size returns the number of entries.
func (l *Log) Size() uint64 { return uint64(len(l.entries)) }

// Entry returns the entry at an index.
func (l *Log) Entry(index uint64) []byte { return l.entries[index] }

// Root returns the root at a size.
func (l *Log) Root(size uint64) tlog.Hash { return root(l.leaves[:size]) }

// Inclusion returns the inclusion proof of an entry in the tree of a size.
func (l *Log) Inclusion(index, size uint64) []tlog.Hash {
	return inclusion(int(index), l.leaves[:size])
}

// Consistency returns the proof from one size to another.
func (l *Log) Consistency(from, to uint64) []tlog.Hash {
	if from == 0 {
		return nil
	}
	return consistency(int(from), l.leaves[:to], true)
}

// Checkpoint returns the checkpoint at a size, signed by the log and the
// cosigners.
func (l *Log) Checkpoint(size uint64, cosigners ...At) *tlog.SignedCheckpoint {
	l.tb.Helper()
	return l.Sign(tlog.Checkpoint{Origin: l.Origin, Size: size, Root: l.Root(size)}, cosigners...)
}

// Sign signs any checkpoint.
func (l *Log) Sign(checkpoint tlog.Checkpoint, cosigners ...At) *tlog.SignedCheckpoint {
	l.tb.Helper()
	own, err := l.Key.SignNote(checkpoint.Text())
	if err != nil {
		l.tb.Fatal(err)
	}
	signatures := []tlog.NoteSignature{own}
	for _, cosigner := range cosigners {
		signatures = append(signatures, cosigner.Cosign(l.tb, checkpoint))
	}
	signed, err := tlog.NewSignedCheckpoint(checkpoint, signatures...)
	if err != nil {
		l.tb.Fatal(err)
	}
	return signed
}

// Bundle returns the proof bundle of entries under a checkpoint of this log,
// with anchors of it.
func (l *Log) Bundle(checkpoint *tlog.SignedCheckpoint, anchors []*tlog.SignedCheckpoint, indices ...uint64) *bundle.Bundle {
	b := &bundle.Bundle{Origin: l.Origin, Checkpoint: string(checkpoint.Marshal())}
	for _, anchor := range anchors {
		b.Anchors = append(b.Anchors, bundle.Anchor{
			Checkpoint:  string(anchor.Marshal()),
			Consistency: l.Consistency(anchor.Size, checkpoint.Size),
		})
	}
	for _, index := range indices {
		b.Entries = append(b.Entries, bundle.Entry{
			Envelope:  l.entries[index],
			Inclusion: l.Inclusion(index, checkpoint.Size),
			Index:     index,
		})
	}
	return b
}

// Policy returns the policy that trusts these logs and asks for so many of the
// witnesses.
func Policy(tb testing.TB, quorum int, witnesses []Witness, logs ...*Log) *policy.Policy {
	tb.Helper()
	p := &policy.Policy{Quorum: "quorum"}
	group := policy.Group{Name: "quorum", Threshold: quorum}
	for _, l := range logs {
		p.Logs = append(p.Logs, policy.Log{Key: l.Key.Verifier()})
	}
	for _, w := range witnesses {
		p.Witnesses = append(p.Witnesses, policy.Witness{Name: w.Name, Key: w.Key.Verifier()})
		group.Members = append(group.Members, w.Name)
	}
	p.Groups = []policy.Group{group}
	if err := p.Check(); err != nil {
		tb.Fatal(err)
	}
	return p
}

// Operators maps the witnesses to their operators.
func Operators(witnesses ...Witness) map[string]string {
	operators := make(map[string]string, len(witnesses))
	for _, w := range witnesses {
		operators[w.Name] = w.Operator
	}
	return operators
}
