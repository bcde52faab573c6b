// Package fork makes, reads and checks fork evidence: files that prove to
// anybody who knows the keys, offline, that a log or a witness broke its
// promise. The format is docs/formats/fork.md.
//
// There are three kinds, and each is a contradiction between two signed
// checkpoints of one origin. Everything else (a smaller checkpoint that was
// seen later, two sizes without a proof, times of one witness at two origins)
// has honest explanations: an alarm with observations, and no evidence.
//
// What evidence does not prove: who did it. A stolen key looks the same.
package fork

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/muster-log/muster/tlog"
)

// Extension is the extension of an evidence file's name.
const Extension = ".fork"

// MaxSize is the greatest size of an evidence file in bytes. Two notes of the
// greatest size fit even if JSON escapes every byte of them: nothing that a log
// puts into a checkpoint keeps it out of a file.
const MaxSize = 5 << 20

// Kind says what contradicts what.
type Kind string

const (
	// SameSize: the log signed two roots at one size.
	SameSize Kind = "same-size"
	// Prefix: the log signed A at a size, and a larger B whose tree does not
	// begin with A's: a consistency proof leads to B from another root.
	Prefix Kind = "prefix"
	// WitnessTime: a witness cosigned a smaller checkpoint after a larger one.
	WitnessTime Kind = "witness-time"
)

// Evidence is one contradiction.
type Evidence struct {
	Kind Kind
	// Origin is that of both checkpoints.
	Origin string
	// Checkpoints are signed notes, whole. SameSize: in the order of their
	// bytes. Prefix: A, then B. WitnessTime: the earlier, which is the larger,
	// then the later.
	Checkpoints [2]string
	// Root, of Prefix alone, is the root at A's size from which Consistency
	// leads to B.
	Root        tlog.Hash
	Consistency []tlog.Hash
	// Witness, of WitnessTime alone, is the verifier key of the witness.
	Witness string
}

// ErrNoContradiction reports checkpoints that an honest log, or an honest
// witness, may well have signed.
var ErrNoContradiction = errors.New("no contradiction")

// ErrNotAccused reports evidence against another key than those at hand.
var ErrNotAccused = errors.New("evidence is not about one of these keys")

// NewSameSize returns the evidence that a and b are two roots of one size.
// Signatures are checked by Verify.
func NewSameSize(a, b *tlog.SignedCheckpoint) (*Evidence, error) {
	first, second := a.Marshal(), b.Marshal()
	if bytes.Compare(first, second) > 0 {
		first, second = second, first
	}
	return check(&Evidence{Kind: SameSize, Origin: a.Origin, Checkpoints: [2]string{string(first), string(second)}})
}

// NewPrefix returns the evidence that b's tree does not begin with a's: the
// consistency proof leads to b from another root of a's size. Signatures are
// checked by Verify.
func NewPrefix(a, b *tlog.SignedCheckpoint, root tlog.Hash, consistency []tlog.Hash) (*Evidence, error) {
	return check(&Evidence{Kind: Prefix, Origin: a.Origin, Checkpoints: [2]string{string(a.Marshal()), string(b.Marshal())},
		Root: root, Consistency: consistency})
}

// NewWitnessTime returns the evidence that a witness cosigned earlier before
// later, though it is the larger. The cosignatures are checked here already:
// without the times there is no telling which is the earlier.
func NewWitnessTime(earlier, later *tlog.SignedCheckpoint, witness tlog.VerifierKey) (*Evidence, error) {
	e, err := check(&Evidence{Kind: WitnessTime, Origin: earlier.Origin,
		Checkpoints: [2]string{string(earlier.Marshal()), string(later.Marshal())}, Witness: witness.String()})
	if err != nil {
		return nil, err
	}
	if err := e.Verify(witness); err != nil {
		return nil, err
	}
	return e, nil
}

