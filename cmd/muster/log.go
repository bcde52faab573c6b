package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog"
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
written to a file that anybody can check, and the exit code is 4. A witness that is
found to lie about time is not counted, and evidence against it is written; the exit
code is 4 where nothing is verified without it.

Give the same file to --against and --out to follow a log: it is made at the first
call, and moves on only to what extends it.`,
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
	// Relation is one of relationFirst and its like.
	Relation string `json:"relation"`
	// Lying are witnesses that the comparison shows to lie about time, and that were
	// not counted.
	Lying []lyingWitness `json:"lying,omitempty"`
}

type lyingWitness struct {
	Witness string `json:"witness"`
	// Evidence is the file of the evidence.
	Evidence string `json:"evidence"`
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
		result.Against, err = a.compare(ctx, s, newest, cosignatures, o)
		if err != nil {
			return err
		}
		for _, lying := range result.Against.Lying {
			result.Cosigned = slices.DeleteFunc(result.Cosigned, func(c cosignedBy) bool { return c.Witness == lying.Witness })
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

// cosigners lists cosignatures in the order of the policy's witnesses.
func cosigners(p *policy.Policy, cosignatures []tlog.Cosignature) []cosignedBy {
	list := []cosignedBy{}
	for _, witness := range p.Witnesses {
		for _, cosignature := range cosignatures {
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
			for _, lying := range r.Against.Lying {
				p.field("not counted", "%s, which cosigned a smaller tree after a larger one: %s", quote(lying.Witness), lying.Evidence)
			}
			switch r.Against.Relation {
			case relationFirst:
				p.field("compared", "with nothing: %s is new, and holds it from now on", r.Against.File)
			case relationSame:
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
