package tlog

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// MaxEntry is the greatest size of an entry in bytes: a bundle writes it as 16
// bits.
const MaxEntry = 65535

// ParseBundle reads an entry bundle of exactly width entries, 1 to TileWidth,
// none of them empty (https://c2sp.org/tlog-tiles). The entries share the
// memory of data. The specification allows empty entries; this log has none.
func ParseBundle(data []byte, width int) ([][]byte, error) {
	if width < 1 || width > TileWidth {
		return nil, fmt.Errorf("entry bundle: asked for %d entries, want 1 to %d", width, TileWidth)
	}
	entries := make([][]byte, 0, width)
	for rest := data; len(rest) > 0; {
		i := len(entries)
		if i == width {
			return nil, fmt.Errorf("entry bundle: %d bytes after entry %d, the last one", len(rest), width-1)
		}
		if len(rest) < 2 {
			return nil, fmt.Errorf("entry bundle: cut off in the length of entry %d", i)
		}
		n := int(binary.BigEndian.Uint16(rest))
		if n == 0 {
			return nil, fmt.Errorf("entry bundle: entry %d is empty", i)
		}
		if len(rest)-2 < n {
			return nil, fmt.Errorf("entry bundle: cut off in entry %d: got %d bytes, want %d", i, len(rest)-2, n)
		}
		entries = append(entries, rest[2:2+n:2+n])
		rest = rest[2+n:]
	}
	if len(entries) != width {
		return nil, fmt.Errorf("entry bundle: got %d entries, want %d", len(entries), width)
	}
	return entries, nil
}

// AppendEntry appends an entry to a bundle's bytes. An entry has 1 to MaxEntry
// bytes.
func AppendEntry(bundle, entry []byte) ([]byte, error) {
	if len(entry) == 0 {
		return nil, errors.New("entry bundle: entry is empty")
	}
	if len(entry) > MaxEntry {
		return nil, fmt.Errorf("entry bundle: got an entry of %d bytes, want at most %d", len(entry), MaxEntry)
	}
	bundle = binary.BigEndian.AppendUint16(bundle, uint16(len(entry)))
	return append(bundle, entry...), nil
}
