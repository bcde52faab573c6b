package main

import (
	"maps"
	"slices"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
)

// consequences are what logging a draft does to what is in the log already.
type consequences struct {
	// Index is where the draft would stand if it were logged now.
	Index uint64 `json:"index"`
	// Struck are the entries that it strikes.
	Struck []affected `json:"struck"`
	// Ended are the releases that are live before it, and not after it.
	Ended []affected `json:"ended"`
	// Begun are the releases that are live after it, and not before it.
	Begun []affected `json:"begun"`
}

// affected is an entry that a draft changes the standing of.
type affected struct {
	Index    uint64         `json:"index"`
	Digest   release.Digest `json:"digest"`
	Summary  string         `json:"summary"`
	Standing register.Word  `json:"standing"`
}

// suppose says what logging a draft now would do. The history is of no use after
// that: its state has the draft in it. A draft that the log would refuse changes
// nothing, and the error is the register's.
func (h *history) suppose(draft *release.Statement, now time.Time) (*consequences, error) {
	live, struck := h.standing()
	index, err := h.state.Suppose(draft, now)
	if err != nil {
		return nil, err
	}
	h.entries = append(h.entries, loggedEntry{summary: "this " + string(draft.Type), statement: draft})
	liveAfter, struckAfter := h.standing()
	return &consequences{
		Index:  index,
		Struck: h.affected(without(struckAfter, struck)),
		Ended:  h.affected(without(live, liveAfter)),
		Begun:  h.affected(without(liveAfter, live)),
	}, nil
}

// standing returns the indices of all live releases, and of all struck entries.
func (h *history) standing() (live, struck map[uint64]bool) {
	live, struck = map[uint64]bool{}, map[uint64]bool{}
	for _, product := range h.state.Products() {
		for _, one := range h.state.Live(product) {
			live[one.Index] = true
		}
	}
	for index := range h.state.Size() {
		if record, _ := h.state.Entry(index); record.Struck {
			struck[index] = true
		}
	}
	return live, struck
}

// without returns what is in one set and not in the other, ascending.
func without(set, other map[uint64]bool) []uint64 {
	left := maps.Clone(set)
	maps.DeleteFunc(left, func(index uint64, _ bool) bool { return other[index] })
	return slices.Sorted(maps.Keys(left))
}

func (h *history) affected(indices []uint64) []affected {
	list := []affected{}
	for _, index := range indices {
		standing, _ := h.state.Why(index)
		list = append(list, affected{index, h.entries[index].digest, h.entries[index].summary, standing.Word})
	}
	return list
}

// describe says the consequences in words; what is the draft.
func (c *consequences) describe(p *page, what string) {
	if c == nil {
		return
	}
	if len(c.Struck) == 0 && len(c.Ended) == 0 && len(c.Begun) == 0 {
		p.line("this %s, logged now, changes nothing of what is struck or live", what)
		return
	}
	p.line("this %s, logged now at index %d:", what, c.Index)
	for i, entry := range c.Struck {
		p.field(first(i, "strikes"), "entry %d, %s", entry.Index, entry.Summary)
	}
	for i, entry := range c.Ended {
		p.field(first(i, "ends"), "entry %d, %s, is live until then (after: %s)", entry.Index, entry.Summary, entry.Standing)
	}
	for i, entry := range c.Begun {
		p.field(first(i, "makes live"), "entry %d, %s", entry.Index, entry.Summary)
	}
}
