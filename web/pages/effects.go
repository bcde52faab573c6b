package pages

import (
	"context"
	"errors"
	"io/fs"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
)

// maxEffects bounds a list of entries that another acts on.
const maxEffects = 25

// effectsView is what an entry does to others: a list of them, with how each
// stands.
type effectsView struct {
	Heading string
	None    string // what is said where the list is empty
	Rows    []effectRow
	More    int // entries that are not listed
}

type effectRow struct {
	Index uint64
	What  string
	Type  string
	State stateView
}

// effects gathers what a withdrawal or an authority does to others, as the register
// says.
func (p *Pages) effects(ctx context.Context, index, size uint64, statement *release.Statement) ([]effectsView, error) {
	switch stated := statement.Predicate.(type) {
	case *release.Withdrawal:
		return p.withdrawalEffects(ctx, index, size, stated)
	case *release.Authority:
		if len(stated.Compromised) == 0 {
			return nil, nil
		}
		var struck []uint64
		p.config.Log.View(func(state *register.State) { struck = state.StruckBy(index, size) })
		view, err := p.effectRows(ctx, size, struck)
		view.Heading, view.None = "Struck by it", "No entry of this log is struck by it."
		return []effectsView{view}, err
	}
	return nil, nil
}

// withdrawalEffects lists what a withdrawal covers, and the releases that lift it
// for themselves.
func (p *Pages) withdrawalEffects(ctx context.Context, index, size uint64, stated *release.Withdrawal) ([]effectsView, error) {
	var covered, lifted []uint64
	p.config.Log.View(func(state *register.State) {
		covered, lifted = state.Covered(stated.Target, size), state.Reinstating(index, size)
	})
	covers, err := p.effectRows(ctx, size, covered)
	if err != nil {
		return nil, err
	}
	covers.Heading, covers.None = "What it covers", "Nothing that this log has published."
	views := []effectsView{covers}
	if len(lifted) > 0 {
		reinstated, err := p.effectRows(ctx, size, lifted)
		if err != nil {
			return nil, err
		}
		reinstated.Heading = "Reinstated by"
		views = append(views, reinstated)
	}
	return views, nil
}

// effectRows describes entries; those above maxEffects are counted.
func (p *Pages) effectRows(ctx context.Context, size uint64, indices []uint64) (effectsView, error) {
	view := effectsView{More: max(0, len(indices)-maxEffects)}
	indices = indices[:len(indices)-view.More]
	records, err := p.config.Index.Records(ctx, indices)
	if err != nil {
		return view, err
	}
	p.config.Log.View(func(state *register.State) {
		for _, record := range records {
			row := rowOf(record, state, size)
			view.Rows = append(view.Rows, effectRow{Index: record.Index, What: row.What, Type: row.Type, State: row.State})
		}
	})
	return view, nil
}

// rollCheckpoint says whether the checkpoint that a roll names is one that this
// log has published.
func (p *Pages) rollCheckpoint(ctx context.Context, roll *release.Roll) (fact, error) {
	anchor, err := p.config.Log.CheckpointAt(ctx, roll.Size)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fact{Name: "Checkpoint", Text: "none of that size was published here: no client accepts the roll"}, nil
	case err != nil:
		return fact{}, err
	case release.Digest(anchor.Checkpoint.Root) != roll.Root:
		return fact{Name: "Checkpoint", Text: "the one of that size has another root: no client accepts the roll"}, nil
	}
	return fact{Name: "Checkpoint", Text: "published here with this size and root"}, nil
}
