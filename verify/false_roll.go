package verify

import (
	"fmt"
	"slices"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/bundle"
	"github.com/muster-log/muster/tlog/fork"
)

// KindFalseRoll is the fork evidence that is about statements: whoever signs rolls
// listed a release as live that was withdrawn in the very tree that the roll names.
// The other kinds are package fork's.
const KindFalseRoll fork.Kind = "false-roll"

// FalseRoll is evidence against the signers of a roll (docs/formats/fork.md). It
// holds entries of one log: the authority chain from entry 0 to the version that
// the roll names, the roll, a release that it lists, a withdrawal that covers the
// release, and what the withdrawal names if that is not the release. The
// withdrawal stands after the release and before the size that the roll is of.
//
// The roll's own root is proven to lead to the log's checkpoint. Without that a log
// could show the signer a history without the withdrawal, and everybody else one
// with it, and have the signer accused.
//
// What it does not show, for that takes every entry: which entries are void. A
// withdrawal that a log held back for more than 7 days of log time is void, and so
// is one issued more than 92 days ahead of it; a roll that goes on listing the
// release is right. Where the entries of the evidence themselves show either, there
// is no evidence. A copy of an older version of the authority is void, too, and
// looks as if it were in force again: a withdrawal by a key that was retired counts
// here, and not in the log. Confirm replays the log, and tells.
type FalseRoll struct {
	// Bundle holds the entries under a checkpoint, and no anchors.
	Bundle *bundle.Bundle
	// Consistency leads from the roll's size and root to the checkpoint.
	Consistency []tlog.Hash

	options []register.Option
}

// FalseRollShown is what the evidence shows.
type FalseRollShown struct {
	Origin string
	Pin    release.Digest // payload digest of entry 0
	Size   uint64         // of the checkpoint

	Roll       *release.Roll
	RollIndex  uint64
	RollDigest release.Digest
	// Accused are the ids of the keys that signed the roll.
	Accused []release.KeyID

	Release       *release.Release
	ReleaseIndex  uint64
	ReleaseDigest release.Digest

	Withdrawal       *release.Withdrawal
	WithdrawalIndex  uint64
	WithdrawalDigest release.Digest
}

// NewFalseRoll makes evidence of a log's checkpoint, entries with their inclusion
// proofs in it, by index, and the consistency proof from the roll's size to it. The
// checkpoint's signature is for Verify. An option gives what judges OpenPGP and
// X.509 signatures, which a withdrawal may have.
//
// Errors: fork.ErrNoContradiction where an honest signer may have signed the roll,
// release.CodeCannotJudge, and those about the form, proofs and signatures.
func NewFalseRoll(checkpoint *tlog.SignedCheckpoint, entries []bundle.Entry, consistency []tlog.Hash, with ...register.Option) (*FalseRoll, error) {
	e := &FalseRoll{
		Bundle:      &bundle.Bundle{Origin: checkpoint.Origin, Checkpoint: string(checkpoint.Marshal()), Entries: entries},
		Consistency: consistency,
		options:     with,
	}
	if _, err := e.Marshal(); err != nil {
		return nil, err
	}
	return e, nil
}

// Verify checks the evidence against the keys of the log, which vouches for the
// order of the entries. Further keys do not matter. Nil: the holders of the roll's
// keys, under the authority that is entry 0 of the log, signed what was false in
// the tree that they signed. Whether that authority is the one a reader pins, and
// whether a quorum cosigned the checkpoint, is for the reader.
//
// Errors: fork.ErrNotAccused without a key of the log, and those of NewFalseRoll.
func (e *FalseRoll) Verify(keys ...tlog.VerifierKey) error {
	if _, err := e.Shown(); err != nil {
		return err
	}
	checkpoint, err := tlog.ParseCheckpoint([]byte(e.Bundle.Checkpoint))
	if err != nil {
		return err
	}
	ofLog := slices.DeleteFunc(slices.Clone(keys), func(key tlog.VerifierKey) bool { return key.Name != e.Bundle.Origin })
	if len(ofLog) == 0 {
		return fmt.Errorf("false roll: origin %s: %w", quote(e.Bundle.Origin), fork.ErrNotAccused)
	}
	if err := checkpoint.VerifySignature(ofLog...); err != nil {
		return fmt.Errorf("false roll: %w", err)
	}
	return nil
}

