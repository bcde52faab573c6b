package tlog

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	// TileHeight is the number of tree levels in a tile.
	TileHeight = 8
	// TileWidth is the number of hashes in a full tile, and of entries in a
	// full entry bundle.
	TileWidth = 1 << TileHeight
	// MaxTileLevel is the greatest level that a tile path may name. A tree of
	// at most MaxSize leaves has no tile above level 7.
	MaxTileLevel = 63
)

// TileReader reads tiles. A width below TileWidth asks for a partial tile; the
// answer holds exactly that many hashes, so a reader that falls back to the
// full tile cuts it. A tile that is not there is fs.ErrNotExist.
type TileReader interface {
	ReadTile(ctx context.Context, level, index uint64, width int) ([]byte, error)
}

// TileID names a tile or an entry bundle (https://c2sp.org/tlog-tiles).
type TileID struct {
	// Entries: it is an entry bundle, and Level is 0.
	Entries bool
	Level   uint64
	Index   uint64
	// Width is the number of hashes or entries, 1 to TileWidth.
	Width int
}

// TilePath returns the path of a tile below a log's prefix, for example
// tile/1/x001/067.p/17. Width is 1 to TileWidth.
func TilePath(level, index uint64, width int) string {
	return TileID{Level: level, Index: index, Width: width}.Path()
}

// EntriesPath returns the path of an entry bundle below a log's prefix.
func EntriesPath(index uint64, width int) string {
	return TileID{Entries: true, Index: index, Width: width}.Path()
}

// Path returns the path below a log's prefix, without a leading slash.
func (t TileID) Path() string {
	var b strings.Builder
	b.WriteString("tile/")
	if t.Entries {
		b.WriteString("entries")
	} else {
		b.WriteString(strconv.FormatUint(t.Level, 10))
	}
	groups := []string{fmt.Sprintf("%03d", t.Index%1000)}
	for n := t.Index / 1000; n > 0; n /= 1000 {
		groups = append(groups, fmt.Sprintf("x%03d", n%1000))
	}
	for i := len(groups) - 1; i >= 0; i-- {
		b.WriteString("/" + groups[i])
	}
	if t.Width != TileWidth {
		b.WriteString(".p/" + strconv.Itoa(t.Width))
	}
	return b.String()
}

// ParseTilePath reads what Path writes, and nothing else: no leading slash, a
// level of at most MaxTileLevel, no group that could be left out, a partial
// width of 1 to 255. Whether a tree of some size has that tile is for
// PartialWidth to say.
func ParseTilePath(path string) (TileID, error) {
	id, err := parseTilePath(path)
	if err != nil {
		return TileID{}, fmt.Errorf("tile path %s: %w", quote(path), err)
	}
	if id.Path() != path {
		return TileID{}, fmt.Errorf("tile path %s: want %s", quote(path), quote(id.Path()))
	}
	return id, nil
}

func parseTilePath(path string) (TileID, error) {
	// Seven groups of three digits hold any index up to MaxSize.
	const longest = len("tile/entries") + 7*len("/x000") + len(".p/255")
	if len(path) > longest {
		return TileID{}, fmt.Errorf("got %d bytes, want at most %d", len(path), longest)
	}
	rest, ok := strings.CutPrefix(path, "tile/")
	if !ok {
		return TileID{}, errors.New("want it to begin with tile/")
	}
	id := TileID{Width: TileWidth}
	level, rest, _ := strings.Cut(rest, "/")
	if level == "entries" {
		id.Entries = true
	} else {
		n, err := parseDecimal(level)
		if err != nil {
			return TileID{}, fmt.Errorf("level: %w", err)
		}
		if n > MaxTileLevel {
			return TileID{}, fmt.Errorf("level: got %d, want at most %d", n, MaxTileLevel)
		}
		id.Level = n
	}
	if whole, width, ok := strings.Cut(rest, ".p/"); ok {
		n, err := parseDecimal(width)
		if err != nil {
			return TileID{}, fmt.Errorf("width: %w", err)
		}
		if n < 1 || n >= TileWidth {
			return TileID{}, fmt.Errorf("width: got %d, want 1 to %d", n, TileWidth-1)
		}
		id.Width, rest = int(n), whole
	}
	groups := strings.Split(rest, "/")
	for i, group := range groups {
		digits, marked := strings.CutPrefix(group, "x")
		n, err := strconv.ParseUint(digits, 10, 16)
		if err != nil || len(digits) != 3 || marked != (i < len(groups)-1) {
			return TileID{}, fmt.Errorf("index: got %s, want groups of three digits, all but the last after an x", quote(rest))
		}
		if id.Index > (MaxSize-n)/1000 {
			return TileID{}, errors.New("index: want at most 2^63-1")
		}
		id.Index = id.Index*1000 + n
	}
	return id, nil
}

// PartialWidth returns how many hashes the tile at level and index has in a
// tree of that size: TileWidth if it is full, 0 if the tree has no such tile.
// Level 0 also tells the width of entry bundles.
func PartialWidth(level, index, size uint64) int {
	if level >= 64/TileHeight {
		return 0
	}
	hashes := size >> (level * TileHeight)
	switch full := hashes / TileWidth; {
	case index < full:
		return TileWidth
	case index == full:
		return int(hashes % TileWidth)
	}
	return 0
}

// ParseTile reads a tile of exactly width hashes, 1 to TileWidth.
func ParseTile(data []byte, width int) ([]Hash, error) {
	if width < 1 || width > TileWidth {
		return nil, fmt.Errorf("tile: asked for %d hashes, want 1 to %d", width, TileWidth)
	}
	if len(data) != width*HashSize {
		return nil, fmt.Errorf("tile: got %d bytes, want %d, which is %d hashes", len(data), width*HashSize, width)
	}
	hashes := make([]Hash, width)
	for i := range hashes {
		hashes[i] = Hash(data[i*HashSize:])
	}
	return hashes, nil
}

// ErrTile reports tiles or bundles that contradict one another.
var ErrTile = errors.New("tile contradicts what is known")

// CheckTileGrowth checks that a later, wider tile begins with the hashes of an
// earlier one of the same level and index.
func CheckTileGrowth(earlier, later []Hash) error {
	if len(later) < len(earlier) {
		return fmt.Errorf("%w: got %d hashes where there were %d", ErrTile, len(later), len(earlier))
	}
	for i := range earlier {
		if earlier[i] != later[i] {
			return fmt.Errorf("%w: hash %d is %s and was %s", ErrTile, i, later[i], earlier[i])
		}
	}
	return nil
}
