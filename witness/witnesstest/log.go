// Package witnesstest makes logs for tests of witnesses: small trees in
// memory whose roots and proofs come straight from the definitions of RFC
// 6962, section 2.1, and share no code with what they test.
package witnesstest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
)

// Log is a log that signs whatever a test wants.
type Log struct {
	tb     testing.TB
	Origin string
	Key    *tlog.SigningKey
	leaves []tlog.Hash
}

// NewLog returns a log of a number of leaves with an Ed25519 key of its own.
func NewLog(tb testing.TB, origin string, leaves int) *Log {
	tb.Helper()
	l := &Log{tb: tb, Origin: origin, Key: NewKey(tb, origin, tlog.TypeEd25519)}
	l.grow("", leaves)
	return l
}

// NewKey returns a new signing key.
func NewKey(tb testing.TB, name string, keyType tlog.KeyType) *tlog.SigningKey {
	tb.Helper()
	key, err := tlog.GenerateSigningKey(name, keyType)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// Fork returns a log with the same origin and key and the same first leaves
// up to at, and others from there, as many as this one has.
func (l *Log) Fork(at int) *Log {
	fork := &Log{tb: l.tb, Origin: l.Origin, Key: l.Key, leaves: append([]tlog.Hash(nil), l.leaves[:at]...)}
	fork.grow("fork of ", len(l.leaves)-at)
	return fork
}

func (l *Log) grow(prefix string, leaves int) {
	for range leaves {
		leaf := fmt.Sprintf("\x00%s%s leaf %d", prefix, l.Origin, len(l.leaves))
		l.leaves = append(l.leaves, sha256.Sum256([]byte(leaf)))
	}
}

// Root returns the root at a size.
func (l *Log) Root(size int) tlog.Hash { return root(l.leaves[:size]) }

// Consistency returns the proof from one size to another.
func (l *Log) Consistency(from, to int) []tlog.Hash {
	if from == 0 || from == to {
		return nil
	}
	return consistency(from, l.leaves[:to], true)
}

// Checkpoint returns the signed checkpoint at a size.
func (l *Log) Checkpoint(size int, extensions ...string) *tlog.SignedCheckpoint {
	l.tb.Helper()
	return l.Sign(tlog.Checkpoint{Origin: l.Origin, Size: uint64(size), Root: l.Root(size), Extensions: extensions})
}

// Sign signs any checkpoint with the log's key.
func (l *Log) Sign(checkpoint tlog.Checkpoint) *tlog.SignedCheckpoint {
	l.tb.Helper()
	signature, err := l.Key.SignNote(checkpoint.Text())
	if err != nil {
		l.tb.Fatal(err)
	}
	return &tlog.SignedCheckpoint{Checkpoint: checkpoint,
		Note: &tlog.Note{Text: checkpoint.Text(), Signatures: []tlog.NoteSignature{signature}}}
}

// SignText returns the note signature line of the log's key on any bytes, also
// on a text that no note may have.
func (l *Log) SignText(text string) string {
	l.tb.Helper()
	// PRIVATE+KEY+<name>+<key id>+<base64 of type and seed>
	parts := strings.SplitN(l.Key.String(), "+", 5)
	private, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(private) != 1+ed25519.SeedSize || l.Key.Verifier().Type != tlog.TypeEd25519 {
		l.tb.Fatalf("%v is no Ed25519 key: %v", l.Key, err)
	}
	signature := ed25519.Sign(ed25519.NewKeyFromSeed(private[1:]), []byte(text))
	return tlog.NoteSignature{Name: l.Key.Verifier().Name, KeyID: l.Key.Verifier().KeyID, Sig: signature}.Line()
}

// Request returns the add-checkpoint request that takes a witness from one
// size to another.
func (l *Log) Request(from, to int) *witness.AddCheckpoint {
	l.tb.Helper()
	return &witness.AddCheckpoint{OldSize: uint64(from), Proof: l.Consistency(from, to), Checkpoint: l.Checkpoint(to)}
}

// split is the largest power of two below n.
func split(n int) int {
	k := 1
	for k*2 < n {
		k *= 2
	}
	return k
}

func node(left, right tlog.Hash) tlog.Hash {
	return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
}

func root(leaves []tlog.Hash) tlog.Hash {
	switch len(leaves) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return leaves[0]
	}
	k := split(len(leaves))
	return node(root(leaves[:k]), root(leaves[k:]))
}

// consistency is SUBPROOF of RFC 6962, section 2.1.2.
func consistency(from int, leaves []tlog.Hash, whole bool) []tlog.Hash {
	if from == len(leaves) {
		if whole {
			return nil
		}
		return []tlog.Hash{root(leaves)}
	}
	k := split(len(leaves))
	if from <= k {
		return append(consistency(from, leaves[:k], whole), root(leaves[k:]))
	}
	return append(consistency(from-k, leaves[k:], false), root(leaves[:k]))
}