// Shows says in words what the checkpoints say, which evidence that verifies
// proves. The error is one of [Parse].
func (e *Evidence) Shows() (string, error) {
	a, b, err := e.parsed()
	if err != nil {
		return "", err
	}
	switch e.Kind {
	case SameSize:
		return fmt.Sprintf("the log signed two trees of size %d, with roots %s and %s", a.Size, a.Root, b.Root), nil
	case Prefix:
		return fmt.Sprintf("the log signed a tree of size %d, and one of size %d that does not begin with it", a.Size, b.Size), nil
	case WitnessTime:
		return fmt.Sprintf("the witness cosigned a tree of size %d after it had cosigned one of size %d", b.Size, a.Size), nil
	}
	return "", fmt.Errorf("%w: %q", ErrKind, e.Kind)
}

// Verify checks the evidence against the keys of the accused: those of the log
// for SameSize and Prefix, of the witness for WitnessTime. Further keys do not
// matter, so all of a policy may be given; a log's is one named as the origin. Nil: it is proved that the holder of
// such a key broke its promise. Everything else the evidence says, its own word
// about a witness's key included, is not believed.
//
// Errors: ErrNotAccused, ErrNoContradiction, and those of package tlog.
func (e *Evidence) Verify(keys ...tlog.VerifierKey) error {
	if _, err := check(e); err != nil {
		return err
	}
	a, b, err := e.parsed()
	if err != nil {
		return err
	}
	if e.Kind == WitnessTime {
		return e.verifyTimes(a, b, keys)
	}
	var ofLog []tlog.VerifierKey
	for _, key := range keys {
		if key.Name == e.Origin {
			ofLog = append(ofLog, key)
		}
	}
	if len(ofLog) == 0 {
		return fmt.Errorf("fork evidence: origin %s: %w", quote(e.Origin), ErrNotAccused)
	}
	return verifyLog(a, b, ofLog)
}

// VerifyLog is [Evidence.Verify] by keys that the caller says are the log's,
// whatever their names: a log's origin need not be the name of its key. Evidence
// against a witness is ErrNotAccused.
func (e *Evidence) VerifyLog(keys ...tlog.VerifierKey) error {
	if _, err := check(e); err != nil {
		return err
	}
	a, b, err := e.parsed()
	if err != nil {
		return err
	}
	if e.Kind == WitnessTime {
		return fmt.Errorf("fork evidence: it is about a witness: %w", ErrNotAccused)
	}
	return verifyLog(a, b, keys)
}

func verifyLog(a, b *tlog.SignedCheckpoint, keys []tlog.VerifierKey) error {
	for i, checkpoint := range []*tlog.SignedCheckpoint{a, b} {
		if err := checkpoint.VerifySignature(keys...); err != nil {
			return fmt.Errorf("fork evidence: checkpoints[%d]: %w", i, err)
		}
	}
	return nil
}

// Equal reports the same evidence, to the byte of its file.
func (e *Evidence) Equal(other *Evidence) bool {
	return e.Kind == other.Kind && e.Origin == other.Origin && e.Checkpoints == other.Checkpoints &&
		e.Root == other.Root && slices.Equal(e.Consistency, other.Consistency) && e.Witness == other.Witness
}

// verifyTimes looks for two cosignatures of the witness whose times run against
// the sizes.
func (e *Evidence) verifyTimes(a, b *tlog.SignedCheckpoint, keys []tlog.VerifierKey) error {
	witness, err := tlog.ParseVerifierKey(e.Witness)
	if err != nil {
		return fmt.Errorf("fork evidence: witness: %w", err)
	}
	accused := false
	for _, key := range keys {
		accused = accused || key.Equal(witness)
	}
	if !accused {
		return fmt.Errorf("fork evidence: witness %s: %w", quote(witness.Name), ErrNotAccused)
	}
	var times [2][]tlog.Cosignature
	for i, checkpoint := range []*tlog.SignedCheckpoint{a, b} {
		times[i], err = checkpoint.Cosignatures([]tlog.VerifierKey{witness})
		if err != nil {
			return fmt.Errorf("fork evidence: checkpoints[%d]: %w", i, err)
		}
		if len(times[i]) == 0 {
			return fmt.Errorf("fork evidence: checkpoints[%d]: no cosignature of witness %s", i, quote(witness.Name))
		}
	}
	for _, first := range times[0] {
		for _, second := range times[1] {
			if first.Time < second.Time {
				return nil
			}
		}
	}
	return fmt.Errorf("fork evidence: %w: witness %s cosigned size %d at no time before it cosigned size %d",
		ErrNoContradiction, quote(witness.Name), a.Size, b.Size)
}

