package pages

import (
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
)

// retiredView says what retired the log.
type retiredView struct {
	Index     uint64
	Successor string
}

// retiredAt returns nil for a log that was in use at a size.
func retiredAt(state *register.State, size uint64) *retiredView {
	index, retired := state.Retired()
	if !retired || index >= size {
		return nil
	}
	authority, _ := state.AuthorityAt(size)
	return &retiredView{Index: index, Successor: authority.Origin}
}

// retired is what retired the log at its newest checkpoint.
func (p *Pages) retired() (view *retiredView) {
	newest, _ := p.config.Log.Checkpoint()
	p.config.Log.View(func(state *register.State) { view = retiredAt(state, newest.Checkpoint.Size) })
	return view
}

// of says how what stood in the log when it was retired stands: nobody passes with
// it, so nothing is live in green there.
func (v *retiredView) of(record register.Record, index uint64, view stateView) stateView {
	if view.Tone != "good" {
		return view
	}
	view.Tone = "quiet"
	if index == v.Index {
		view.Word, view.Tone, view.Sentence = "retires the log", "bad", "It ends this log: what comes after it has no effect."
		return view
	}
	view.Word += " when retired"
	switch record.Type {
	case release.TypeRelease, release.TypeImage:
		view.Sentence = "It was live when the log was retired. No client passes with it any more."
	case release.TypeRoll:
		view.Sentence = "It was the newest roll of its product when the log was retired."
	default:
		view.Sentence = "It was in force when the log was retired."
	}
	return view
}

// stateAt says how an entry stands at a size.
func stateAt(state *register.State, index, size uint64) stateView {
	record, _ := state.Entry(index)
	standing, _ := state.WhyAt(index, size)
	view := stateOf(record.Type, standing)
	if retired := retiredAt(state, size); retired != nil {
		return retired.of(record, index, view)
	}
	return view
}
