package register

import (
	"slices"
	"time"

	"github.com/muster-log/muster/release"
)

// Suppose judges a draft at the next index as [State.Admit] does at the time now,
// but for its signatures, and gives it its effect as if those had signed it who
// must. What changed between before and after is what logging the draft would do:
// what it strikes, what it withdraws, what is live. A draft that is refused changes
// nothing.
//
// The state is then that of a log which does not exist: ask it, and throw it away.
// The error is a *release.Refusal, or that of a statement that cannot be encoded.
func (s *State) Suppose(draft *release.Statement, now time.Time) (uint64, error) {
	payload, err := draft.Marshal()
	if err != nil {
		return 0, err
	}
	envelope := &release.Envelope{Payload: payload}
	p := &Prepared{Envelope: envelope, Statement: draft, Digest: envelope.PayloadDigest(), supposed: true}
	if err := s.Admit(p, now); err != nil {
		return 0, err
	}
	return s.ApplyPrepared(p).Index, nil
}

// admitsEntry judges the signers of an entry; of a draft, that some role could
// admit it.
func (l *Link) admitsEntry(n needs, p *Prepared) *release.Refusal {
	if !p.supposed {
		return l.admits(n, p.signers())
	}
	if !slices.ContainsFunc(l.Authority.Roles, func(role release.Role) bool { return n.coveredBy(&role) }) {
		return n.refuse()
	}
	return nil
}
