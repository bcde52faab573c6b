package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/muster-log/muster/release"
)

// notReinstated lists the withdrawals that cover a release and that it does not
// lift.
func (h *history) notReinstated(stated *release.Release) []uint64 {
	return slices.DeleteFunc(h.state.Withdrawals(stated), func(index uint64) bool { return slices.Contains(stated.Reinstates, h.entries[index].digest) })
}

// describeWithdrawn says which withdrawals a release has to lift to be live, and
// how; nothing if there are none.
func (h *history) describeWithdrawn(p *page, missing []uint64) {
	for i, index := range missing {
		stated := h.entries[index].statement.Predicate.(*release.Withdrawal)
		target, _ := h.state.Lookup(stated.Target)
		p.field(first(i, "withdrawn"), "by entry %d (%s), of %s", index, stated.Reason, h.say(target))
		if stated.Note != "" {
			p.field("", "%s", quoteWhole(stated.Note))
		}
	}
}

// reinstateHint is what to add to a draft so that it lifts withdrawals.
func (h *history) reinstateHint(missing []uint64) string {
	flags := make([]string, len(missing))
	for i, index := range missing {
		flags[i] = fmt.Sprintf("--reinstates %s", h.entries[index].digest)
	}
	return "if what it was withdrawn for is settled: " + strings.Join(flags, " ")
}

// digestsOf are the payload digests of withdrawals.
func (h *history) digestsOf(indices []uint64) []release.Digest {
	digests := []release.Digest{}
	for _, index := range indices {
		digests = append(digests, h.entries[index].digest)
	}
	return digests
}

// nameImages lets pages show the images of a release with what they state.
func (a *app) nameImages(h *history, images []release.Digest) {
	if a.images == nil {
		a.images = imageNames{}
	}
	for _, digest := range images {
		index, ok := h.state.Lookup(digest)
		if !ok || h.entries[index].statement == nil || h.entries[index].statement.Type != release.TypeImage || a.images[digest] != nil {
			continue
		}
		a.images[digest] = &document{statement: h.entries[index].statement}
	}
}
