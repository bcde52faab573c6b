package verify

import (
	"fmt"
	"slices"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog/fork"
)

// FalseRollEntries finds, in a log that was replayed, the entries that prove the
// roll at an index to be false: what NewFalseRoll takes, by index, once each has
// its inclusion proof. Entry reads an entry of the same log. The error is
// fork.ErrNoContradiction where no withdrawal makes it false: a roll can be void for
// other reasons, which are an alarm and no evidence.
//
// Unlike the evidence itself it knows log time: it finds nothing void.
func FalseRollEntries(state *register.State, index uint64, entry func(index uint64) ([]byte, error)) ([]uint64, error) {
	decode := func(at uint64) (release.Predicate, error) {
		data, err := entry(at)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", at, err)
		}
		prepared, err := register.Decode(data)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", at, err)
		}
		return prepared.Statement.Predicate, nil
	}
	predicate, err := decode(index)
	if err != nil {
		return nil, err
	}
	roll, ok := predicate.(*release.Roll)
	if !ok || roll.Size > index {
		return nil, fmt.Errorf("entry %d: want a roll of a size that the log had", index)
	}
	for _, digest := range roll.Live {
		listed, logged := state.Lookup(digest)
		if !logged || listed >= roll.Size {
			continue
		}
		why, known := state.WhyAt(listed, roll.Size)
		if !known || why.Word != register.WordWithdrawn {
			continue
		}
		for _, at := range why.By {
			if at <= listed || at >= roll.Size {
				continue
			}
			predicate, err := decode(at)
			if err != nil {
				return nil, err
			}
			withdrawal, ok := predicate.(*release.Withdrawal)
			if !ok {
				continue
			}
			target, logged := state.Lookup(withdrawal.Target)
			if !logged {
				continue
			}
			needed := append(slices.DeleteFunc(state.AuthorityChain(), func(at uint64) bool { return at > index }), target, listed, at, index)
			slices.Sort(needed)
			return slices.Compact(needed), nil
		}
	}
	return nil, fmt.Errorf("the roll at index %d: %w", index, fork.ErrNoContradiction)
}

// Confirm judges evidence by all entries of its log, which the evidence does not
// hold: state is that of a replay whose checkpoint extends the evidence's. Nil: each
// entry but the roll is admitted, so that the withdrawal has effect, and the release
// was not live at the roll's size.
//
// Errors: fork.ErrNoContradiction where the signer of the roll was right,
// release.CodeCannotJudge where this program cannot judge every entry before the
// roll's size, and those of Shown.
func (e *FalseRoll) Confirm(state *register.State) error {
	shown, err := e.Shown()
	if err != nil {
		return err
	}
	if state.Size() < shown.Size {
		return fmt.Errorf("false roll: the replay has %d entries, want at least %d", state.Size(), shown.Size)
	}
	if undecided := state.Undecided(); len(undecided) > 0 && undecided[0] < shown.Roll.Size {
		return fmt.Errorf("false roll: %w", release.Refuse(release.CodeCannotJudge, "", indexed(undecided[0]), "entries that this program can judge, up to the roll's size"))
	}
	for _, part := range e.Bundle.Entries {
		record, there := state.Entry(part.Index)
		if part.Index == shown.RollIndex || there && record.Status == register.StatusAdmitted {
			continue
		}
		why := "no entry"
		if record.Refusal != nil {
			why = string(record.Refusal.Code)
		}
		return fmt.Errorf("false roll: %w: the log's other entries show %s to be %s: %s", fork.ErrNoContradiction, indexed(part.Index), record.Status, why)
	}
	if standing, known := state.WhyAt(shown.ReleaseIndex, shown.Roll.Size); !known || standing.Word == register.WordLive {
		return fmt.Errorf("false roll: %w: the release at index %d was live at size %d", fork.ErrNoContradiction, shown.ReleaseIndex, shown.Roll.Size)
	}
	return nil
}
