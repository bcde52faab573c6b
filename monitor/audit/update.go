package audit

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/fork"
)

// Update fetches the log's newest checkpoint, checks that it extends what was
// followed, and applies the entries that are new. The error is an *Error where the
// log's answer was not accepted; every other error is one of the way to it. Either
// way what was applied stands, and Update may be called again.
//
// Progress is good with an error too.
func (f *Follower) Update(ctx context.Context) (Progress, error) {
	p := Progress{From: f.frontier.Size(), To: f.frontier.Size()}
	data, err := f.client.Checkpoint(ctx)
	if err != nil {
		return p, fmt.Errorf("checkpoint: %w", err)
	}
	shown, err := f.accept(ctx, data, &p)
	if err != nil {
		return p, err
	}
	err = f.follow(ctx, shown)
	p.To = f.frontier.Size()
	return p, err
}

// accept parses a checkpoint and checks it by the policy.
func (f *Follower) accept(ctx context.Context, data []byte, p *Progress) (*accepted, error) {
	checkpoint, err := tlog.ParseCheckpoint(data)
	if err != nil {
		return nil, f.refuse(CodeCheckpointForm, nil, err)
	}
	shown := &accepted{SignedCheckpoint: checkpoint}
	if f.seen != nil && checkpoint.Origin != f.seen.Origin {
		return nil, f.refuse(CodeOtherOrigin, shown, fmt.Errorf("got a checkpoint of %s, want one of %s", strconv.Quote(checkpoint.Origin), strconv.Quote(f.seen.Origin)))
	}
	if shown.cosignatures, err = f.policy.Verify(checkpoint); err != nil {
		return nil, f.refuse(CodeCheckpointSignature, shown, err)
	}
	f.catchLiars(shown, p)
	honest := slices.DeleteFunc(slices.Clone(shown.cosignatures), func(c tlog.Cosignature) bool { return f.liars[c.Key.String()] })
	tally := f.policy.Tally(honest, f.options.Operators, f.options.LogOperator, f.options.Now())
	if !tally.Met {
		// What the log signed binds it, whoever cosigned.
		if forked, _ := f.forked(ctx, f.seen, shown); forked != nil {
			return nil, forked
		}
		return nil, f.refuse(CodeQuorum, shown, fmt.Errorf("checkpoint of size %d has %d cosignatures that could count, which do not meet the policy's quorum %s", checkpoint.Size, len(honest), f.policy.Quorum))
	}
	shown.fresh = tally.Fresh
	return shown, nil
}

// catchLiars finds witnesses that cosigned the smaller of two checkpoints after the
// larger one.
func (f *Follower) catchLiars(shown *accepted, p *Progress) {
	if f.seen == nil || f.seen.Size == shown.Size {
		return
	}
	small, large := f.seen, shown
	if large.Size < small.Size {
		small, large = large, small
	}
	for _, first := range large.cosignatures {
		if f.liars[first.Key.String()] || !slices.ContainsFunc(small.cosignatures, func(c tlog.Cosignature) bool { return c.Key.Equal(first.Key) }) {
			continue
		}
		evidence, err := fork.NewWitnessTime(large.SignedCheckpoint, small.SignedCheckpoint, first.Key)
		if err != nil || evidence.Verify(first.Key) != nil {
			continue
		}
		f.liars[first.Key.String()] = true
		p.Witnesses = append(p.Witnesses, evidence)
	}
}

// follow applies the entries up to an accepted checkpoint.
func (f *Follower) follow(ctx context.Context, shown *accepted) error {
	if f.seen != nil && shown.Size <= f.seen.Size {
		if err := f.compareOlder(ctx, shown); err != nil {
			return err
		}
	} else if shown.Size > f.options.MaxEntries {
		return f.refuse(CodeTooLarge, shown, fmt.Errorf("the log has %d entries, want at most %d", shown.Size, f.options.MaxEntries))
	}
	if f.state == nil {
		f.begin(shown.Origin)
	}
	if f.frontier.Size() < shown.Size {
		if err := f.extend(ctx, shown); err != nil {
			return err
		}
	} else if f.frontier.Root() != shown.Root { // only an empty tree can be no older one
		return f.refuse(CodeEntries, shown, fmt.Errorf("the checkpoint of size 0 has root %s", shown.Root))
	}
	f.reach(shown)
	return nil
}

func (f *Follower) begin(origin string) {
	f.options.Lock.Lock()
	defer f.options.Lock.Unlock()
	f.state = register.New(origin, f.options.Register...)
}

// reach keeps a checkpoint all of whose entries are applied.
func (f *Follower) reach(shown *accepted) {
	f.options.Lock.Lock()
	defer f.options.Lock.Unlock()
	if f.at == nil || f.at.Size < shown.Size || f.at.fresh < shown.fresh {
		f.at = shown
	}
	f.seen = f.at
}

// compareOlder judges a checkpoint that is no larger than the largest one seen. It
// returns nil for one of the same size and root.
func (f *Follower) compareOlder(ctx context.Context, shown *accepted) error {
	forked, _ := f.forked(ctx, f.seen, shown) // an older state needs no proof to be refused
	switch {
	case forked != nil:
		return forked
	case shown.Size == f.seen.Size:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return f.refuse(CodeOlderCheckpoint, shown, fmt.Errorf("the log answers with size %d, an older state of size %d, which it showed before", shown.Size, f.seen.Size))
}

// forked returns the accusation where a log cannot honestly have signed both
// checkpoints. The error says that the log's tiles do not tell.
func (f *Follower) forked(ctx context.Context, kept, shown *accepted) (*Error, error) {
	if kept == nil || kept.Same(shown.Checkpoint) {
		return nil, nil
	}
	if kept.Size == shown.Size {
		evidence, err := fork.NewSameSize(kept.SignedCheckpoint, shown.SignedCheckpoint)
		return f.accuse(CodeForkSameSize, kept, shown, evidence, err), nil
	}
	small, large := kept, shown
	if large.Size < small.Size {
		small, large = large, small
	}
	if small.Size == 0 {
		return nil, nil
	}
	root, proof, err := tlog.NewProverForRoot(large.Size, large.Root, f.client).RootAt(ctx, small.Size)
	if err != nil || root == small.Root {
		return nil, err
	}
	evidence, err := fork.NewPrefix(small.SignedCheckpoint, large.SignedCheckpoint, root, proof)
	return f.accuse(CodeForkPrefix, kept, shown, evidence, err), nil
}

// refuse makes an error about the checkpoint shown.
func (f *Follower) refuse(code Code, shown *accepted, err error) *Error {
	refused := &Error{Code: code, Err: err}
	if f.seen != nil {
		refused.Kept = f.seen.SignedCheckpoint
	}
	if shown != nil {
		refused.Shown = shown.SignedCheckpoint
	}
	return refused
}

// accuse makes the error of a log that signed two histories.
func (f *Follower) accuse(code Code, kept, shown *accepted, evidence *fork.Evidence, err error) *Error {
	if err == nil {
		err = evidence.Verify(f.policy.LogKeys(shown.Origin)...)
	}
	refused := f.refuse(code, shown, fmt.Errorf("sizes %d and %d of %s", kept.Size, shown.Size, strconv.Quote(shown.Origin)))
	refused.Kept, refused.Evidence = kept.SignedCheckpoint, evidence
	if err != nil {
		refused.Code, refused.Evidence = CodeNoConsistency, nil
		refused.Err = fmt.Errorf("the checkpoint of size %d contradicts that of size %d, and the evidence does not hold: %w", shown.Size, kept.Size, err)
	}
	return refused
}
