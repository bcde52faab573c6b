package log

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog"
)

const (
	// firstRetry and lastRetry bound the pause after a round without a quorum.
	// Witnesses have back-offs of their own; this one keeps the log from
	// signing in a tight loop while they are away.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 2 * time.Second

	// roundTimeout bounds one collection of cosignatures.
	roundTimeout = 10 * time.Second
)

// publishLoop signs, has cosigned, stores and announces checkpoints. last is the
// last checkpoint that was signed before the start, nil if none is known.
func (l *Log) publishLoop(ctx context.Context, last []byte) {
	if last == nil {
		last = l.signFirst(ctx)
	}
	if last == nil || !l.confirm(ctx, last) {
		return
	}
	l.wakePublisher()
	retry := firstRetry
	republish := time.NewTimer(l.config.RepublishInterval)
	defer republish.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.grown:
		case <-republish.C:
		}
		started := time.Now()
		signed, err := l.publish(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, ErrClock) && signed != nil:
			// Nothing further is signed until the witnesses take what already is.
			l.wrongTime.Store(true)
			l.report("nothing is signed or admitted until the clock is right", err)
			if !l.confirm(ctx, signed) {
				return
			}
			l.wakePublisher()
		case errors.Is(err, ErrRolledBack) && signed != nil:
			l.rolledBack.Store(true)
			l.report("nothing is signed or admitted until the witnesses agree", err)
			if !l.confirm(ctx, signed) {
				return
			}
			l.wakePublisher()
		case err != nil:
			l.report("not published; it is tried again", err)
			pause(ctx, retry)
			retry = min(2*retry, lastRetry)
			l.wakePublisher()
		default:
			retry = firstRetry
			pause(ctx, l.config.CheckpointInterval-time.Since(started))
		}
		republish.Reset(l.config.RepublishInterval)
	}
}

// report makes a problem the status, and logs it unless it is the one that was
// logged last: it is tried again every other second, perhaps for days.
func (l *Log) report(what string, err error) {
	if l.published.fail(err) {
		l.config.Logger.Warn(what, "error", err)
	}
}

// signFirst signs the tree as it stands, once it has an entry, where no earlier
// signature is known: of a new log, or of one whose high-water mark and anchors
// are both gone. The second looks like the first, so the witnesses confirm this
// checkpoint before another is signed. By itself it makes no fork: it is of the
// entries that are there, and at worst older than what the witnesses hold.
func (l *Log) signFirst(ctx context.Context) []byte {
	for retry := firstRetry; ; retry = min(2*retry, lastRetry) {
		l.mu.RLock()
		tree := l.durable
		l.mu.RUnlock()
		if tree.size == 0 {
			select {
			case <-ctx.Done():
				return nil
			case <-l.grown:
				continue
			}
		}
		note, err := l.signTree(tree)
		if err == nil {
			return note
		}
		l.report("nothing is signed", err)
		if pause(ctx, retry); ctx.Err() != nil {
			return nil
		}
	}
}

// confirm has the witnesses confirm the last signed checkpoint before anything
// new is signed, and repeats that until it succeeds.
func (l *Log) confirm(ctx context.Context, last []byte) bool {
	checkpoint, err := tlog.ParseCheckpoint(last)
	if err != nil {
		l.report("nothing is signed", err)
		return false
	}
	for retry := firstRetry; ; retry = min(2*retry, lastRetry) {
		round, cancel := context.WithTimeout(ctx, roundTimeout)
		err := l.config.Cosigner.Probe(round, last, l.consistencyTo(durable{size: checkpoint.Size, root: checkpoint.Root}))
		cancel()
		if err == nil {
			l.wrongTime.Store(false)
			l.rolledBack.Store(false)
			return true
		}
		if errors.Is(err, ErrRolledBack) {
			l.rolledBack.Store(true) // until they confirm, likewise
		}
		if errors.Is(err, ErrClock) {
			l.wrongTime.Store(true) // until they confirm; not only until they fail otherwise
		}
		if ctx.Err() != nil {
			return false
		}
		l.report("nothing is signed until the witnesses confirm the last signed checkpoint", fmt.Errorf("the last signed checkpoint, of size %d, is not confirmed by the witnesses: %w", checkpoint.Size, err))
		pause(ctx, retry)
	}
}

