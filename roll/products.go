package roll

import (
	"slices"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
)

// products are what a Signer notes of the entries as they are applied: what the
// register does not keep.
type products map[string]*product

type product struct {
	// released: an entry of a release was admitted once. Before that there is nothing
	// that a roll could say to anybody.
	released bool
	// told: that it is not was said once.
	told bool
	// rolls are the admitted rolls by index, of whomever; only the newest ones count.
	rolls map[uint64]*release.Roll
}

// maxRolls bounds the rolls that are kept of a product: the newest ones, of which an
// authority may strike some.
const maxRolls = 1024

func (p products) note(outcome register.Outcome) {
	if outcome.Status != register.StatusAdmitted {
		return
	}
	switch stated := outcome.Prepared.Statement.Predicate.(type) {
	case *release.Release:
		p.of(stated.Product).released = true
	case *release.Roll:
		of := p.of(stated.Product)
		of.rolls[outcome.Index] = stated
		for len(of.rolls) > maxRolls {
			oldest := outcome.Index
			for index := range of.rolls {
				oldest = min(oldest, index)
			}
			delete(of.rolls, oldest)
		}
	}
}

func (p products) of(name string) *product {
	if p[name] == nil {
		p[name] = &product{rolls: map[uint64]*release.Roll{}}
	}
	return p[name]
}

// Reason says why a roll is due.
type Reason string

const (
	// ReasonFirst: the product has releases and no roll that counts.
	ReasonFirst Reason = "first"
	// ReasonChange: what is live is not what the newest roll lists.
	ReasonChange Reason = "change"
	// ReasonAuthority: the newest roll was made under an older authority.
	ReasonAuthority Reason = "authority"
	// ReasonSchedule: the newest roll is as old as the schedule lets it get.
	ReasonSchedule Reason = "schedule"
)

// newest returns the newest roll that a log of that size has of the product; nil: none.
// One that an authority struck does not count.
func (p *product) newest(state *register.State, name string, size uint64) *release.Roll {
	index, ok := state.NewestRoll(name, size)
	if !ok {
		return nil
	}
	return p.rolls[index]
}

// due says why a roll that was computed is to be signed after the newest in the log, or
// none; empty: it need not be. A roll that only grew the log changes nothing that is
// live, and makes no other one due.
func (p *product) due(newest, computed *release.Roll, every time.Duration) Reason {
	switch {
	case newest == nil:
		if !p.released {
			return ""
		}
		return ReasonFirst
	case !slices.Equal(newest.Live, computed.Live):
		return ReasonChange
	case newest.Authority != computed.Authority:
		return ReasonAuthority
	case computed.Issued.Sub(newest.Issued) >= every:
		return ReasonSchedule
	}
	return ""
}
