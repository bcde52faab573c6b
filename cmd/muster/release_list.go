package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog"
)

// maxReplay and maxReplayBytes bound what release list reads of a log, in entries
// and in their bytes: 2 KiB for each entry. Who follows a larger log runs a monitor.
const (
	maxReplay      = 1 << 20
	maxReplayBytes = 2 << 30
)

func (a *app) releaseListCommand() *cobra.Command {
	var source logSource
	var product string
	var all bool
	cmd := &cobra.Command{
		Use:   "list --log URL [--policy FILE] [--product NAME] [--all]",
		Short: "replay the log, and list the releases in it",
		Long: `Reads every entry of the log, checks that they are the tree of its checkpoint, replays
the rules, and lists the releases that are live; with --all the others too, with how
they stand. Nothing is taken from the log's own word but the entries.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.open(cmd, source)
			if err != nil {
				return err
			}
			defer s.client.Close()
			listing, err := s.replay(cmd.Context(), a.progress())
			if err != nil {
				return err
			}
			return a.printReleases(listing, s.basis(), product, all)
		},
	}
	source.flags(cmd)
	cmd.Flags().StringVar(&product, "product", "", "of this product only")
	cmd.Flags().BoolVar(&all, "all", false, "list releases that are not live, too")
	return cmd
}

// listing is a replayed log.
type listing struct {
	checkpoint *tlog.SignedCheckpoint
	state      *register.State
	releases   []listedRelease
}

type listedRelease struct {
	index  uint64
	digest release.Digest
	stated *release.Release
}

// replay reads the whole log under its newest checkpoint.
func (s *session) replay(ctx context.Context, report progress.Reporter) (*listing, error) {
	data, err := s.client.Checkpoint(ctx)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	checkpoint, _, err := s.checkpoint(ctx, data, "checkpoint")
	if err != nil {
		return nil, err
	}
	if checkpoint.Size > maxReplay {
		return nil, fail(exitcode.Unknown, "log-too-large", "follow a log of this size with a monitor", fmt.Errorf("the log has %d entries, want at most %d", checkpoint.Size, maxReplay))
	}
	l := &listing{checkpoint: checkpoint, state: register.New(checkpoint.Origin)}
	frontier, err := tlog.NewFrontier(ctx, 0, s.client)
	if err != nil {
		return nil, err
	}
	read := int64(0)
	report.Start("replaying "+quote(checkpoint.Origin), -1)
	defer report.Done()
	for first := uint64(0); first < checkpoint.Size; first += tlog.TileWidth {
		number := first / tlog.TileWidth
		entries, err := s.client.ReadEntries(ctx, number, tlog.PartialWidth(0, number, checkpoint.Size))
		if err != nil {
			return nil, fmt.Errorf("entries from %d: %w", first, err)
		}
		for _, entry := range entries {
			frontier.Append(tlog.LeafHash(entry))
			report.Add(int64(len(entry)))
			read += int64(len(entry))
		}
		if read > maxReplayBytes {
			return nil, fail(exitcode.Unknown, "log-too-large", "follow a log of this size with a monitor",
				fmt.Errorf("the log's entries up to %d have %d bytes, want at most %d", first, read, int64(maxReplayBytes)))
		}
		l.apply(entries)
	}
	if frontier.Root() != checkpoint.Root {
		return nil, fail(exitcode.Refused, "entries-contradict-checkpoint", "keep the checkpoint, and tell a monitor",
			fmt.Errorf("the log's entries have root %s at size %d, its checkpoint says %s", frontier.Root(), checkpoint.Size, checkpoint.Root))
	}
	return l, nil
}

// apply replays entries and notes the releases among them.
func (l *listing) apply(entries [][]byte) {
	for _, outcome := range l.state.ApplyAll(entries) {
		if outcome.Prepared == nil {
			continue
		}
		if stated, ok := outcome.Prepared.Statement.Predicate.(*release.Release); ok {
			l.releases = append(l.releases, listedRelease{outcome.Index, outcome.Digest, stated})
		}
	}
}

// listedJSON is a release as release list prints it.
type listedJSON struct {
	Index    uint64         `json:"index"`
	Digest   release.Digest `json:"digest"`
	Identity release.Digest `json:"identity"`
	Product  string         `json:"product"`
	Channel  string         `json:"channel"`
	Version  string         `json:"version"`
	NotAfter string         `json:"notAfter"`
	Standing register.Word  `json:"standing"`
	Why      string         `json:"why"`
}

func (a *app) printReleases(l *listing, basis, product string, all bool) error {
	result := struct {
		Origin   string       `json:"origin"`
		Size     uint64       `json:"size"`
		Void     uint64       `json:"void"`
		Unknown  uint64       `json:"unknown"`
		Releases []listedJSON `json:"releases"`
	}{l.checkpoint.Origin, l.checkpoint.Size, l.state.Void(), l.state.Unknown(), []listedJSON{}}
	for _, listed := range l.releases {
		standing, _ := l.state.Why(listed.index)
		if product != "" && listed.stated.Product != product || !all && standing.Word != register.WordLive {
			continue
		}
		result.Releases = append(result.Releases, listedJSON{listed.index, listed.digest, listed.stated.Identity(), listed.stated.Product,
			listed.stated.Channel, listed.stated.Version, release.FormatTime(listed.stated.NotAfter), standing.Word, standing.String()})
	}
	slices.SortStableFunc(result.Releases, func(x, y listedJSON) int { return strings.Compare(x.Product, y.Product) })
	return a.print(result, func(p *page) {
		p.line("log %s at size %d, replayed, verified with %s", quote(result.Origin), result.Size, basis)
		if result.Void+result.Unknown > 0 {
			p.line("%d void and %d unknown entries: tell a monitor", result.Void, result.Unknown)
		}
		if len(result.Releases) == 0 {
			p.line("no releases")
			return
		}
		p.row("INDEX", "PRODUCT", "CHANNEL", "VERSION", "VALID UNTIL", "STANDING", "DIGEST")
		for _, r := range result.Releases {
			p.row(fmt.Sprint(r.Index), r.Product, r.Channel, r.Version, r.NotAfter, r.Why, r.Digest.String())
		}
	})
}
