package roll

import (
	"context"
	"errors"
	"slices"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	rollremote "github.com/muster-log/muster/roll/remote"
)

// maxStrangers bounds the withdrawals that wait for the next step without being signed by
// anybody who is known to withdraw.
const maxStrangers = 8

// errNotDurable: the log holds a withdrawal, and the checkpoint that shows it is not on
// disk yet.
var errNotDurable = errors.New("the checkpoint that shows the withdrawal is not on disk")

// HandIn is a withdrawal that is being handed in. It is judged in the order of what that
// costs, so that a door can bound each part: its form and product, its authority, and who
// signs it by key ids (Read), its signatures (Verify), and then the log's rules, for which
// the log may be read on, and the disk (Take). It belongs to one goroutine.
type HandIn struct {
	signer   *Signer
	envelope []byte
	prepared *register.Prepared
	stated   *release.Withdrawal
	// authority is the one that was in force when it was read, if a role of that which
	// withdraws has all its key ids, and the log has had no other one that it names; else
	// nil.
	authority *release.Authority
	inForce   bool // it names that one
	known     bool // it waits, or the log holds it
	verified  bool
}

// Read reads the envelope of a withdrawal and verifies no signature. The error is a
// *release.Refusal of its form or product, or ErrNotReady.
func (s *Signer) Read(envelope []byte) (*HandIn, error) {
	prepared, stated, err := readWithdrawal(envelope)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(s.config.Products, stated.Product) {
		return nil, release.Refuse(CodeProductNotSigned, "predicate.product", stated.Product, "a product whose rolls are signed here")
	}
	h := &HandIn{signer: s, envelope: envelope, prepared: prepared, stated: stated}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.checkpoint() == nil {
		return nil, ErrNotReady
	}
	h.known = s.settled(prepared.Digest)
	state := s.follower.State()
	authority, digest := state.Authority()
	h.inForce = authority != nil && stated.Authority == digest
	_, had := state.Lookup(stated.Authority)
	if authority != nil && (h.inForce || !had) && withdraws(authority, prepared.Envelope) {
		h.authority = authority
	}
	return h, nil
}

// settled reports whether nothing has to be done for a withdrawal: it waits, or the log
// holds it. That the log does is worth nothing after a restart while the checkpoint which
// shows that is not on disk: then it is spooled, too. mu is held.
func (s *Signer) settled(digest release.Digest) bool {
	known, ok := s.find(digest)
	return ok && (known.State != rollremote.StateLogged || s.durable(digest))
}

// withdraws reports whether one role of an authority that may withdraw something has the
// keys of all signatures, and enough of them, by their ids alone.
func withdraws(authority *release.Authority, envelope *release.Envelope) bool {
	var signers []release.KeyID
	for i := range envelope.Signatures {
		signers = append(signers, envelope.Signatures[i].KeyID)
	}
	for i := range authority.Roles {
		role := &authority.Roles[i]
		if (role.Name == release.RoleWithdraw || role.Name == release.RoleRoot) &&
			!slices.ContainsFunc(signers, func(id release.KeyID) bool { return !slices.Contains(role.Keys, id) }) &&
			register.Signed(authority, role, signers) >= role.Threshold {
			return true
		}
	}
	return false
}

// Known reports whether it waits already, or the log holds it: Take then says how it
// stands, and nothing is judged.
func (h *HandIn) Known() bool { return h.known }

// Promising reports whether its key ids are those of somebody who may withdraw under the
// authority in force, and it names that, or one that the log may hold meanwhile. If not,
// Take refuses it without verifying a signature, or, a stranger's that names what the log
// may hold, waits with it for the next step.
func (h *HandIn) Promising() bool { return h.authority != nil }

// InForce reports whether it names the authority in force.
func (h *HandIn) InForce() bool { return h.inForce }

