package witness

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"

	"github.com/muster-log/muster/tlog"
)

// Halted reports whether the witness cosigns nothing until its operator has
// acted.
func (w *Witness) Halted() bool { return w.unkept.Load() != nil || w.state.Halted() }

// remembers halts the witness if the submission carries a valid cosignature of
// its own that its state does not remember, and refuses everything once it has
// halted.
func (w *Witness) remembers(ctx context.Context, s *submission) error {
	if found, ok := w.unremembered(s); ok {
		w.halt(ctx, found)
	} else if !w.Halted() {
		return nil
	} else if found := w.unkept.Load(); found != nil {
		w.halt(ctx, *found)
	}
	return s.refuse(KindRolledBack, ErrHalted)
}

// halt keeps what was found. Whether the submitter has hung up does not matter.
func (w *Witness) halt(ctx context.Context, found Unremembered) {
	// First in memory: nothing is cosigned from here on, even if it cannot be
	// kept; then it is tried again with the next request.
	before := w.Halted()
	w.unkept.CompareAndSwap(nil, &found)
	attributes := []any{"origin", found.Origin, "size", found.Size, "root", found.Root.String(), "time", found.Time}
	if err := w.state.Halt(context.WithoutCancel(ctx), found); err != nil {
		w.logger.ErrorContext(ctx, "what halted the witness could not be kept; do not restart it before it is", append(attributes, "error", err)...)
		return
	}
	if kept := w.unkept.Load(); kept != nil && kept.says(found) {
		w.unkept.CompareAndSwap(kept, nil)
	}
	level := slog.LevelError
	if before {
		level = slog.LevelDebug
	}
	w.logger.Log(ctx, level, "the witness has halted: it was shown a cosignature of its own that it does not remember, so that its state was rolled back or its key is in use elsewhere; stop it and run muster-witness recover", attributes...)
}

// says reports whether both are the same statement.
func (u Unremembered) says(other Unremembered) bool {
	return u.Origin == other.Origin && u.Size == other.Size && u.Root == other.Root && u.Time == other.Time
}

// unremembered looks for a valid cosignature of this witness that says what the
// state does not know: a larger size, another root at the latest size, or a
// later time. Lines under our name that do not verify are anybody's, and
// ignored. The comparisons come first: what they pass is verified, at most the
// lines that a note may have.
func (w *Witness) unremembered(s *submission) (Unremembered, bool) {
	checkpoint := s.Checkpoint
	for _, line := range checkpoint.Note.Signatures {
		for _, key := range w.verifiers {
			// A cosignature begins with its time stamp.
			if !key.Made(line) || len(line.Sig) < 8 {
				continue
			}
			time := binary.BigEndian.Uint64(line.Sig)
			known := checkpoint.Size < s.latest.Size || checkpoint.Size == s.latest.Size && checkpoint.Root == s.latest.Root
			if known && time <= s.latest.Time {
				continue
			}
			if err := verifyOwn(key, line, checkpoint); err != nil {
				continue
			}
			return Unremembered{Origin: checkpoint.Origin, Size: checkpoint.Size, Root: checkpoint.Root, Time: time, Note: checkpoint.Marshal()}, true
		}
	}
	return Unremembered{}, false
}

// verifyOwn checks one line under one of our own keys.
func verifyOwn(key tlog.VerifierKey, line tlog.NoteSignature, checkpoint *tlog.SignedCheckpoint) error {
	alone := &tlog.SignedCheckpoint{Checkpoint: checkpoint.Checkpoint, Note: &tlog.Note{Text: checkpoint.Note.Text, Signatures: []tlog.NoteSignature{line}}}
	if key.Type == tlog.TypeCosignatureMLDSA44 {
		// It covers size and root alone, whatever extension lines were put
		// under it since.
		alone.Extensions = nil
	}
	cosignatures, err := alone.Cosignatures([]tlog.VerifierKey{key})
	if err == nil && len(cosignatures) != 1 {
		err = errors.New("no cosignature")
	}
	if err != nil {
		return fmt.Errorf("line under our own key: %w", err)
	}
	return nil
}
