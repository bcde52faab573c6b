package remote

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/muster-log/muster/tlog"
)

// maxBundle is the greatest size of an entry bundle: 256 entries with their
// lengths.
const maxBundle = tlog.TileWidth * (2 + tlog.MaxEntry)

// Checkpoint returns the bytes of the log's newest checkpoint, a signed note.
// https://c2sp.org/tlog-tiles
func (c *Client) Checkpoint(ctx context.Context) ([]byte, error) {
	return c.get(ctx, "checkpoint", tlog.MaxNote, typeText)
}

// ReadTile implements tlog.TileReader. Where a partial tile is gone the full one
// is asked for and cut, as https://c2sp.org/tlog-tiles has it.
func (c *Client) ReadTile(ctx context.Context, level, index uint64, width int) ([]byte, error) {
	if err := checkTile(level, width); err != nil {
		return nil, err
	}
	data, err := c.get(ctx, tlog.TilePath(level, index, width), int64(width)*tlog.HashSize, typeBinary)
	got := width
	if width < tlog.TileWidth && errors.Is(err, fs.ErrNotExist) {
		got = tlog.TileWidth
		data, err = c.get(ctx, tlog.TilePath(level, index, got), int64(got)*tlog.HashSize, typeBinary)
	}
	if err != nil {
		return nil, err
	}
	if len(data) != got*tlog.HashSize {
		return nil, fmt.Errorf("tile %s: got %d bytes, want %d", tlog.TilePath(level, index, got), len(data), got*tlog.HashSize)
	}
	return data[:width*tlog.HashSize], nil
}

// ReadEntries returns the first width entries (1 to 256) of an entry bundle,
// parsed. Where a partial bundle is gone the full one is asked for and cut.
func (c *Client) ReadEntries(ctx context.Context, index uint64, width int) ([][]byte, error) {
	if err := checkTile(0, width); err != nil {
		return nil, err
	}
	got := width
	data, err := c.get(ctx, tlog.EntriesPath(index, width), maxBundle, typeBinary)
	if width < tlog.TileWidth && errors.Is(err, fs.ErrNotExist) {
		got = tlog.TileWidth
		data, err = c.get(ctx, tlog.EntriesPath(index, got), maxBundle, typeBinary)
	}
	if err != nil {
		return nil, err
	}
	entries, err := tlog.ParseBundle(data, got)
	if err != nil {
		return nil, fmt.Errorf("entry bundle %s: %w", tlog.EntriesPath(index, got), err)
	}
	return entries[:width], nil
}

// checkTile refuses what no tree has, before it is asked for.
func checkTile(level uint64, width int) error {
	if level > tlog.MaxTileLevel || width < 1 || width > tlog.TileWidth {
		return fmt.Errorf("no tile of level %d and width %d: want a level of at most %d, a width of 1 to %d", level, width, tlog.MaxTileLevel, tlog.TileWidth)
	}
	return nil
}
