package roll

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/muster-log/muster/internal/atomicfile"
	"github.com/muster-log/muster/monitor/audit"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
)

// Step follows the log to its newest checkpoint, judges what was handed in, signs the
// rolls that are due and starts to submit them, until ctx ends. What goes wrong is an
// alarm and is tried again at the next step; the error is a *MisbehavedError, after which
// no step may follow.
func (s *Signer) Step(ctx context.Context) error {
	s.sweep()
	updating, cancel := context.WithTimeout(ctx, updateTimeout)
	progress, err := s.follower.Update(updating)
	cancel()
	if ctx.Err() != nil {
		return nil
	}
	if failure, ok := errors.AsType[*audit.Error](err); ok && failure.Evidence != nil {
		path, kept := keepEvidence(s.config.Directory, logEvidence, failure.Evidence)
		if kept != nil {
			err = errors.Join(err, fmt.Errorf("the evidence could not be written: %w", kept))
		}
		s.mu.Lock()
		s.cancelRolls(func(string) bool { return true })
		s.mu.Unlock()
		s.config.Logger.Error("the log signed two histories: no roll is signed any more", "kind", failure.Evidence.Kind, "evidence", path, "error", err)
		return &MisbehavedError{path, err}
	}
	for _, signed := range s.sign(progress, err) {
		s.submitRoll(ctx, signed)
	}
	return nil
}

// sign judges the state that an update left, and returns the rolls to submit. All
// alarms of a step are raised here.
func (s *Signer) sign(progress audit.Progress, failed error) []signed {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	defer s.alarms.settle()
	defer s.cancelRolls(s.alarms.stops)
	s.judgeUpdate(now, progress, failed)
	checkpoint := s.checkpoint()
	if checkpoint == nil {
		return nil // nothing is known yet: the update failed, and its alarm is raised
	}
	s.judgeLog(now)
	s.keepCheckpoint(now)
	s.judgeSpool(now)
	var due []signed
	s.failing = failed != nil
	for _, name := range s.config.Products {
		if !s.failing {
			s.judgeReleased(name)
		}
		if roll, ok := s.signProduct(now, name); ok {
			due = append(due, roll)
		}
	}
	if failed == nil {
		s.stepped = now
	}
	return due
}

// judgeUpdate raises the alarms of an update that failed.
func (s *Signer) judgeUpdate(now time.Time, progress audit.Progress, failed error) {
	for _, evidence := range progress.Witnesses {
		path, err := keepEvidence(s.config.Directory, witnessEvidence, evidence)
		s.config.Logger.Error("a witness cosigned a smaller checkpoint after a larger one", "witness", evidence.Witness, "evidence", path, "error", err)
	}
	if accused := len(s.follower.Accused()); accused > 0 {
		s.alarms.raise(now, alarmKey{code: AlarmWitness}, false, fmt.Sprintf("%d of the policy's witnesses count no more; the evidence is in %s", accused, s.config.Directory))
	}
	if failed == nil {
		return
	}
	if failure, ok := errors.AsType[*audit.Error](failed); ok {
		s.alarms.raise(now, alarmKey{code: release.Code(failure.Code)}, true, failed.Error())
		return
	}
	if progress.To > progress.From {
		s.alarms.raise(now, alarmKey{code: AlarmCatchingUp}, true, fmt.Sprintf("%d entries are read, and there are more: %v", progress.To, failed))
		return
	}
	s.alarms.raise(now, alarmKey{code: AlarmLogAway}, true, failed.Error())
}

// judgeLog raises the alarms of what is followed.
func (s *Signer) judgeLog(now time.Time) {
	state := s.follower.State()
	if void := state.Void(); void > 0 {
		if void > s.void {
			s.config.Logger.Error("the log holds void entries: it let in what breaks its rules", "count", void, "new", void-s.void)
			s.void = void
		}
		s.alarms.raise(now, alarmKey{code: AlarmVoid}, false, fmt.Sprintf("%d void entries, which have no effect", void))
	}
	if filled := s.follower.Filled(); filled >= logLarge {
		s.alarms.raise(now, alarmKey{code: AlarmLogLarge}, false, fmt.Sprintf("the log, of %d entries, fills %.0f %% of what is followed at most: raise --max-entries and --max-bytes, or go on in a successor log, before it is full", state.Size(), 100*filled))
	}
	if fresh := s.follower.Fresh(); now.Sub(fresh) > s.config.MaxCheckpointAge {
		s.alarms.raise(now, alarmKey{code: AlarmCheckpointOld}, true, fmt.Sprintf("the newest checkpoint, of size %d, was last cosigned by a quorum at %s", s.checkpoint().Size, release.FormatTime(fresh)))
	}
	if ahead := state.LogTime().Sub(now); ahead > register.MaxClockAhead {
		s.alarms.raise(now, alarmKey{code: AlarmClock}, false, fmt.Sprintf("the log's time is %s ahead of this machine's clock", ahead.Round(time.Second)))
	}
	authority, _ := state.Authority()
	if authority == nil {
		return // Compute says so
	}
	if left := authority.Expires.Sub(now); left <= 0 || !state.LogTime().Before(authority.Expires) {
		s.alarms.raise(now, alarmKey{code: register.CodeAuthorityExpired}, true, "the authority expired at "+release.FormatTime(authority.Expires)+": its root must sign a successor")
	} else if left < register.ExpiryAlarm {
		s.alarms.raise(now, alarmKey{code: AlarmAuthorityExpires}, false, "the authority expires at "+release.FormatTime(authority.Expires)+", and no roll is signed after that")
	}
}

