package audit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/log/remote"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/fork"
	"github.com/muster-log/muster/tlog/policy"
)

const (
	// DefaultMaxEntries is how many entries are followed at most: the register keeps
	// some hundred bytes of each in memory.
	DefaultMaxEntries = 1 << 20
	// DefaultMaxBytes bounds all entries read by one Follower, in bytes: 2 KiB for
	// each of the most entries.
	DefaultMaxBytes = 2 << 30
)

// Options change a Follower. The zero value is good.
type Options struct {
	// Operators maps the policy's witnesses to who operates them, and LogOperator
	// is the log's; one operator has one vote, the log's none. Default: every
	// witness is operated by another, and nobody is known as the log's operator.
	Operators   map[string]string
	LogOperator string
	// Authority pins the log: the payload digest of entry 0. Default: any.
	Authority release.Digest
	// Kept is a checkpoint of the log that was accepted before this process began, and
	// that the log must extend. Default: none. Its quorum is not asked for again.
	Kept *tlog.SignedCheckpoint
	// Accused is evidence against witnesses that was found before this process began:
	// they count for nothing. What is against a witness or about a log that the policy
	// does not have changes nothing; what does not hold is an error. Default: none.
	Accused []*fork.Evidence
	// MaxEntries and MaxBytes bound the log. Default: DefaultMaxEntries and
	// DefaultMaxBytes.
	MaxEntries, MaxBytes uint64
	// Register changes how signatures are judged (register.WithForeignVerifier).
	Register []register.Option
	// Outcome is called for every entry once it is applied, in order. State is then
	// that after all entries of the part of the log that was applied together: ask
	// it for what was so at the size before (LiveAt, WhyAt).
	Outcome func(register.Outcome)
	// Lock is held while State, Checkpoint and what else a Follower answers change, and
	// while Outcome is called: whoever holds it may read them during an Update.
	// Default: none.
	Lock sync.Locker
	// Progress is told what is read, in bytes of entries. Default: nobody.
	Progress progress.Reporter
	// Now is the clock by which cosignatures from the future are not counted.
	// Default: time.Now.
	Now func() time.Time
}

// Follower follows one log. It is not safe for concurrent use, but see Options.Lock.
type Follower struct {
	client  *remote.Client
	policy  *policy.Policy
	options Options

	state    *register.State
	frontier *tlog.Frontier
	read     uint64 // bytes of entries applied

	// at is the checkpoint whose entries are all applied; seen is the largest one
	// that the policy accepted: larger than at after an Update that failed.
	at, seen *accepted
	// liars are witnesses, by vkey, that cosigned a smaller checkpoint after a larger
	// one. Their cosignatures count for nothing.
	liars map[string]bool
}

// accepted is a checkpoint that the policy accepts.
type accepted struct {
	*tlog.SignedCheckpoint
	cosignatures []tlog.Cosignature
	fresh        uint64 // POSIX seconds; 0: the policy asks for no cosignatures
}

// New makes a Follower of the log that a client reads, under a policy. It asks the
// log nothing yet.
func New(client *remote.Client, p *policy.Policy, options Options) (*Follower, error) {
	if client == nil || p == nil {
		return nil, errors.New("a follower needs a log and a policy")
	}
	if options.Operators == nil {
		options.Operators = p.OwnOperators()
	}
	if options.MaxEntries == 0 {
		options.MaxEntries = DefaultMaxEntries
	}
	if options.MaxBytes == 0 {
		options.MaxBytes = DefaultMaxBytes
	}
	if options.Progress == nil {
		options.Progress = progress.None()
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Lock == nil {
		options.Lock = new(sync.Mutex)
	}
	frontier, err := tlog.NewFrontier(context.Background(), 0, client) // of size 0: reads nothing
	if err != nil {
		return nil, err
	}
	f := &Follower{client: client, policy: p, options: options, frontier: frontier, liars: map[string]bool{}}
	if options.Kept != nil {
		cosignatures, err := p.Verify(options.Kept)
		if err != nil {
			return nil, fmt.Errorf("the checkpoint that was kept: %w", err)
		}
		f.seen = &accepted{SignedCheckpoint: options.Kept, cosignatures: cosignatures}
	}
	for _, evidence := range options.Accused {
		if evidence.Kind != fork.WitnessTime || len(p.LogKeys(evidence.Origin)) == 0 {
			continue
		}
		err := evidence.Verify(p.WitnessKeys()...)
		if errors.Is(err, fork.ErrNotAccused) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("evidence that was kept: %w", err)
		}
		f.liars[evidence.Witness] = true
	}
	return f, nil
}

// Accused returns the keys (vkey) of the witnesses that count for nothing, ascending:
// each cosigned a smaller checkpoint after a larger one.
func (f *Follower) Accused() []string { return slices.Sorted(maps.Keys(f.liars)) }

// State returns the register's state of all entries applied; nil before the first
// Update that reached the log. It may be ahead of Checkpoint after an Update that
// failed half-way: ask it about Checkpoint().Size (LiveAt).
func (f *Follower) State() *register.State { return f.state }

// Checkpoint returns the newest accepted checkpoint whose entries are all applied;
// nil before the first Update that succeeded. Of one size it is the note with the
// greatest fresh time.
func (f *Follower) Checkpoint() *tlog.SignedCheckpoint {
	if f.at == nil {
		return nil
	}
	return f.at.SignedCheckpoint
}

// Fresh returns the fresh time of Checkpoint under the policy (docs/formats/verdict.md);
// zero if there is none, or the policy asks for no cosignatures.
func (f *Follower) Fresh() time.Time {
	if f.at == nil || f.at.fresh == 0 {
		return time.Time{}
	}
	return time.Unix(int64(f.at.fresh), 0).UTC()
}

// Filled returns how much of what it may have the log has, of MaxEntries or of MaxBytes
// whichever is more: 1 is all, after which nothing is followed any more.
func (f *Follower) Filled() float64 {
	if f.state == nil {
		return 0
	}
	return max(float64(f.state.Size())/float64(f.options.MaxEntries), float64(f.read)/float64(f.options.MaxBytes))
}

// Cosignatures returns the witnesses' cosignatures of Checkpoint.
func (f *Follower) Cosignatures() []tlog.Cosignature {
	if f.at == nil {
		return nil
	}
	return f.at.cosignatures
}

// Progress says what an Update brought.
type Progress struct {
	// From and To are the number of entries applied before and after.
	From, To uint64
	// Witnesses is evidence against witnesses that cosigned a smaller checkpoint
	// after a larger one, verified. From now on they count for nothing.
	Witnesses []*fork.Evidence
}

// RootAt returns the root that the log had at a size up to that of Checkpoint, with
// a proof by the log's tiles that was verified against it.
func (f *Follower) RootAt(ctx context.Context, size uint64) (tlog.Hash, error) {
	if f.at == nil {
		return tlog.Hash{}, errors.New("nothing is followed yet")
	}
	if size == f.at.Size {
		return f.at.Root, nil
	}
	root, _, err := tlog.NewProverForRoot(f.at.Size, f.at.Root, f.client).RootAt(ctx, size)
	return root, err
}