// publish makes one round: sign, write the high-water mark, cosign, store. It
// returns what it signed, if it got that far.
func (l *Log) publish(ctx context.Context) (signed []byte, err error) {
	l.mu.RLock()
	tree := l.durable
	l.mu.RUnlock()
	if tree.size == 0 {
		return nil, nil
	}
	note, err := l.signTree(tree)
	if err != nil {
		return nil, err
	}
	round, cancel := context.WithTimeout(ctx, roundTimeout)
	defer cancel()
	cosigned, err := l.config.Cosigner.Cosign(round, note, l.consistencyTo(tree))
	if err != nil {
		return note, err
	}
	checkpoint, err := tlog.ParseCheckpoint(cosigned)
	if err != nil {
		return note, fmt.Errorf("cosigned checkpoint: %w", err)
	}
	anchor := Anchor{Checkpoint: checkpoint.Checkpoint, Note: cosigned}
	if err := l.config.Anchors.Put(ctx, anchor); err != nil {
		return note, fmt.Errorf("store anchor: %w", err)
	}
	l.published.set(anchor)
	l.config.Appender.Published(tree.size)
	return note, nil
}

// signTree signs the checkpoint of a tree, unless the clock is behind, and
// advances the high-water mark.
func (l *Log) signTree(tree durable) ([]byte, error) {
	behind := tree.logTime.Sub(l.config.Now())
	l.wrongTime.Store(behind > register.MaxClockAhead)
	if behind > register.MaxClockAhead {
		return nil, fmt.Errorf("%w: it is %s behind log time %s; set it", ErrClock, behind.Round(time.Second), tree.logTime.Format(time.RFC3339))
	}
	note, err := l.sign(tlog.Checkpoint{Origin: l.config.Origin, Size: tree.size, Root: tree.root})
	if err != nil {
		return nil, err
	}
	if err := l.config.HighWater.Store(note); err != nil {
		return nil, fmt.Errorf("high-water mark: %w", err)
	}
	return note, nil
}

// sign makes the log-signed note of a checkpoint. The root is computed from the
// entries this process appended, not read from the tiles.
func (l *Log) sign(checkpoint tlog.Checkpoint) ([]byte, error) {
	signature, err := l.config.Key.SignNote(checkpoint.Text())
	if err != nil {
		return nil, fmt.Errorf("sign checkpoint: %w", err)
	}
	note := tlog.Note{Text: checkpoint.Text(), Signatures: []tlog.NoteSignature{signature}}
	return note.Marshal(), nil
}

// lastSigned reads the high-water mark and checks that the data still hold what
// it covers.
func (l *Log) lastSigned(ctx context.Context) ([]byte, error) {
	note, err := l.config.HighWater.Load()
	if err != nil {
		return nil, fmt.Errorf("high-water mark: %w", err)
	}
	newest, published := l.published.newest()
	if note == nil {
		if published {
			return nil, errors.New("the high-water mark is gone although this log has published checkpoints; restore it, or copy the newest checkpoint that any witness or reader holds in its place")
		}
		return nil, nil
	}
	checkpoint, err := tlog.ParseCheckpoint(note)
	if err != nil {
		return nil, fmt.Errorf("high-water mark: %w", err)
	}
	if err := checkpoint.VerifySignature(l.Key()); err != nil {
		return nil, fmt.Errorf("high-water mark: %w", err)
	}
	if err := l.checkKnown(ctx, checkpoint.Checkpoint, "high-water mark"); err != nil {
		return nil, err
	}
	if published && newest.Checkpoint.Size > checkpoint.Size {
		return nil, fmt.Errorf("the high-water mark has size %d, the newest published checkpoint %d: the mark was rolled back; put the newest checkpoint in its place", checkpoint.Size, newest.Checkpoint.Size)
	}
	return note, nil
}

// consistencyTo makes consistency proofs to a tree out of the stored tiles.
func (l *Log) consistencyTo(tree durable) func(context.Context, uint64) ([]tlog.Hash, error) {
	prover := tlog.NewProverForRoot(tree.size, tree.root, l.config.Appender)
	return func(ctx context.Context, from uint64) ([]tlog.Hash, error) {
		return prover.Consistency(ctx, from)
	}
}

func (l *Log) wakePublisher() {
	select {
	case l.grown <- struct{}{}:
	default:
	}
}

// pause waits for a duration or the end of the context.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
