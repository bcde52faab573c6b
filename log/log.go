package log

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog"
)

var (
	// ErrUnavailable: the submission was not accepted and may be sent again.
	// Where the storage failed, or the caller's context ended while it was
	// writing, the entry may be durable all the same: sent again, it answers
	// with its index.
	ErrUnavailable = errors.New("the log cannot accept submissions now")

	// ErrNotPublished: the entry is durable, but no anchor covers it yet.
	ErrNotPublished = errors.New("the entry is logged but not published yet")

	// ErrClock: this machine's clock is behind log time, or ahead of what the
	// witnesses say. Nothing is signed and nothing new admitted meanwhile.
	ErrClock = errors.New("this machine's clock is wrong")

	// ErrRolledBack: witnesses hold more of this log than the log does, or
	// another tree. Nothing is signed and nothing new admitted until they confirm
	// what was signed last: what were admitted now would be lost when the
	// operator restores the newest copy of the data.
	ErrRolledBack = errors.New("this log's data were rolled back, or its witnesses hold another tree")
)

// Log is an open transparency log. Its methods may be called concurrently.
type Log struct {
	config Config

	// mu guards register, frontier and durable. The first two describe the
	// entries that are durable and those that the storage is writing; only the
	// goroutine that admits changes them.
	mu       sync.RWMutex
	register *register.State
	frontier *tlog.Frontier
	durable  durable
	// doubt: a write failed, and the register was not rebuilt since. It belongs
	// to the goroutine that admits.
	doubt bool

	queue     chan *submission
	crowded   chan struct{} // capacity 1: a whole batch waits
	grown     chan struct{} // capacity 1: the tree is larger than the newest anchor
	published published
	recent    recent
	wrongTime atomic.Bool // ErrClock holds

	rolledBack atomic.Bool // ErrRolledBack holds

	cancel  context.CancelFunc
	running sync.WaitGroup
	stopped chan struct{} // closed when nothing is admitted any more
}

// durable is the state of the tree as the storage has acknowledged it: what may
// be answered with and what may be signed.
type durable struct {
	size    uint64
	root    tlog.Hash
	logTime time.Time
}

// settle takes the register and the frontier as durable, with l.mu held.
func (l *Log) settle() {
	l.durable = durable{size: l.frontier.Size(), root: l.frontier.Root(), logTime: l.register.LogTime()}
}

// Open replays the entries, checks them against the high-water mark and the
// anchors, and starts admission and publication.
//
// Where the high-water mark says that more was signed than the data hold, Open
// fails: signing on would fork the log. Otherwise nothing new is signed until the
// witnesses have confirmed the last signed checkpoint (Cosigner.Probe), which
// happens in the background and is repeated until it succeeds.
func Open(ctx context.Context, config Config) (*Log, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	l := &Log{
		config:  config,
		queue:   make(chan *submission, config.Queue),
		crowded: make(chan struct{}, 1),
		grown:   make(chan struct{}, 1),
		stopped: make(chan struct{}),
	}
	l.published.init()
	if err := l.replay(ctx); err != nil {
		return nil, err
	}
	newest, err := config.Anchors.Newest(ctx)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("newest anchor: %w", err)
	default:
		if err := l.checkAnchor(ctx, newest); err != nil {
			return nil, err
		}
		l.published.set(newest)
		if cosigner, ok := config.Cosigner.(rememberer); ok {
			cosigner.Remember(newest)
		}
	}
	last, err := l.lastSigned(ctx)
	if err != nil {
		return nil, err
	}

	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l.cancel = cancel
	l.running.Go(func() { l.admitLoop(running) })
	l.running.Go(func() { l.publishLoop(running, last) })
	return l, nil
}

// rememberer is a Cosigner that can be told which sizes its witnesses cosigned
// before the start, so that it notices when one has lost its state meanwhile.
type rememberer interface{ Remember(newest Anchor) }

// Close stops admission and publication. Submissions still in the queue are
// answered with ErrUnavailable; what is durable stays so and is published after
// the next Open.
func (l *Log) Close() {
	l.cancel()
	l.running.Wait()
	close(l.stopped)
}

// Origin is the log's name.
func (l *Log) Origin() string { return l.config.Origin }

// Key is the key that the log's checkpoints verify with.
func (l *Log) Key() tlog.VerifierKey { return l.config.Key.Verifier() }

// checkAnchor fails unless the newest anchor is of this log and its tree.
func (l *Log) checkAnchor(ctx context.Context, newest Anchor) error {
	checkpoint, err := tlog.ParseCheckpoint(newest.Note)
	if err != nil {
		return fmt.Errorf("newest anchor: %w", err)
	}
	if checkpoint.Origin != l.config.Origin {
		return fmt.Errorf("the newest anchor is of origin %q, want %q: these are the data of another log", checkpoint.Origin, l.config.Origin)
	}
	if err := checkpoint.VerifySignature(l.Key()); err != nil {
		return fmt.Errorf("newest anchor: %w: it was signed with another key than this log's; are these the data of another log?", err)
	}
	return l.checkKnown(ctx, newest.Checkpoint, "newest anchor")
}

// checkKnown fails unless a checkpoint is a state of the stored tree.
func (l *Log) checkKnown(ctx context.Context, checkpoint tlog.Checkpoint, what string) error {
	const advice = "the data were rolled back, probably restored from an older copy: restore the newest copy; signing on would fork the log"
	if size := l.durable.size; checkpoint.Size > size {
		return fmt.Errorf("the %s has size %d, the stored entries end at %d: %s", what, checkpoint.Size, size, advice)
	}
	root, err := tlog.NewProver(checkpoint.Size, l.config.Appender).Root(ctx)
	if err != nil {
		return fmt.Errorf("root at size %d: %w", checkpoint.Size, err)
	}
	if root != checkpoint.Root {
		return fmt.Errorf("the %s has root %x at size %d, the stored entries have %x: %s", what, checkpoint.Root, checkpoint.Size, root, advice)
	}
	return nil
}
