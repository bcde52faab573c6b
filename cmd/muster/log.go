package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/fork"
	"github.com/muster-log/muster/tlog/policy"
)

func (a *app) logCommand() *cobra.Command {
	return group("log", "fetch a log's checkpoint, and compare it with one kept before", a.logCheckpointCommand())
}

type checkpointOptions struct {
	source                 logSource
	against, out, evidence string
	force                  bool
}

func (a *app) logCheckpointCommand() *cobra.Command {
	var o checkpointOptions
	cmd := &cobra.Command{
		Use:   "checkpoint --policy FILE [--log URL] [--against FILE] [--out FILE]",
		Short: "fetch the newest checkpoint, verify it, and compare it with one kept before",
		Long: `Fetches the log's newest checkpoint and verifies its signature and the quorum of
cosignatures. With --against it is compared with a checkpoint that was kept before:
the log must have grown from it. If the log signed two histories, the evidence is
written to a file that anybody can check, and the exit code is 4.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := required(cmd, "policy"); err != nil {
				return err
			}
			return a.logCheckpoint(cmd, o)
		},
	}
	o.source.flags(cmd)
	cmd.Flags().StringVar(&o.against, "against", "", "a checkpoint kept before")
	cmd.Flags().StringVar(&o.evidence, "evidence", "", "where to write evidence (default: a name made of origin and size)")
	outFlags(cmd, &o.out, &o.force)
	return cmd
}

// checkpointResult is what log checkpoint prints.
type checkpointResult struct {
	Origin   string          `json:"origin"`
	Size     uint64          `json:"size"`
	Root     tlog.Hash       `json:"root"`
	Cosigned []cosignedBy    `json:"cosigned"`
	Against  *againstAnother `json:"against,omitempty"`
	File     string          `json:"file,omitempty"`
}

type cosignedBy struct {
	Witness string `json:"witness"`
	Time    string `json:"time"`
}

type againstAnother struct {
	File string `json:"file"`
	Size uint64 `json:"size"`
	// Relation is same, or grown.
	Relation string `json:"relation"`
}

func (a *app) logCheckpoint(cmd *cobra.Command, o checkpointOptions) error {
	ctx := cmd.Context()
	s, err := a.open(cmd, o.source)
	if err != nil {
		return err
	}
	defer s.client.Close()
	// The kept one is replaced only by what extends it.
	if err := checkFree(o.out, o.force || o.out == o.against); err != nil {
		return err
	}
	data, err := s.client.Checkpoint(ctx)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	newest, cosignatures, err := s.checkpoint(ctx, data, "checkpoint of "+s.client.URL())
	if err != nil {
		return err
	}
	result := checkpointResult{Origin: newest.Origin, Size: newest.Size, Root: newest.Root, Cosigned: cosigners(s.policy, cosignatures)}
	if o.against != "" {
		result.Against, err = a.compare(ctx, s, newest, o)
		if err != nil {
			return err
		}
	}
	if o.out != "" {
		if err := writeNew(o.out, data, publicMode, o.force || o.out == o.against); err != nil {
			return err
		}
		result.File = o.out
	}
	return a.printCheckpoint(result)
}

// compare checks that the newest checkpoint extends the kept one.
func (a *app) compare(ctx context.Context, s *session, newest *tlog.SignedCheckpoint, o checkpointOptions) (*againstAnother, error) {
	data, err := a.readFile(o.against, "kept checkpoint", tlog.MaxNote)
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
	if _, err := s.policy.Verify(kept); err != nil {
		return nil, fail(exitcode.Refused, "checkpoint-signature", "", fmt.Errorf("kept checkpoint %s: %w", o.against, err))
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

// relate compares two checkpoints of one origin by the log's tiles. Evidence is
// returned where no honest log can have signed both.
func relate(ctx context.Context, kept, newest *tlog.SignedCheckpoint, tiles tlog.TileReader) (string, *fork.Evidence, error) {
	switch {
	case kept.Same(newest.Checkpoint):
		return "same", nil, nil
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
	return "grown", nil, nil
}

// accuse writes the evidence and ends the command with the code for it.
func (a *app) accuse(p *policy.Policy, evidence *fork.Evidence, newest *tlog.SignedCheckpoint, o checkpointOptions) error {
	if err := evidence.Verify(p.LogKeys(newest.Origin)...); err != nil {
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
		fmt.Errorf("%s signed two histories (%s): the evidence is in %s", quote(newest.Origin), evidence.Kind, path))
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

func cosigners(p *policy.Policy, cosignatures []tlog.Cosignature) []cosignedBy {
	list := []cosignedBy{}
	for _, cosignature := range cosignatures {
		for _, witness := range p.Witnesses {
			if witness.Key.Equal(cosignature.Key) {
				list = append(list, cosignedBy{witness.Name, timeText(cosignature.Time)})
			}
		}
	}
	return list
}

// timeText shows POSIX seconds; what no calendar has stays a number.
func timeText(seconds uint64) string {
	const lastYear = 253402300799 // 9999-12-31T23:59:59Z
	if seconds > lastYear {
		return fmt.Sprint(seconds)
	}
	return release.FormatTime(time.Unix(int64(seconds), 0))
}

func (a *app) printCheckpoint(r checkpointResult) error {
	return a.print(r, func(p *page) {
		p.line("verified checkpoint of %s", quote(r.Origin))
		p.field("size", "%d", r.Size)
		p.field("root", "%s", r.Root)
		for i, c := range r.Cosigned {
			p.field(first(i, "cosigned by"), "%s at %s", quote(c.Witness), c.Time)
		}
		if r.Against != nil {
			switch r.Against.Relation {
			case "same":
				p.field("compared", "the same as in %s", r.Against.File)
			default:
				p.field("compared", "extends size %d in %s", r.Against.Size, r.Against.File)
			}
		}
		if r.File != "" {
			p.field("written", "%s", r.File)
		}
	})
}