// keepCheckpoint writes the checkpoint that was followed, so that a restart holds the
// log to it. Nothing is signed of one that is not on disk.
func (s *Signer) keepCheckpoint(now time.Time) {
	checkpoint := s.checkpoint()
	if checkpoint.Size == s.saved {
		return
	}
	if err := atomicfile.Write(filepath.Join(s.config.Directory, checkpointName), checkpoint.Marshal(), privateMode); err != nil {
		s.alarms.raise(now, alarmKey{code: AlarmState}, true, err.Error())
		return
	}
	s.saved = checkpoint.Size
}

// signProduct signs the roll of a product if one is due, and returns what is to be
// submitted: that, or one that was signed before and is not in the log.
func (s *Signer) signProduct(now time.Time, name string) (signed, bool) {
	state, checkpoint := s.follower.State(), s.checkpoint()
	computed, err := Compute(state, checkpoint.Checkpoint, name, now)
	if err != nil {
		s.alarms.raise(now, alarmKey{code: release.CodeOf(err), product: name}, true, err.Error())
		return signed{}, false
	}
	s.judgeKeys(now, computed)
	newest := s.products.of(name).newest(state, name, checkpoint.Size)
	reason := s.products.of(name).due(newest, computed, s.config.Every)
	s.judgeLate(now, name, newest, reason)
	s.judgeRefused(now, name, newest)
	if err := s.ledger.check(computed); errors.Is(err, errOlder) {
		s.alarms.raise(now, alarmKey{code: AlarmOlderThanSigned, product: name}, true, err.Error())
	} else if err != nil {
		s.alarms.raise(now, alarmKey{code: AlarmSignedOtherwise, product: name}, true, err.Error())
	}
	if reason == "" || s.alarms.stops(name) || now.Before(s.retry[name]) || s.waitsForLog(computed) {
		return signed{}, false
	}
	if last, had := s.ledger.signed[name]; had && last.roll.Size == computed.Size && !s.tooOld(name, last) {
		return last, true
	}
	made, err := s.makeRoll(now, computed)
	if refusal, ok := errors.AsType[*release.Refusal](err); ok {
		s.alarms.raise(now, alarmKey{code: refusal.Code, product: name}, true, err.Error())
		return signed{}, false
	}
	if err != nil {
		s.alarms.raise(now, alarmKey{code: AlarmState, product: name}, true, err.Error())
		return signed{}, false
	}
	s.config.Logger.Info("signed a roll", "product", name, "size", computed.Size, "live", len(computed.Live), "reason", reason, "digest", made.digest)
	return made, true
}

// judgeKeys raises an alarm where the authority in force does not let the keys sign the
// rolls of a product: at every step, since the next roll may be due in hours. mu is held.
func (s *Signer) judgeKeys(now time.Time, computed *release.Roll) {
	authority, _ := s.follower.State().AuthorityAt(computed.Size)
	ids := make([]release.KeyID, 0, len(s.config.Keys))
	for _, key := range s.config.Keys {
		ids = append(ids, key.Key().ID())
	}
	if err := register.CheckSigners(authority, &release.Statement{Type: release.TypeRoll, Predicate: computed}, nil, ids); err != nil {
		s.alarms.raise(now, alarmKey{code: release.CodeOf(err), product: computed.Product}, true, "the keys of this process may not sign its rolls: "+err.Error())
	}
}

// judgeReleased says once of a product that it has no release, and none of its rolls is
// signed before it has: a name that is misspelt looks the same. mu is held.
func (s *Signer) judgeReleased(name string) {
	of := s.products.of(name)
	if of.released || of.told {
		return
	}
	of.told = true
	s.config.Logger.Warn("the log holds no release of this product: its first roll is signed once it has one; is the name right?", "product", name, "products", s.follower.State().Products())
}

// logged reports whether an entry is in what is followed; mu is held.
func (s *Signer) logged(digest release.Digest) bool {
	index, ok := s.follower.State().Lookup(digest)
	return ok && index < s.checkpoint().Size
}

// durable reports whether the log must show an entry after a restart, too: it is covered
// by the checkpoint on disk. mu is held.
func (s *Signer) durable(digest release.Digest) bool {
	index, ok := s.follower.State().Lookup(digest)
	return ok && index < s.saved
}

// tooOld reports whether the log refused a roll for its date: then the same list of the
// same size is signed with a newer one, else the log could never take a roll again.
func (s *Signer) tooOld(name string, last signed) bool {
	refused := s.refused[name]
	return refused != nil && refused.digest == last.digest &&
		(refused.err.Code == string(register.CodeIssuedBehindClock) || refused.err.Code == string(register.CodeIssuedBehindLogTime))
}

// makeRoll signs a roll, has the register judge it as the log will, and makes it
// durable, in this order: what no log admits is not kept as signed.
func (s *Signer) makeRoll(now time.Time, computed *release.Roll) (signed, error) {
	statement, err := release.NewRoll(computed)
	if err != nil {
		return signed{}, err
	}
	payload, err := statement.Marshal()
	if err != nil {
		return signed{}, err
	}
	envelope := &release.Envelope{Payload: payload}
	for _, key := range s.config.Keys {
		signature, err := key.Sign(payload)
		if err != nil {
			return signed{}, err
		}
		if err := envelope.Add(signature); err != nil {
			return signed{}, err
		}
	}
	entry, err := envelope.Marshal()
	if err != nil {
		return signed{}, err
	}
	authority, _ := s.follower.State().Authority()
	prepared, err := register.Prepare(entry, authority, s.config.Register...)
	if err != nil {
		return signed{}, err
	}
	if err := s.follower.State().Admit(prepared, now); err != nil {
		return signed{}, err
	}
	return s.ledger.put(entry, now)
}
