package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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
	lying := wrongTimes(kept, keptCosignatures, newest, cosignatures)
	relation, forked, err := relate(ctx, kept, newest, s.client)
	if forked != nil {
		return nil, a.accuse(s.policy, append([]*fork.Evidence{forked}, lying...), newest, o)
	}
	if len(lying) == 0 {
		if err != nil {
			return nil, err
		}
		return &againstAnother{File: o.against, Size: kept.Size, Relation: relation}, nil
	}
	// A witness that lies stops no quorum of others, and counts for nothing: the result
	// stands, as that of muster verify does, or nothing is verified and that is why.
	if err != nil {
		return nil, fmt.Errorf("%w; besides, %w", a.accuse(s.policy, lying, newest, o), err)
	}
	if !metWithout(s.policy, cosignatures, lying) {
		return nil, fmt.Errorf("%w; without it the policy's quorum %s is not met", a.accuse(s.policy, lying, newest, o), s.policy.Quorum)
	}
	against := &againstAnother{File: o.against, Size: kept.Size, Relation: relation}
	paths, err := a.writePieces(s.policy, lying, newest, o)
	for i, path := range paths {
		witness := witnessOf(s.policy, lying[i])
		a.say("witness %s cosigned a smaller tree after a larger one, and is not counted: the evidence is in %s, send it to the log's operator, monitors and users", quote(witness), path)
		against.Lying = append(against.Lying, lyingWitness{witness, path})
	}
	return against, err
}

// wrongTimes finds the witnesses that cosigned the smaller checkpoint after the
// larger one. A smaller checkpoint that is merely older is what a cache may hold.
func wrongTimes(a *tlog.SignedCheckpoint, ofA []tlog.Cosignature, b *tlog.SignedCheckpoint, ofB []tlog.Cosignature) []*fork.Evidence {
	large, small := a, b
	if a.Size < b.Size {
		large, small = b, a
	}
	var all []*fork.Evidence
	accused := map[string]bool{}
	for _, first := range ofA {
		key := first.Key.String()
		if accused[key] || !slices.ContainsFunc(ofB, func(c tlog.Cosignature) bool { return c.Key.Equal(first.Key) }) {
			continue
		}
		if evidence, err := fork.NewWitnessTime(large, small, first.Key); err == nil {
			accused[key] = true
			all = append(all, evidence)
		}
	}
	return all
}

// metWithout reports a quorum of witnesses that no evidence is against.
func metWithout(p *policy.Policy, cosignatures []tlog.Cosignature, lying []*fork.Evidence) bool {
	return p.Met(func(w policy.Witness) bool {
		return slices.ContainsFunc(cosignatures, func(c tlog.Cosignature) bool { return c.Key.Equal(w.Key) }) &&
			!slices.ContainsFunc(lying, func(e *fork.Evidence) bool { return e.Witness == w.Key.String() })
	})
}

// witnessOf names the policy's witness that evidence is against.
func witnessOf(p *policy.Policy, evidence *fork.Evidence) string {
	for _, w := range p.Witnesses {
		if w.Key.String() == evidence.Witness {
			return w.Name
		}
	}
	return evidence.Witness
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

// accuse writes pieces of evidence, the log's own first, and ends the command with the
// code for it.
func (a *app) accuse(p *policy.Policy, evidence []*fork.Evidence, newest *tlog.SignedCheckpoint, o checkpointOptions) error {
	paths, err := a.writePieces(p, evidence, newest, o)
	if err != nil {
		return err
	}
	who, hint := quote(newest.Origin)+" signed two histories", "do not use this log; send the file to its witnesses, its monitors and its users, who can check it without you"
	if evidence[0].Kind == fork.WitnessTime {
		who = "a witness of " + quote(newest.Origin) + " cosigned a smaller tree after a larger one"
		hint = "send the file to the log's operator, its monitors and its users, who can check it without you; ask again later"
	}
	return fail(exitcode.Misbehaved, "fork-"+string(evidence[0].Kind), hint,
		fmt.Errorf("%s (%s): the evidence is in %s", who, evidence[0].Kind, strings.Join(paths, ", ")))
}

// writePieces checks pieces of evidence and writes them: the first where it is asked
// for, others beside it under names made of their contents.
func (a *app) writePieces(p *policy.Policy, pieces []*fork.Evidence, newest *tlog.SignedCheckpoint, o checkpointOptions) ([]string, error) {
	path := o.evidence
	if path == "" {
		path = evidenceName(newest)
	}
	keys := append(p.LogKeys(newest.Origin), p.WitnessKeys()...)
	var paths []string
	for i, evidence := range pieces {
		if err := evidence.Verify(keys...); err != nil {
			return paths, fmt.Errorf("the two checkpoints contradict each other, and the evidence does not hold: %w", err)
		}
		if i > 0 {
			beside, err := writeEvidence(filepath.Dir(path), evidence)
			if err != nil {
				return paths, err
			}
			paths = append(paths, beside)
			continue
		}
		data, err := evidence.Marshal()
		if err == nil {
			err = writeSame(path, data, o.force)
		}
		if err != nil {
			return paths, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// writeSame writes a file that may hold the same already.
func writeSame(path string, data []byte, force bool) error {
	if there, err := os.ReadFile(path); err == nil && bytes.Equal(there, data) {
		return nil
	}
	return writeNew(path, data, publicMode, force)
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