// Shown checks all but the log's signature, and says what the evidence shows.
func (e *FalseRoll) Shown() (*FalseRollShown, error) {
	x := &examination{FalseRoll: e, shown: &FalseRollShown{Origin: e.Bundle.Origin}}
	for _, step := range []func() error{x.read, x.signed, x.contradicts} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("false roll: %w", err)
		}
	}
	return x.shown, nil
}

// examination is evidence while it is judged.
type examination struct {
	*FalseRoll
	shown      *FalseRollShown
	checkpoint *tlog.SignedCheckpoint
	chain      *register.Chain

	roll, withdrawal, listed, target *entry
}

// read takes the entries apart: their places are proven, each has its part, and
// none is left over.
func (x *examination) read() error {
	checkpoint, err := tlog.ParseCheckpoint([]byte(x.Bundle.Checkpoint))
	if err != nil {
		return err
	}
	x.checkpoint, x.chain = checkpoint, register.NewChain(x.Bundle.Origin, x.options...)
	var targets []*entry
	for _, e := range x.Bundle.Entries {
		if err := tlog.VerifyInclusion(e.Index, checkpoint.Size, tlog.LeafHash(e.Envelope), e.Inclusion, checkpoint.Root); err != nil {
			return err
		}
		prepared, err := register.Decode(e.Envelope)
		if err != nil {
			return fmt.Errorf("%s: %w", indexed(e.Index), err)
		}
		decoded := &entry{index: e.Index, prepared: prepared}
		switch prepared.Statement.Predicate.(type) {
		case *release.Authority:
			err = x.chain.Add(e.Index, prepared)
		case *release.Roll:
			err = single(&x.roll, decoded)
		case *release.Withdrawal:
			err = single(&x.withdrawal, decoded)
		case *release.Release, *release.Image:
			targets = append(targets, decoded)
		default:
			err = fmt.Errorf("got a statement of type %s", prepared.Statement.URI)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", indexed(e.Index), err)
		}
	}
	if links := x.chain.Links(); len(links) == 0 || links[0].Index != 0 || x.roll == nil || x.withdrawal == nil {
		return fmt.Errorf("want an authority as entry 0, a roll and a withdrawal")
	}
	return x.parts(targets)
}

// parts finds the release that the roll lists, and what the withdrawal names.
func (x *examination) parts(targets []*entry) error {
	for _, e := range targets {
		_, isRelease := e.prepared.Statement.Predicate.(*release.Release)
		// The latest: the roll may list an older entry of the identity, too.
		if isRelease && slices.Contains(x.roll.roll().Live, e.prepared.Digest) {
			x.listed = e
		}
		if e.prepared.Digest == x.withdrawal.withdrawal().Target {
			x.target = e
		}
	}
	switch {
	case x.listed == nil:
		return fmt.Errorf("%w: the roll lists no release that the evidence holds", fork.ErrNoContradiction)
	case x.target == nil:
		return fmt.Errorf("the withdrawal names %s, which the evidence does not hold", x.withdrawal.withdrawal().Target)
	}
	for _, e := range targets {
		if e != x.listed && e != x.target {
			return fmt.Errorf("%s: neither the release that the roll lists nor what the withdrawal names", indexed(e.index))
		}
	}
	return nil
}

// signed judges authority, role and signatures of every entry at its index. What a
// withdrawal names decides who may withdraw it.
func (x *examination) signed() error {
	for _, e := range []*entry{x.listed, x.target, x.roll} {
		if err := x.chain.CheckSigned(e.index, e.prepared, nil); err != nil {
			return fmt.Errorf("%s: %w", indexed(e.index), err)
		}
	}
	if err := x.chain.CheckSigned(x.withdrawal.index, x.withdrawal.prepared, x.target.prepared.Statement); err != nil {
		return fmt.Errorf("%s: %w", indexed(x.withdrawal.index), err)
	}
	if err := x.chain.CheckRoll(x.roll.index, x.roll.roll()); err != nil {
		return fmt.Errorf("%s: %w", indexed(x.roll.index), err)
	}
	return nil
}

