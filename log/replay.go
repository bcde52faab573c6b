package log

import (
	"context"
	"fmt"

	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog"
)

const (
	// replayBundles is how many entry bundles are judged at once, so that their
	// signatures are verified on all cores: at most 64 MiB of entries.
	replayBundles = 4

	// maxVoidLogged bounds how many void entries a replay logs one by one.
	maxVoidLogged = 10
)

// chunk is a row of consecutive entries, with their leaf hashes.
type chunk struct {
	entries [][]byte
	leaves  []tlog.Hash
	err     error
}

// replay rebuilds the register and the tree's frontier from the entries.
func (l *Log) replay(ctx context.Context) error {
	size, err := l.config.Appender.Size(ctx)
	if err != nil {
		return fmt.Errorf("size of the log: %w", err)
	}
	before := l.durable // changed by this goroutine alone
	if size < before.size {
		return fmt.Errorf("the storage holds %d entries, %d were durable before: it was rolled back", size, before.size)
	}
	state := register.New(l.config.Origin, l.config.Register...)
	frontier, err := tlog.NewFrontier(ctx, 0, l.config.Appender)
	if err != nil {
		return err
	}
	reading, cancel := context.WithCancel(ctx)
	defer cancel()
	for chunk := range l.readAhead(reading, size) {
		if chunk.err != nil {
			return fmt.Errorf("replay: %w", chunk.err)
		}
		l.logVoid(state.Void(), state.ApplyAll(chunk.entries))
		for _, leaf := range chunk.leaves {
			frontier.Append(leaf)
			if frontier.Size() == before.size && frontier.Root() != before.root {
				return fmt.Errorf("the stored entries have root %x at size %d, want %x, which was durable before: the storage was changed", frontier.Root(), before.size, before.root)
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	if void := state.Void(); void > 0 {
		l.config.Logger.Error("this log holds void entries: a faulty version of it let them in; they have no effect, and monitors alarm", "count", void)
	}
	if unknown := state.Unknown(); unknown > 0 {
		l.config.Logger.Error("this log holds entries that this version cannot judge; what it says is live is not certain", "count", unknown, "of known types", state.Undecided())
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
	l.recent.clear()
	l.register, l.frontier, l.doubt = state, frontier, false
	l.settle()
	return nil
}

func (l *Log) logVoid(before uint64, outcomes []register.Outcome) {
	for _, outcome := range outcomes {
		if outcome.Status != register.StatusVoid {
			continue
		}
		if before++; before <= maxVoidLogged {
			l.config.Logger.Error("void entry", "index", outcome.Index, "reason", outcome.Refusal)
		}
	}
}

// readAhead reads and hashes the entries below a size while those before them
// are judged. It ends after an error, and when the context ends.
func (l *Log) readAhead(ctx context.Context, size uint64) <-chan chunk {
	chunks := make(chan chunk, 1)
	go func() {
		defer close(chunks)
		for from := uint64(0); from < size; {
			to := min(size, from+replayBundles*tlog.TileWidth)
			var c chunk
			c.err = l.eachEntry(ctx, from, to, func(_ uint64, entry []byte) error {
				c.entries = append(c.entries, entry)
				c.leaves = append(c.leaves, tlog.LeafHash(entry))
				return nil
			})
			select {
			case chunks <- c:
			case <-ctx.Done():
				return
			}
			if c.err != nil {
				return
			}
			from = to
		}
	}()
	return chunks
}

// eachEntry calls visit for the entries from one index up to another. The entry
// shares the memory of its bundle: copy what is kept.
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
