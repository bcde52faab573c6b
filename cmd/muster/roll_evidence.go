package main

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/release"
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
	if !subject.logged || subject.stated.Size > subject.index {
		return "", nil
	}
	evidence, err := l.accuseRoll(cmd, subject, a.registerOptions())
	// A roll that is refused for itself, such as one by a key of another role, is nobody's
	// word: it is false, and accuses nobody.
	if errors.Is(err, fork.ErrNoContradiction) || release.CodeOf(err) != "" {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("evidence against the roll at entry %d: %w", subject.index, err)
	}
	return a.writeFalseRoll(l, evidence, subject.index, path)
}

// accuseRoll builds the evidence of the entries that prove a roll false, under the
// checkpoint that was followed.
func (l *rollLog) accuseRoll(cmd *cobra.Command, subject rollSubject, with []register.Option) (*verify.FalseRoll, error) {
	ctx, checkpoint := cmd.Context(), l.follower.Checkpoint()
	read := func(index uint64) ([]byte, error) {
		number := index / tlog.TileWidth
		tile, err := l.session.client.ReadEntries(ctx, number, tlog.PartialWidth(0, number, checkpoint.Size))
		if err != nil {
			return nil, err
		}
		return tile[index%tlog.TileWidth], nil
	}
	indices, err := verify.FalseRollEntries(l.follower.State(), subject.index, read)
	if err != nil {
		return nil, err
	}
	tree := tlog.NewProverForRoot(checkpoint.Size, checkpoint.Root, l.session.client)
	var entries []bundle.Entry
	for _, index := range indices {
		envelope, err := read(index)
		if err != nil {
			return nil, err
		}
		inclusion, err := tree.Inclusion(ctx, index)
		if err != nil {
			return nil, err
		}
		entries = append(entries, bundle.Entry{Envelope: envelope, Inclusion: inclusion, Index: index})
	}
	consistency, err := tree.Consistency(ctx, subject.stated.Size)
	if err != nil {
		return nil, err
	}
	evidence, err := verify.NewFalseRoll(checkpoint, entries, consistency, with...)
	if err != nil {
		return nil, err
	}
	return evidence, evidence.Verify(policyKeys(l.session.policy)...)
}

// writeFalseRoll writes evidence to a file, or under a name made of its contents: the
// same evidence again is the same file.
func (a *app) writeFalseRoll(l *rollLog, evidence *verify.FalseRoll, index uint64, path string) (string, error) {
	data, err := evidence.Marshal()
	if err != nil {
		return "", err
	}
	if path == "" {
		digest := sha256.Sum256(data)
		path = fmt.Sprintf("%s-roll-%d-%x%s", fileName(l.follower.Checkpoint().Origin), index, digest[:4], fork.Extension)
	}
	return path, writeSame(path, data, false)
}
