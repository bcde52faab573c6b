package pages

import (
	"context"
	"fmt"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
)

// withdrawalLine is a withdrawal as it is shown on the page of what it takes back.
type withdrawalLine struct {
	Index       uint64
	Reason      string
	Note        string
	Of          fact // what it names, if that is not the entry of the page
	Replacement fact // what is used instead; its Name is empty if there is none
}

// withdrawals tells the withdrawals that cover an image or a release and that it
// does not reinstate, whatever else it fell by.
func (p *Pages) withdrawals(ctx context.Context, index, size uint64, own release.Digest) ([]withdrawalLine, error) {
	var found []uint64
	p.config.Log.View(func(state *register.State) { found = state.WithdrawnBy(index, size) })
	var lines []withdrawalLine
	for _, at := range found[:min(len(found), maxEffects)] {
		data, err := p.config.Log.Entry(ctx, at)
		if err != nil {
			return nil, err
		}
		envelope, err := release.ParseEnvelope(data)
		if err != nil {
			return nil, err // it was admitted
		}
		parsed, err := release.ParseStatement(envelope.Payload)
		if err != nil {
			return nil, err
		}
		stated, ok := parsed.Predicate.(*release.Withdrawal)
		if !ok {
			return nil, fmt.Errorf("entry %d is a %s, where the register has a withdrawal", at, parsed.Type)
		}
		line := withdrawalLine{Index: at, Reason: stated.Reason, Note: parsed.Note()}
		if stated.Target != own {
			line.Of = p.linked(stated.Target, size)
		}
		if stated.Replacement != nil {
			line.Replacement = p.linked(*stated.Replacement, size)
			line.Replacement.Name = "Use instead"
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// linked is a digest, with the entry that has it as its payload's.
func (p *Pages) linked(digest release.Digest, size uint64) fact {
	line := fact{Digest: digest.String()}
	p.config.Log.View(func(state *register.State) {
		at, ok := state.Lookup(digest)
		line.Index, line.Linked = at, ok && at < size
	})
	return line
}
