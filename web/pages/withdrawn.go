package pages

import (
	"context"
	"slices"

	"github.com/muster-log/muster/log"
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
// does not reinstate. What was struck is not looked at for withdrawals by the
// register, so these are found by the search index.
func (p *Pages) withdrawals(ctx context.Context, index, size uint64, own release.Digest, statement *release.Statement) ([]withdrawalLine, error) {
	targets := []release.Digest{own}
	var lifted []release.Digest
	switch stated := statement.Predicate.(type) {
	case *release.Image:
	case *release.Release:
		targets, lifted = append(targets, stated.Images...), stated.Reinstates
	default:
		return nil, nil
	}
	p.config.Log.View(func(state *register.State) {
		record, _ := state.Entry(index)
		if record.Identity.IsZero() {
			return
		}
		for _, at := range state.Identity(record.Identity) {
			if other, ok := state.Entry(at); ok && at < size && other.Digest != own {
				targets = append(targets, other.Digest)
			}
		}
	})
	var found []uint64
	for _, target := range targets {
		naming, err := p.mentioning(ctx, target, size, log.RelationTarget)
		if err != nil {
			return nil, err
		}
		found = append(found, naming...)
	}
	slices.Sort(found)
	found = slices.Compact(found)
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
		if !ok || slices.Contains(lifted, envelope.PayloadDigest()) {
			continue // a finding, or settled
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
