package audit

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"sync"

	"github.com/muster-log/muster/log/remote"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog"
)

// partBundles is how many entry bundles are fetched, verified and judged together,
// so that their signatures are verified on all cores: at most 64 MiB of entries.
const partBundles = 4

// extend reads the entries between what is applied and an accepted checkpoint, part
// by part: each is verified to be of the checkpoint's tree before it is applied.
func (f *Follower) extend(ctx context.Context, shown *accepted) error {
	f.options.Progress.Start("replaying "+strconv.Quote(shown.Origin), -1)
	defer f.options.Progress.Done()
	tree := tlog.NewProverForRoot(shown.Size, shown.Root, f.client)
	for f.frontier.Size() < shown.Size {
		from := f.frontier.Size()
		to := min(shown.Size, (from/tlog.TileWidth+partBundles)*tlog.TileWidth)
		if f.seen != nil && from < f.seen.Size {
			to = min(to, f.seen.Size) // so that its root is compared
		}
		entries, err := f.readEntries(ctx, from, to, shown.Size)
		if err != nil {
			return err
		}
		grown, size := f.frontier.Clone(), uint64(0)
		for _, entry := range entries {
			grown.Append(tlog.LeafHash(entry))
			size += uint64(len(entry))
		}
		if f.read+size > f.options.MaxBytes {
			return f.refuse(CodeTooLarge, shown, fmt.Errorf("the log's entries up to %d have %d bytes, want at most %d", to, f.read+size, f.options.MaxBytes))
		}
		if f.seen != nil && to == f.seen.Size && grown.Root() != f.seen.Root {
			return f.contradiction(ctx, shown)
		}
		root := shown.Root
		if to < shown.Size {
			if root, _, err = tree.RootAt(ctx, to); err != nil {
				return f.unproved(ctx, shown, err)
			}
		}
		if grown.Root() != root {
			return f.contradiction(ctx, shown)
		}
		if from == 0 {
			if err := f.checkPin(shown, entries[0]); err != nil {
				return err
			}
		}
		if f.seen == nil || f.seen.Size < to {
			f.seen = shown
		}
		f.frontier, f.read = grown, f.read+size
		f.apply(entries)
	}
	return nil
}

func (f *Follower) apply(entries [][]byte) {
	f.options.Lock.Lock()
	defer f.options.Lock.Unlock()
	outcomes := f.state.ApplyAll(entries)
	if f.options.Outcome == nil {
		return
	}
	for _, outcome := range outcomes {
		f.options.Outcome(outcome)
	}
}

// checkPin holds entry 0 to the authority that is pinned.
func (f *Follower) checkPin(shown *accepted, entry []byte) error {
	if f.options.Authority.IsZero() {
		return nil
	}
	envelope, err := release.ParseEnvelope(entry)
	if err != nil {
		return f.refuse(CodeOtherAuthority, shown, fmt.Errorf("entry 0 is no authority: %w", err))
	}
	if got := envelope.PayloadDigest(); got != f.options.Authority {
		return f.refuse(CodeOtherAuthority, shown, fmt.Errorf("entry 0 is %s, want the authority that is pinned, %s", got, f.options.Authority))
	}
	return nil
}

// readEntries fetches the entries from one index up to another, of a log of a size:
// the bundles of one part at once.
func (f *Follower) readEntries(ctx context.Context, from, to, size uint64) ([][]byte, error) {
	first, last := from/tlog.TileWidth, (to-1)/tlog.TileWidth
	bundles := make([][][]byte, last-first+1)
	failed := make([]error, len(bundles))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var reading sync.WaitGroup
	for i := range bundles {
		reading.Go(func() {
			number := first + uint64(i)
			bundles[i], failed[i] = f.client.ReadEntries(ctx, number, tlog.PartialWidth(0, number, size))
			if failed[i] != nil {
				failed[i] = fmt.Errorf("entries from %d: %w", number*tlog.TileWidth, failed[i])
				cancel()
			}
			for _, entry := range bundles[i] {
				f.options.Progress.Add(int64(len(entry)))
			}
		})
	}
	reading.Wait()
	var entries [][]byte
	for i, bundle := range bundles {
		if failed[i] != nil {
			return nil, cause(failed)
		}
		entries = append(entries, bundle...)
	}
	return entries[from-first*tlog.TileWidth : to-first*tlog.TileWidth], nil
}

// cause returns the failure for which the others were cancelled.
func cause(failed []error) error {
	var found error
	for _, err := range failed {
		if err != nil && (found == nil || !errors.Is(err, context.Canceled)) {
			found = err
			if !errors.Is(err, context.Canceled) {
				break
			}
		}
	}
	return found
}

// contradiction finds out what entries mean that do not make the root of an
// accepted checkpoint: another history than one signed before, or wrong entries.
func (f *Follower) contradiction(ctx context.Context, shown *accepted) error {
	for _, kept := range []*accepted{f.at, f.seen} {
		forked, err := f.forked(ctx, kept, shown)
		if forked != nil {
			return forked
		}
		if err != nil {
			return f.unproved(ctx, shown, err)
		}
	}
	return f.refuse(CodeEntries, shown, fmt.Errorf("the log's entries are not those of its checkpoint of size %d", shown.Size))
}

// unproved tells tiles that do not make the checkpoint's root from those that could
// not be fetched.
func (f *Follower) unproved(ctx context.Context, shown *accepted, err error) error {
	if _, answered := errors.AsType[*remote.StatusError](err); answered || ctx.Err() != nil || errors.Is(err, remote.ErrAnswer) {
		return err
	}
	if _, away := errors.AsType[*url.Error](err); away {
		return err
	}
	return f.refuse(CodeNoConsistency, shown, fmt.Errorf("the log's tiles do not show the tree of its checkpoint of size %d: %w", shown.Size, err))
}
