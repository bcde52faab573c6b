package embedded

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/muster-log/muster/tlog"
)

// gate is the note.Signer that Tessera gets. Tessera signs checkpoints on a timer
// of its own; the gate holds its signature back until a stored anchor covers the
// size, and then signs only what is a prefix of the stored tree. So the log never
// signs what it has not decided to publish.
type gate struct {
	key   *tlog.SigningKey
	tiles tlog.TileReader

	mu      sync.Mutex
	size    uint64
	changed chan struct{} // closed and replaced when size grows
	closed  context.Context
}

func newGate(closed context.Context, key *tlog.SigningKey, tiles tlog.TileReader) *gate {
	return &gate{key: key, tiles: tiles, changed: make(chan struct{}), closed: closed}
}

// published records that a stored anchor covers size.
func (g *gate) published(size uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if size > g.size {
		g.size = size
		close(g.changed)
		g.changed = make(chan struct{})
	}
}

// Name implements note.Signer.
func (g *gate) Name() string { return g.key.Verifier().Name }

// KeyHash implements note.Signer.
func (g *gate) KeyHash() uint32 { return g.key.Verifier().KeyID }

// Sign implements note.Signer. It waits until the checkpoint's size is published
// or the storage is closed.
func (g *gate) Sign(text []byte) ([]byte, error) {
	checkpoint, err := tlog.ParseCheckpointText(string(text))
	if err != nil {
		return nil, fmt.Errorf("checkpoint to sign: %w", err)
	}
	if err := g.wait(checkpoint.Size); err != nil {
		return nil, err
	}
	if err := g.check(checkpoint); err != nil {
		return nil, err
	}
	signature, err := g.key.SignNote(string(text))
	if err != nil {
		return nil, err
	}
	return signature.Sig, nil
}

func (g *gate) wait(size uint64) error {
	for {
		g.mu.Lock()
		enough, changed := g.size >= size, g.changed
		g.mu.Unlock()
		if enough {
			return nil
		}
		select {
		case <-changed:
		case <-g.closed.Done():
			return errors.New("the storage is closed")
		}
	}
}

// check fails unless the checkpoint is a state of the stored tree.
func (g *gate) check(checkpoint tlog.Checkpoint) error {
	root := tlog.EmptyRoot
	if checkpoint.Size > 0 {
		var err error
		if root, err = tlog.NewProver(checkpoint.Size, g.tiles).Root(g.closed); err != nil {
			return fmt.Errorf("root at size %d: %w", checkpoint.Size, err)
		}
	}
	if root != checkpoint.Root {
		return fmt.Errorf("the tree at size %d has root %x, not %x", checkpoint.Size, root, checkpoint.Root)
	}
	return nil
}
