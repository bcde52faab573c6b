package witness

import (
	"errors"
	"fmt"
	"slices"

	"github.com/muster-log/muster/tlog"
)

// trustedSignatures returns the log's own signatures on the checkpoint, one
// for each key. Every line that names a trusted key must verify, wherever it
// stands; lines of other keys are ignored, also those under our own name.
func trustedSignatures(log Log, checkpoint *tlog.SignedCheckpoint) ([]tlog.NoteSignature, error) {
	if err := checkpoint.VerifySignature(log.Keys...); errors.Is(err, tlog.ErrNotSigned) {
		return nil, &Error{Kind: KindNotSigned, Origin: log.Origin,
			Err: errors.New("no signature by a key this witness knows for that origin; if the log has a new key, ask the operator to add it")}
	} else if err != nil {
		return nil, &Error{Kind: KindBadSignature, Origin: log.Origin, Err: err}
	}
	var trusted []tlog.NoteSignature
	for _, key := range log.Keys {
		i := slices.IndexFunc(checkpoint.Note.Signatures, key.Made)
		if i >= 0 {
			trusted = append(trusted, checkpoint.Note.Signatures[i])
		}
	}
	return trusted, nil
}

// checkSizes is the rule about sizes that needs no state.
func checkSizes(request *AddCheckpoint) error {
	if request.OldSize > request.Checkpoint.Size {
		return &Error{Kind: KindOldAboveSize, Origin: request.Checkpoint.Origin,
			Err: fmt.Errorf("old size %d is above the checkpoint's size %d", request.OldSize, request.Checkpoint.Size)}
	}
	return nil
}

// decide judges a checkpoint signed by its log against the latest one that
// was cosigned, in the order of https://c2sp.org/tlog-witness. It is a pure
// function: nil means that the checkpoint extends latest.
func decide(request *AddCheckpoint, latest Latest) error {
	checkpoint := request.Checkpoint
	refuse := func(kind Kind, err error) error {
		return &Error{Kind: kind, Origin: checkpoint.Origin, Size: latest.Size, Err: err}
	}
	switch {
	case request.OldSize != latest.Size:
		return refuse(KindOldSize, fmt.Errorf("old size %d is not the latest cosigned size %d: send a proof from there", request.OldSize, latest.Size))
	case checkpoint.Size == 0 && checkpoint.Root != tlog.EmptyRoot:
		return refuse(KindEmptyRoot, errors.New("a tree of size 0 has the root SHA-256(\"\")"))
	case request.OldSize == 0 && len(request.Proof) > 0:
		return refuse(KindNeedlessProof, fmt.Errorf("old size 0 takes no consistency proof, got %d lines", len(request.Proof)))
	case request.OldSize == 0:
		return nil
	case request.OldSize == checkpoint.Size && checkpoint.Root != latest.Root:
		return refuse(KindSameSize, fmt.Errorf("the root at size %d is not the one cosigned before: the log shows two histories", checkpoint.Size))
	case request.OldSize == checkpoint.Size && len(request.Proof) > 0:
		return refuse(KindNeedlessProof, fmt.Errorf("a checkpoint of the old size takes no consistency proof, got %d lines", len(request.Proof)))
	case request.OldSize == checkpoint.Size:
		return nil
	}
	if err := tlog.VerifyConsistency(request.OldSize, checkpoint.Size, latest.Root, checkpoint.Root, request.Proof); err != nil {
		return refuse(KindInconsistent, fmt.Errorf("the consistency proof from %d to %d does not verify: %w", request.OldSize, checkpoint.Size, err))
	}
	return nil
}
