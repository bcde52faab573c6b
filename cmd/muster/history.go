package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog"
)

// history is a log that was read whole and replayed, with what its entries state.
type history struct {
	checkpoint *tlog.SignedCheckpoint
	state      *register.State
	entries    []loggedEntry // by index
}

// loggedEntry is what is kept of an entry to speak of it.
type loggedEntry struct {
	digest  release.Digest
	signers []release.KeyID
	summary string
	// statement is that of an authority, an image, a release or a withdrawal; nil
	// of others, and of what cannot be read.
	statement *release.Statement
}

// historyOf opens a log and replays it.
func (a *app) historyOf(cmd *cobra.Command, source logSource) (*history, *session, error) {
	s, err := a.open(cmd, source)
	if err != nil {
		return nil, nil, err
	}
	h, err := s.history(cmd.Context(), a.progress())
	if err != nil {
		s.client.Close()
		return nil, nil, err
	}
	return h, s, nil
}

// history reads every entry under the log's newest checkpoint, checks that they
// are the tree of that checkpoint, and replays them.
func (s *session) history(ctx context.Context, report progress.Reporter) (*history, error) {
	data, err := s.client.Checkpoint(ctx)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	checkpoint, _, err := s.checkpoint(ctx, data, "checkpoint")
	if err != nil {
		return nil, err
	}
	h := &history{checkpoint: checkpoint, state: register.New(checkpoint.Origin)}
	if checkpoint.Size > maxReplay {
		return nil, h.tooLarge(fmt.Errorf("the log has %d entries, want at most %d", checkpoint.Size, maxReplay))
	}
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
			return nil, h.tooLarge(fmt.Errorf("the log's entries up to %d have %d bytes, want at most %d", first, read, int64(maxReplayBytes)))
		}
		h.apply(entries)
	}
	if frontier.Root() != checkpoint.Root {
		return nil, fail(exitcode.Refused, "entries-contradict-checkpoint", "keep the checkpoint, and tell a monitor",
			fmt.Errorf("the log's entries have root %s at size %d, its checkpoint says %s", frontier.Root(), checkpoint.Size, checkpoint.Root))
	}
	return h, nil
}

func (h *history) tooLarge(err error) error {
	return fail(exitcode.Unknown, "log-too-large", "follow a log of this size with a monitor", err)
}

// apply replays entries, and keeps what they state.
func (h *history) apply(entries [][]byte) {
	for _, outcome := range h.state.ApplyAll(entries) {
		kept := loggedEntry{digest: outcome.Digest, summary: "an entry that cannot be read"}
		if outcome.Prepared != nil {
			doc := &document{envelope: outcome.Prepared.Envelope, statement: outcome.Prepared.Statement}
			kept.signers, kept.summary = doc.signers(), doc.summary()
			switch doc.statement.Type {
			case release.TypeAuthority, release.TypeImage, release.TypeRelease, release.TypeWithdrawal:
				kept.statement = doc.statement
			}
		}
		h.entries = append(h.entries, kept)
	}
}

// find returns the index of the entry with a payload digest; only what has effect
// is found.
func (h *history) find(digest release.Digest) (uint64, error) {
	index, ok := h.state.Lookup(digest)
	if !ok {
		return 0, fail(exitcode.Refused, "not-logged", "see what is there: muster release list --all",
			fmt.Errorf("the log %s has no entry of effect with payload %s", quote(h.checkpoint.Origin), digest))
	}
	return index, nil
}

// links are the versions of the authority, in order.
func (h *history) links() []*register.Link {
	var links []*register.Link
	for _, index := range h.state.AuthorityChain() {
		links = append(links, &register.Link{Index: index, Digest: h.entries[index].digest, Authority: h.entries[index].statement.Predicate.(*release.Authority)})
	}
	return links
}

// say says an entry in a line.
func (h *history) say(index uint64) string {
	return fmt.Sprintf("entry %d, %s", index, h.entries[index].summary)
}
