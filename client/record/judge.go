package record

import (
	"fmt"
	"time"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/attest/tpm"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/bundle"
	"github.com/muster-log/muster/verify"
)

// readers are the profiles of evidence that have rules here.
var readers = map[string]attest.Reader{tpm.Profile: tpm.Read}

// Judgement is what a record comes to for a third party.
type Judgement struct {
	// Verdict is about the node as of Time, and no promise about now: its Deadline has
	// passed as a rule.
	Verdict *verify.Verdict
	// Time is the fresh time of the record's bundle, by the witnesses that the trust
	// counts: docs/formats/verdict.md. Where no quorum says a time, the client's own.
	Time time.Time
	// Witnessed: Time is the witnesses'.
	Witnessed bool
	// Size and Root are those of the bundle's checkpoint; zero where it cannot be read.
	Size uint64
	Root tlog.Hash
}

// Judge judges a record with the caller's own trust, as of the fresh time of its
// bundle: all ages are counted to then. now is the caller's clock, which no
// cosignature may be ahead of by more than five minutes.
//
// A third party cannot know whether a credential was activated. Where an attestation
// key has no certificate chain of its own, ak-bound is not checked, and the result
// unknown at best.
func Judge(r *Record, trust *verify.Trust, now time.Time) (*Judgement, error) {
	answer, err := attest.ParseAnswer(r.Answer)
	if err != nil {
		return nil, err
	}
	session := verify.Session{Nonce: r.Nonce, SPKI: r.SPKI, Bystander: true}
	at := func(now time.Time) *verify.Verdict {
		return verify.Node(answer, readers, session, trust, now, verify.WithMemory(&verify.Memory{}))
	}
	j := &Judgement{Verdict: at(now), Time: r.Time}
	if fresh := j.Verdict.Learned.Newest(); !fresh.IsZero() {
		j.Time, j.Witnessed = fresh, true
	}
	j.Verdict = at(j.Time)
	if b, err := bundle.Parse(answer.Bundle); err == nil {
		if checkpoint, err := tlog.ParseCheckpoint([]byte(b.Checkpoint)); err == nil {
			j.Size, j.Root = checkpoint.Size, checkpoint.Root
		}
	}
	return j, nil
}

// ForkError says that a log showed the recorded client another history than the one
// that was replayed: with the record it is evidence against the log.
type ForkError struct {
	Origin    string
	Size      uint64
	Got, Want tlog.Hash // of the record, and of the replay
}

// Error names both roots.
func (e *ForkError) Error() string {
	return fmt.Sprintf("log %s showed this client a tree of %d entries with root %s, and the log that was replayed has %s at that size: keep both", e.Origin, e.Size, e.Got, e.Want)
}

// Compare holds the bundle's checkpoint against a log that the caller replayed: root
// returns the root of its first size entries. The error is a *ForkError for another
// root, or root's own. It is to be made where the checks log-signature and quorum
// passed: anybody can write a checkpoint.
func (j *Judgement) Compare(root func(size uint64) (tlog.Hash, error)) error {
	for _, code := range []verify.Code{verify.CodeLogSignature, verify.CodeQuorum} {
		if check, ok := j.Verdict.Check(code); !ok || check.Status != verify.StatusPass {
			return fmt.Errorf("the checkpoint of this record is not the log's: %s did not pass", code)
		}
	}
	want, err := root(j.Size)
	if err != nil {
		return fmt.Errorf("the root of the first %d entries: %w", j.Size, err)
	}
	if want != j.Root {
		return &ForkError{j.Verdict.Judged.Origin, j.Size, j.Root, want}
	}
	return nil
}