// contradicts judges that no honest signer can have signed the roll.
func (x *examination) contradicts() error {
	roll, withdrawal, listed := x.roll.roll(), x.withdrawal.withdrawal(), x.listed.release()
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", fork.ErrNoContradiction, fmt.Sprintf(format, args...))
	}
	switch {
	case roll.Product != listed.Product || withdrawal.Product != listed.Product:
		return refuse("roll, withdrawal and release are of %s, %s and %s, want one product", roll.Product, withdrawal.Product, listed.Product)
	case !x.covers():
		return refuse("the withdrawal at index %d covers neither the release at index %d nor an image of it", x.withdrawal.index, x.listed.index)
	case x.target.index >= x.withdrawal.index:
		return refuse("the withdrawal at index %d stands before what it names, at index %d", x.withdrawal.index, x.target.index)
	case x.listed.index >= x.withdrawal.index:
		return refuse("the release at index %d stands after the withdrawal at index %d: it may lift it", x.listed.index, x.withdrawal.index)
	case slices.Contains(listed.Reinstates, x.withdrawal.prepared.Digest):
		return refuse("the release at index %d reinstates the withdrawal", x.listed.index)
	case x.withdrawal.index >= roll.Size:
		return refuse("the withdrawal at index %d is not in the %d entries that the roll at index %d is of", x.withdrawal.index, roll.Size, x.roll.index)
	case x.late():
		return refuse("the withdrawal at index %d was issued more than 7 days before an entry that stands before it: it is void", x.withdrawal.index)
	// Log time never falls, so where the roll is not void for its date, a withdrawal
	// before it that is not void was issued at most both together after the roll.
	case withdrawal.Issued.After(roll.Issued.Add(register.MaxBehind + register.MaxAhead)):
		return refuse("the withdrawal at index %d was issued more than 99 days after the roll at index %d: it is void, or the roll is for its date", x.withdrawal.index, x.roll.index)
	}
	if err := tlog.VerifyConsistency(roll.Size, x.checkpoint.Size, tlog.Hash(roll.Root), x.checkpoint.Root, x.Consistency); err != nil {
		return refuse("the roll is of another tree: %v", err)
	}
	*x.shown = FalseRollShown{
		Origin: x.Bundle.Origin, Pin: x.chain.Links()[0].Digest, Size: x.checkpoint.Size,
		Roll: roll, RollIndex: x.roll.index, RollDigest: x.roll.prepared.Digest,
		Release: listed, ReleaseIndex: x.listed.index, ReleaseDigest: x.listed.prepared.Digest,
		Withdrawal: withdrawal, WithdrawalIndex: x.withdrawal.index, WithdrawalDigest: x.withdrawal.prepared.Digest,
	}
	for _, signature := range x.roll.prepared.Envelope.Signatures {
		x.shown.Accused = append(x.shown.Accused, signature.KeyID)
	}
	return nil
}

// covers reports a withdrawal of the release's identity or of an image of it.
func (x *examination) covers() bool {
	switch target := x.target.prepared.Statement.Predicate.(type) {
	case *release.Release:
		return target.Identity() == x.listed.release().Identity()
	case *release.Image:
		return slices.Contains(x.listed.release().Images, x.target.prepared.Digest)
	}
	return false
}

// late reports a withdrawal that the evidence itself shows to be void: log time
// was too far ahead of it.
func (x *examination) late() bool {
	var logTime time.Time
	for _, link := range x.chain.Links() {
		if issued := link.Authority.Issued; link.Index < x.withdrawal.index && issued.After(logTime) {
			logTime = issued
		}
	}
	for _, e := range []*entry{x.listed, x.target} {
		if issued := e.prepared.Statement.Issued(); issued.After(logTime) {
			logTime = issued
		}
	}
	return x.withdrawal.withdrawal().Issued.Before(logTime.Add(-register.MaxBehind))
}

// single fills the place of what stands once.
func single(place **entry, e *entry) error {
	if *place != nil {
		return fmt.Errorf("got a second %s, after index %d", e.prepared.Statement.Type, (*place).index)
	}
	*place = e
	return nil
}

func (e *entry) withdrawal() *release.Withdrawal {
	return e.prepared.Statement.Predicate.(*release.Withdrawal)
}
