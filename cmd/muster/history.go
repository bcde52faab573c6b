package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
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
	h := &history{}
	follower, err := a.replay(cmd.Context(), s, h.keep)
	if err != nil {
		s.client.Close()
		return nil, nil, err
	}
	h.checkpoint, h.state = follower.Checkpoint(), follower.State()
	return h, s, nil
}

// keep notes what an entry states.
func (h *history) keep(outcome register.Outcome) {
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
