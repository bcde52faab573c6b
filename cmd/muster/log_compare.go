package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/fork"
	"github.com/muster-log/muster/tlog/policy"
)

// How the newest checkpoint stands to a kept one.
const (
	// relationFirst: none was kept; the newest one is kept from now on.
	relationFirst = "first-seen"
	// relationSame: origin, size and root are the same.
	relationSame = "same"
	// relationGrown: the newest tree begins with the kept one.
	relationGrown = "grown"
)

// compare checks that the newest checkpoint extends the kept one.
func (a *app) compare(ctx context.Context, s *session, newest *tlog.SignedCheckpoint, cosignatures []tlog.Cosignature, o checkpointOptions) (*againstAnother, error) {
	data, err := a.readFile(o.against, "kept checkpoint", tlog.MaxNote)
	if errors.Is(err, fs.ErrNotExist) && o.against == o.out {
		return &againstAnother{File: o.against, Relation: relationFirst}, nil
	}
	if err != nil {
		return nil, err
	}
	kept, err := tlog.ParseCheckpoint(data)
	if err != nil {
		return nil, fail(exitcode.Refused, "checkpoint-form", "", fmt.Errorf("kept checkpoint %s: %w", o.against, err))
	}
	if kept.Origin != newest.Origin {
		return nil, fail(exitcode.Usage, "other-origin", "keep one file for each log", fmt.Errorf("kept checkpoint %s is of %s, the log is %s", o.against, quote(kept.Origin), quote(newest.Origin)))
	}
	// The quorum is not asked for: the log's signature alone is what binds it.
	keptCosignatures, err := s.policy.Verify(kept)
	if err != nil {
		return nil, fail(exitcode.Refused, "checkpoint-signature", "", fmt.Errorf("kept checkpoint %s: %w", o.against, err))
	}
	if evidence := wrongTimes(kept, keptCosignatures, newest, cosignatures); evidence != nil {
		return nil, a.accuse(s.policy, evidence, newest, o)
	}
	relation, evidence, err := relate(ctx, kept, newest, s.client)
	if err != nil {
		return nil, err
	}
	if evidence != nil {
		return nil, a.accuse(s.policy, evidence, newest, o)
	}
	return &againstAnother{File: o.against, Size: kept.Size, Relation: relation}, nil
}

// wrongTimes finds a witness that cosigned the smaller checkpoint after the
// larger one. A smaller checkpoint that is merely older is what a cache may hold.
func wrongTimes(a *tlog.SignedCheckpoint, ofA []tlog.Cosignature, b *tlog.SignedCheckpoint, ofB []tlog.Cosignature) *fork.Evidence {
	large, small := a, b
	if a.Size < b.Size {
		large, small = b, a
	}
	for _, first := range ofA {
		for _, second := range ofB {
			if !first.Key.Equal(second.Key) {
				continue
			}
			if evidence, err := fork.NewWitnessTime(large, small, first.Key); err == nil {
				return evidence
			}
		}
	}
	return nil
}

// relate compares two checkpoints of one origin by the log's tiles. Evidence is
// returned where no honest log can have signed both.
func relate(ctx context.Context, kept, newest *tlog.SignedCheckpoint, tiles tlog.TileReader) (string, *fork.Evidence, error) {
	switch {
	case kept.Same(newest.Checkpoint):
		return relationSame, nil, nil
	case kept.Size == newest.Size:
		evidence, err := fork.NewSameSize(kept, newest)
		return "", evidence, err
	}
	small, large := kept, newest
	if newest.Size < kept.Size {
		small, large = newest, kept
	}
	root, proof, err := tlog.NewProverForRoot(large.Size, large.Root, tiles).RootAt(ctx, small.Size)
	if err != nil {
		return "", nil, fail(exitcode.Unknown, "no-consistency", "keep both checkpoints, and ask again: a log that cannot prove that it only grew has something to explain",
			fmt.Errorf("the log's tiles do not show whether size %d extends size %d: %w", large.Size, small.Size, err))
	}
	if root != small.Root {
		evidence, err := fork.NewPrefix(small, large, root, proof)
		return "", evidence, err
	}
	if small == newest {
		return "", nil, fail(exitcode.Unknown, "older-checkpoint", "ask again: the answer may come from a cache; if it stays so, tell a monitor",
			fmt.Errorf("the log answers with size %d, an older state of the kept size %d", newest.Size, kept.Size))
	}
	return relationGrown, nil, nil
}

// accuse writes the evidence and ends the command with the code for it.
func (a *app) accuse(p *policy.Policy, evidence *fork.Evidence, newest *tlog.SignedCheckpoint, o checkpointOptions) error {
	accused := p.LogKeys(newest.Origin)
	who := quote(newest.Origin) + " signed two histories"
	if evidence.Kind == fork.WitnessTime {
		accused = nil
		for _, witness := range p.Witnesses {
			accused = append(accused, witness.Key)
		}
		who = "a witness of " + quote(newest.Origin) + " cosigned a smaller tree after a larger one"
	}
	if err := evidence.Verify(accused...); err != nil {
		return fmt.Errorf("the two checkpoints contradict each other, and the evidence does not hold: %w", err)
	}
	data, err := evidence.Marshal()
	if err != nil {
		return err
	}
	path := o.evidence
	if path == "" {
		path = evidenceName(newest)
	}
	if err := writeNew(path, data, publicMode, o.force); err != nil {
		return err
	}
	return fail(exitcode.Misbehaved, "fork-"+string(evidence.Kind), "do not use this log; send the file to its witnesses, its monitors and its users, who can check it without you",
		fmt.Errorf("%s (%s): the evidence is in %s", who, evidence.Kind, path))
}

// evidenceName makes a file name of an origin, which may hold anything.
func evidenceName(c *tlog.SignedCheckpoint) string {
	safe := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '_'
	}, c.Origin)
	return fmt.Sprintf("%.100s-%d%s", strings.TrimLeft(safe, "."), c.Size, fork.Extension)
}
