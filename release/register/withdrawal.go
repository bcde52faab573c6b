package register

import (
	"slices"

	"github.com/muster-log/muster/release"
)

// withdrawal covers one image, or one identity.
type withdrawal struct {
	index    uint64
	image    *image
	identity *identity
}

func (s *State) judgeWithdrawal(statement *release.Withdrawal) (effect, needs, *release.Refusal) {
	index, logged := s.byDigest[statement.Target]
	if !logged {
		return nil, needs{}, refuseTarget(statement, "a digest that is not logged")
	}
	taken := &withdrawal{index: s.Size()}
	switch target := s.records[index].effect.(type) {
	case *image:
		taken.image = target
	case *releaseEntry:
		taken.identity = target.identity
	}
	asks, ok := s.records[index].withdrawalNeeds()
	if !ok {
		return nil, needs{}, refuseTarget(statement, string(s.records[index].typ)+" at index "+formatIndex(index))
	}
	if statement.Product != asks.product {
		return nil, asks, release.Refuse(CodeTargetOfOtherProduct, "predicate.product", statement.Product, "its target's, "+asks.product)
	}
	return taken, asks, nil
}

func refuseTarget(statement *release.Withdrawal, got string) *release.Refusal {
	return release.Refuse(CodeTargetNotLogged, "subject", statement.Target.String()+": "+got, "the payload digest of a logged image or release")
}

// enter ends every live release that the withdrawal covers: no entry at a
// lower index can have reinstated it.
func (w *withdrawal) enter(s *State, _ *record) {
	if w.identity != nil {
		w.identity.withdrawals = append(w.identity.withdrawals, w)
		s.settle(w.identity)
		return
	}
	w.image.withdrawals = append(w.image.withdrawals, w)
	for _, entry := range s.products[w.image.key.product].sorted() {
		if w.covers(entry.identity) {
			s.settle(entry.identity)
		}
	}
}

// covers reports whether the withdrawal is of the identity or of an image of it.
func (w *withdrawal) covers(id *identity) bool {
	if w.identity != nil {
		return w.identity == id
	}
	return slices.Contains(id.images, w.image)
}
