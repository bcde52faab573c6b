package log

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/muster-log/muster/tlog"
)

// Tile returns a tile or an entry bundle (https://c2sp.org/tlog-tiles) of any
// width up to the one that the newest anchor covers. What it does not cover is
// fs.ErrNotExist; what it covers and the storage has lost is another error.
func (l *Log) Tile(ctx context.Context, id tlog.TileID) ([]byte, error) {
	newest, _ := l.published.newest()
	covered := tlog.PartialWidth(id.Level, id.Index, newest.Checkpoint.Size)
	if id.Width < 1 || id.Width > covered {
		return nil, fmt.Errorf("%s: %w: the newest checkpoint covers a width of %d", id.Path(), fs.ErrNotExist, covered)
	}
	data, err := l.readTile(ctx, id, covered)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is covered by the newest checkpoint and missing from the storage: %s", id.Path(), err.Error())
	}
	return data, err
}

// readTile reads what is stored for sure, the published width, and cuts it.
func (l *Log) readTile(ctx context.Context, id tlog.TileID, covered int) ([]byte, error) {
	if id.Entries {
		return l.config.Appender.ReadEntries(ctx, id.Index, id.Width)
	}
	data, err := l.config.Appender.ReadTile(ctx, id.Level, id.Index, covered)
	if err != nil {
		return nil, err
	}
	return data[:id.Width*tlog.HashSize], nil
}

// CheckpointAt returns the first anchor of exactly this size; fs.ErrNotExist
// where none is kept.
func (l *Log) CheckpointAt(ctx context.Context, size uint64) (Anchor, error) {
	anchor, err := l.config.Anchors.At(ctx, size)
	if err != nil {
		return Anchor{}, fmt.Errorf("checkpoint of size %d: %w", size, err)
	}
	return anchor, nil
}

// Witnessed returns the anchor that first covered a published entry: its known
// time is since when the entry has been witnessed.
func (l *Log) Witnessed(ctx context.Context, index uint64) (Anchor, error) {
	if _, err := l.checkPublished(index); err != nil {
		return Anchor{}, err
	}
	anchor, err := l.config.Anchors.Covering(ctx, index)
	if err != nil {
		return Anchor{}, fmt.Errorf("anchor of entry %d: %w", index, err)
	}
	return anchor, nil
}
