package log

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog"
)

var (
	// ErrUnavailable: the submission was not accepted and may be sent again;
	// nothing of it is durable.
	ErrUnavailable = errors.New("the log cannot accept submissions now")

	// ErrNotPublished: the entry is durable, but no anchor covers it yet.
	ErrNotPublished = errors.New("the entry is logged but not published yet")
)

// Log is an open transparency log. Its methods may be called concurrently.
type Log struct {
	config Config

	// mu guards register and frontier, which describe the durable entries.
	mu       sync.RWMutex
	register *register.State
	frontier *tlog.Frontier

	queue     chan *submission
	grown     chan struct{} // capacity 1: the tree is larger than the newest anchor
	published published

	cancel  context.CancelFunc
	running sync.WaitGroup
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
		config: config,
		queue:  make(chan *submission, config.Queue),
		grown:  make(chan struct{}, 1),
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
		if err := l.checkKnown(ctx, newest.Checkpoint, "newest anchor"); err != nil {
			return nil, err
		}
		l.published.set(newest)
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

// Close stops admission and publication. Submissions still in the queue are
// answered with ErrUnavailable; what is durable stays so and is published after
// the next Open.
func (l *Log) Close() {
	l.cancel()
	l.running.Wait()
	l.drain()
}

// Origin is the log's name.
func (l *Log) Origin() string { return l.config.Origin }

// Key is the key that the log's checkpoints verify with.
func (l *Log) Key() tlog.VerifierKey { return l.config.Key.Verifier() }

// replay rebuilds the register and the tree's frontier from the entries.
func (l *Log) replay(ctx context.Context) error {
	size, err := l.config.Appender.Size(ctx)
	if err != nil {
		return fmt.Errorf("size of the log: %w", err)
	}
	state := register.New(l.config.Origin, l.config.Register...)
	frontier, err := tlog.NewFrontier(ctx, 0, l.config.Appender)
	if err != nil {
		return err
	}
	err = l.eachEntry(ctx, 0, size, func(index uint64, entry []byte) error {
		if outcome := state.Apply(entry); outcome.Status == register.StatusVoid {
			l.config.Logger.Warn("void entry", "index", index, "reason", outcome.Refusal)
		}
		frontier.Append(tlog.LeafHash(entry))
		return nil
	})
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	// The tree that is served must be the tree of the entries that are served.
	root, err := tlog.NewProver(size, l.config.Appender).Root(ctx)
	if err != nil {
		return fmt.Errorf("root of the stored tiles: %w", err)
	}
	if root != frontier.Root() {
		return fmt.Errorf("the stored tiles are not the tree of the stored entries at size %d: got root %x, want %x; restore the data from a copy", size, root, frontier.Root())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.register, l.frontier = state, frontier
	return nil
}

// eachEntry calls visit for the entries from one index up to another.
func (l *Log) eachEntry(ctx context.Context, from, to uint64, visit func(index uint64, entry []byte) error) error {
	for index := from; index < to; {
		bundle := index / tlog.TileWidth
		width := int(min(to-bundle*tlog.TileWidth, tlog.TileWidth))
		data, err := l.config.Appender.ReadEntries(ctx, bundle, width)
		if err != nil {
			return fmt.Errorf("entry bundle %d: %w", bundle, err)
		}
		entries, err := tlog.ParseBundle(data, width)
		if err != nil {
			return fmt.Errorf("entry bundle %d: %w", bundle, err)
		}
		for _, entry := range entries[index-bundle*tlog.TileWidth:] {
			if err := visit(index, entry); err != nil {
				return err
			}
			index++
		}
	}
	return nil
}

// checkKnown fails unless a checkpoint is a state of the stored tree.
func (l *Log) checkKnown(ctx context.Context, checkpoint tlog.Checkpoint, what string) error {
	size, err := l.config.Appender.Size(ctx)
	if err != nil {
		return err
	}
	const advice = "the data were rolled back, probably restored from an older copy: restore the newest copy; signing on would fork the log"
	if checkpoint.Size > size {
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
