package witness

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/fork"
)

// A contradiction is what a refused submission proves against its log.
type contradiction struct {
	kind     fork.Kind
	origin   string
	size     uint64
	evidence *fork.Evidence
	// err says why there is no evidence of it.
	err error
}

// contradiction compares a submission that its log has signed with the latest
// checkpoint: another root at one size, or a proof that leads to the submitted
// checkpoint from another root of the latest size. Nil: there is none. It
// changes nothing, and no answer depends on it.
func (w *Witness) contradiction(ctx context.Context, s *submission) *contradiction {
	checkpoint, latest := s.Checkpoint, s.latest
	switch {
	case latest.IsZero():
		return nil
	case checkpoint.Size == latest.Size && checkpoint.Root != latest.Root:
		found := &contradiction{kind: fork.SameSize, origin: checkpoint.Origin, size: checkpoint.Size}
		var kept *tlog.SignedCheckpoint
		if kept, found.err = w.kept(ctx, s); found.err == nil {
			found.evidence, found.err = fork.NewSameSize(kept, s.signed())
		}
		return found
	case s.OldSize == latest.Size && checkpoint.Size > latest.Size:
		from, to, err := tlog.ConsistencyRoots(s.OldSize, checkpoint.Size, s.Proof)
		if err != nil || to != checkpoint.Root || from == latest.Root {
			return nil
		}
		found := &contradiction{kind: fork.Prefix, origin: checkpoint.Origin, size: checkpoint.Size}
		var kept *tlog.SignedCheckpoint
		if kept, found.err = w.kept(ctx, s); found.err == nil {
			found.evidence, found.err = fork.NewPrefix(kept, s.signed(), from, s.Proof)
		}
		return found
	}
	return nil
}

// signed is the submitted checkpoint with the log's verified signatures, as it
// would be kept if it were cosigned: foreign lines, and forged ones under our
// own name, prove nothing, and would make a new file of the same contradiction.
func (s *submission) signed() *tlog.SignedCheckpoint {
	return &tlog.SignedCheckpoint{Checkpoint: s.Checkpoint.Checkpoint, Note: &tlog.Note{Text: s.Checkpoint.Note.Text, Signatures: s.signatures}}
}

// kept is the latest checkpoint with the log's signatures, without our own: they
// change while the contradiction stays the same.
func (w *Witness) kept(ctx context.Context, s *submission) (*tlog.SignedCheckpoint, error) {
	note, err := w.state.Note(context.WithoutCancel(ctx), sha256.Sum256([]byte(s.Checkpoint.Origin)))
	if err != nil {
		return nil, fmt.Errorf("read the latest checkpoint: %w", err)
	}
	if note == nil {
		return nil, errors.New("the log's signature on the latest checkpoint is not kept, because the state was recovered")
	}
	kept, err := tlog.ParseCheckpoint(note)
	if err != nil {
		return nil, fmt.Errorf("read the latest checkpoint: %w", err)
	}
	var ofLog []tlog.NoteSignature
	for _, line := range kept.Note.Signatures {
		if !w.made(line) {
			ofLog = append(ofLog, line)
		}
	}
	kept.Note.Signatures = ofLog
	return kept, nil
}

// made reports whether the line names one of our own keys.
func (w *Witness) made(line tlog.NoteSignature) bool {
	for _, key := range w.verifiers {
		if key.Made(line) {
			return true
		}
	}
	return false
}

// keep keeps a contradiction, and says what was found. Trouble with it is the
// operator's to hear and not the submitter's.
func (w *Witness) keep(ctx context.Context, found *contradiction) {
	if found == nil {
		return
	}
	attributes := []any{"kind", string(found.kind), "origin", found.origin, "size", found.size}
	isNew, err := false, found.err
	if err == nil {
		isNew, err = w.state.KeepEvidence(context.WithoutCancel(ctx), found.evidence)
	}
	switch {
	case err != nil:
		w.logger.ErrorContext(ctx, "a log shows two histories, and the evidence could not be kept", append(attributes, "error", err)...)
		if w.hooks.EvidenceLost != nil {
			w.hooks.EvidenceLost(found.kind)
		}
	case isNew:
		w.logger.WarnContext(ctx, "a log shows two histories: the evidence is kept, see muster-witness evidence list", attributes...)
		if w.hooks.EvidenceFound != nil {
			w.hooks.EvidenceFound(found.kind)
		}
	}
}
