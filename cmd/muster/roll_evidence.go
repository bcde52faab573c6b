package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/bundle"
	"github.com/muster-log/muster/tlog/fork"
	"github.com/muster-log/muster/verify"
)

// falseRoll writes the evidence that a logged roll lists what was withdrawn at its
// size, and returns its file; empty where what is false about it proves nothing to
// others.
func (a *app) falseRoll(cmd *cobra.Command, l *rollLog, subject rollSubject, path string) (string, error) {
	if !subject.logged {
		return "", nil
	}
	state := l.follower.State()
	for _, listed := range subject.stated.Live {
		index, ok := state.Lookup(listed)
		if !ok || index >= subject.stated.Size || subject.stated.Size > subject.index {
			continue
		}
		standing, _ := state.WhyAt(index, subject.stated.Size)
		if standing.Word != register.WordWithdrawn {
			continue
		}
		for _, withdrawal := range standing.By {
			evidence, err := l.accuseRoll(cmd, subject.index, subject.stated.Size, index, withdrawal, a.registerOptions())
			if errors.Is(err, fork.ErrNoContradiction) {
				continue
			}
			if err != nil {
				return "", fmt.Errorf("evidence against the roll at entry %d: %w", subject.index, err)
			}
			return a.writeFalseRoll(l, evidence, subject.index, path)
		}
	}
	return "", nil
}

// accuseRoll builds the evidence: the authority chain, the release, the withdrawal and
// the roll, under the checkpoint that was followed.
func (l *rollLog) accuseRoll(cmd *cobra.Command, rollIndex, size, releaseIndex, withdrawal uint64, with []register.Option) (*verify.FalseRoll, error) {
	ctx, checkpoint := cmd.Context(), l.follower.Checkpoint()
	tree := tlog.NewProverForRoot(checkpoint.Size, checkpoint.Root, l.session.client)
	indices := append(l.follower.State().AuthorityChain(), releaseIndex, withdrawal, rollIndex)
	slices.Sort(indices)
	var entries []bundle.Entry
	for _, index := range slices.Compact(indices) {
		number := index / tlog.TileWidth
		read, err := l.session.client.ReadEntries(ctx, number, tlog.PartialWidth(0, number, checkpoint.Size))
		if err != nil {
			return nil, err
		}
		inclusion, err := tree.Inclusion(ctx, index)
		if err != nil {
			return nil, err
		}
		entries = append(entries, bundle.Entry{Envelope: read[index%tlog.TileWidth], Inclusion: inclusion, Index: index})
	}
	consistency, err := tree.Consistency(ctx, size)
	if err != nil {
		return nil, err
	}
	evidence, err := verify.NewFalseRoll(checkpoint, entries, consistency, with...)
	if err != nil {
		return nil, err
	}
	return evidence, evidence.Verify(policyKeys(l.session.policy)...)
}

func (a *app) writeFalseRoll(l *rollLog, evidence *verify.FalseRoll, index uint64, path string) (string, error) {
	data, err := evidence.Marshal()
	if err != nil {
		return "", err
	}
	if path == "" {
		path = strings.TrimSuffix(evidenceName(l.follower.Checkpoint()), fork.Extension) + fmt.Sprintf("-roll-%d", index) + fork.Extension
	}
	return path, writeNew(path, data, publicMode, false)
}
