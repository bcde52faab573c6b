package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
)

// showCommand makes the verb show of a type.
func (a *app) showCommand(want release.Type) *cobra.Command {
	var source logSource
	cmd := &cobra.Command{
		Use:   "show {FILE | DIGEST|INDEX|FILE --log URL [--policy FILE]}",
		Short: fmt.Sprintf("say in words what the %s states, and who signed it", want),
		Long: fmt.Sprintf(`Says in words what the %s in FILE states, and who signed it; it judges nothing.

With --log it is the entry of that digest, index or file in the log, which is replayed
for it, and how that entry stands: live, withdrawn by which entries, struck by which.`, want),
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if source.url != "" || source.policy != "" {
				return a.showLogged(cmd, args[0], want, source)
			}
			if _, err := release.ParseDigest(args[0]); err == nil {
				return usage(cmd, errors.New("missing --log: of a digest the entry is in the log"))
			}
			doc, err := a.readDocument(args[0], want)
			if err != nil {
				return err
			}
			return a.printDocument(doc, "")
		},
	}
	source.flags(cmd)
	return cmd
}

// shownEntry is an entry of a log with its standing.
type shownEntry struct {
	documentJSON
	Index    uint64        `json:"index"`
	Standing register.Word `json:"standing"`
	Why      string        `json:"why"`
	// Retired: the log has ended.
	Retired *retiredJSON `json:"retired,omitempty"`
	// Reinstate are the withdrawals that a later entry of the release must list to be
	// live, besides those which this one lists.
	Reinstate []release.Digest `json:"reinstate,omitempty"`
}

func (a *app) showLogged(cmd *cobra.Command, which string, want release.Type, source logSource) error {
	h, s, err := a.historyOf(cmd, source)
	if err != nil {
		return err
	}
	defer s.client.Close()
	index, err := a.entryOf(h, which, want)
	if err != nil {
		return err
	}
	entry, err := s.client.Entry(cmd.Context(), fmt.Sprint(index))
	if err != nil {
		return fmt.Errorf("entry %d: %w", index, err)
	}
	doc, err := parseDocument(entry)
	if err != nil {
		return fmt.Errorf("entry %d: %w", index, err)
	}
	if doc.digest() != h.entries[index].digest {
		return fail(exitcode.Refused, "entry-of-other-payload", "", fmt.Errorf("the log answers with payload %s as entry %d, want %s", doc.digest(), index, h.entries[index].digest))
	}
	standing, _ := h.state.Why(index)
	result := shownEntry{documentJSON: doc.json(), Index: index, Standing: standing.Word, Why: standing.String(), Retired: retiredIn(h.state)}
	var missing []uint64
	if stated, ok := doc.statement.Predicate.(*release.Release); ok {
		a.nameImages(h, stated.Images)
		missing = h.notReinstated(stated)
		result.Reinstate = h.digestsOf(missing)
	}
	return a.print(result, func(p *page) {
		p.line("entry %d of %s, replayed to size %d, verified with %s: %s", index, quote(h.checkpoint.Origin), h.checkpoint.Size, s.basis(), result.Why)
		result.Retired.line(p)
		doc.describe(p)
		h.describeWithdrawn(p, missing)
		if len(missing) > 0 {
			p.line("to reinstate it, %s", h.reinstateHint(missing))
			p.line("draft that: muster release renew %d --log URL ... --out FILE", index)
		}
	})
}