// Verify verifies the signatures of a promising one by the authority that was in force
// when it was read. The error is a *release.Refusal.
func (h *HandIn) Verify() error {
	if h.verified || h.authority == nil {
		return nil
	}
	prepared, err := register.Prepare(h.envelope, h.authority, h.signer.config.Register...)
	if err != nil {
		return err
	}
	h.prepared, h.verified = prepared, true
	return nil
}

// Take takes a withdrawal. Nil: it is on disk and will be submitted, or the log holds it
// already. The error is a *release.Refusal where it is not admissible now, a *BehindError,
// ErrFull, or one of the disk.
//
// What it withdraws, or the authority, may have been logged a moment ago: before that is a
// refusal, a Signer that runs looks at the log again, as long as ctx allows and for at most
// catchUpTimeout. If the log cannot be read then, it is a *BehindError. For a stranger's
// the log is not read before its time, and few of them may wait for that.
func (s *Signer) Take(ctx context.Context, h *HandIn) (rollremote.Withdrawal, error) {
	if !h.known {
		if err := h.Verify(); err != nil {
			return rollremote.Withdrawal{}, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, catchUpTimeout)
	defer cancel()
	taken, err := s.take(h)
	if !s.mayBeLogged(h, err) {
		return taken, err
	}
	waits := true
	if !h.verified {
		select {
		case s.strangers <- struct{}{}:
			defer func() { <-s.strangers }()
		default:
			waits = false
		}
	}
	// The step that is under way may have begun before.
	for range 2 {
		if !waits || !s.catchUp(ctx, h.verified) {
			break
		}
		if taken, err = s.take(h); !s.mayBeLogged(h, err) {
			return taken, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !waits || s.failing || ctx.Err() != nil {
		return taken, &BehindError{s.checkpoint().Size, err}
	}
	return taken, err
}

// mayBeLogged reports whether a newer state of the log may know what a refusal calls
// unknown. One under an authority that the log has had, and one whose signers may not
// withdraw under the authority that it names, no newer state admits.
func (s *Signer) mayBeLogged(h *HandIn, err error) bool {
	switch release.CodeOf(err) {
	case register.CodeTargetNotLogged:
		return h.verified
	case register.CodeAuthorityNotInForce:
		s.mu.Lock()
		defer s.mu.Unlock()
		_, had := s.follower.State().Lookup(h.stated.Authority)
		return !had
	}
	return false
}

// catchUp waits for the end of a step, and asks for one where the next one is not to be
// waited for; false if none comes.
func (s *Signer) catchUp(ctx context.Context, ask bool) bool {
	s.mu.Lock()
	running, ended := s.running, s.ended
	s.mu.Unlock()
	if !running {
		return false
	}
	if ask {
		select {
		case s.behind <- struct{}{}:
		default:
		}
	}
	select {
	case <-ended:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *Signer) take(h *HandIn) (rollremote.Withdrawal, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.find(h.prepared.Digest)
	if ok && s.settled(h.prepared.Digest) {
		return known, nil
	}
	now := s.now()
	if ok && !h.verified {
		return rollremote.Withdrawal{}, errNotDurable // nor is it known whether its signatures are those of the entry
	} else if !ok {
		if err := s.judgeWithdrawal(h.prepared, now); err != nil {
			return rollremote.Withdrawal{}, err
		}
	}
	if s.spool.full(h.stated.Product) {
		return rollremote.Withdrawal{}, ErrFull
	}
	one := &spooled{HandedIn: now, Size: s.checkpoint().Size, Envelope: slices.Clone(h.envelope), prepared: h.prepared, stated: h.stated}
	if err := s.spool.put(one); err != nil {
		s.config.Logger.Error("a withdrawal could not be kept", "digest", h.prepared.Digest, "error", err)
		return rollremote.Withdrawal{}, err
	}
	s.config.Logger.Info("a withdrawal was handed in", "digest", h.prepared.Digest, "product", h.stated.Product, "target", h.stated.Target, "reason", h.stated.Reason)
	select {
	case s.handed <- struct{}{}:
	default:
	}
	return s.tell(one), nil
}