func (e *Evidence) parsed() (a, b *tlog.SignedCheckpoint, err error) {
	var both [2]*tlog.SignedCheckpoint
	for i, note := range e.Checkpoints {
		both[i], err = tlog.ParseCheckpoint([]byte(note))
		if err != nil {
			return nil, nil, fmt.Errorf("fork evidence: checkpoints[%d]: %w", i, err)
		}
		if both[i].Origin != e.Origin {
			return nil, nil, fmt.Errorf("fork evidence: checkpoints[%d]: got origin %s, want %s: two logs do not contradict each other",
				i, quote(both[i].Origin), quote(e.Origin))
		}
	}
	return both[0], both[1], nil
}

// check applies the rules that need no key: the two checkpoints do contradict
// each other, if they are genuine.
func check(e *Evidence) (*Evidence, error) {
	a, b, err := e.parsed()
	if err != nil {
		return nil, err
	}
	if e.Kind != Prefix && (e.Root != tlog.Hash{} || len(e.Consistency) > 0) {
		return nil, fmt.Errorf("fork evidence: kind %s has no root and no consistency proof", e.Kind)
	}
	if e.Kind != WitnessTime && e.Witness != "" {
		return nil, fmt.Errorf("fork evidence: kind %s names no witness", e.Kind)
	}
	refuse := func(format string, args ...any) (*Evidence, error) {
		return nil, fmt.Errorf("fork evidence: %s: %w: %s", e.Kind, ErrNoContradiction, fmt.Sprintf(format, args...))
	}
	switch e.Kind {
	case SameSize:
		switch {
		case a.Size != b.Size:
			return refuse("got sizes %d and %d, want one", a.Size, b.Size)
		case a.Root == b.Root:
			return refuse("both have root %s at size %d", a.Root, a.Size)
		case e.Checkpoints[0] > e.Checkpoints[1]:
			return nil, errors.New("fork evidence: checkpoints are not in the order of their bytes")
		}
	case Prefix:
		switch {
		case a.Size >= b.Size:
			return refuse("got sizes %d and %d, want the smaller first", a.Size, b.Size)
		case a.Root == e.Root:
			return refuse("the proof leads from the first checkpoint's own root: the two are consistent")
		}
		if err := tlog.VerifyConsistency(a.Size, b.Size, e.Root, b.Root, e.Consistency); err != nil {
			return refuse("%v", err)
		}
	case WitnessTime:
		if a.Size <= b.Size {
			return refuse("got sizes %d and %d, want the larger first", a.Size, b.Size)
		}
		witness, err := tlog.ParseVerifierKey(e.Witness)
		if err != nil {
			return nil, fmt.Errorf("fork evidence: witness: %w", err)
		}
		if !witness.Type.Cosigns() {
			return nil, fmt.Errorf("fork evidence: witness: %w %v: want 0x04 or 0x06", tlog.ErrKeyType, witness.Type)
		}
	default:
		return nil, fmt.Errorf("fork evidence: %w: got %s, want %s, %s or %s", ErrKind, quote(string(e.Kind)), SameSize, Prefix, WitnessTime)
	}
	return e, nil
}

// quote renders input for an error message, bounded.
func quote(text string) string {
	const limit = 64
	if len(text) > limit {
		return strconv.QuoteToASCII(text[:limit]) + "..."
	}
	return strconv.QuoteToASCII(text)
}
