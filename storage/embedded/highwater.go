package embedded

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/muster-log/muster/internal/atomicfile"
	"github.com/muster-log/muster/log"
)

// maxHighWater bounds the file in bytes: a note with one signature line.
const maxHighWater = 64 << 10

// HighWater is log.HighWater as a file. It must lie outside the data directory,
// best on another disk: it is there to notice that the data were rolled back.
type HighWater struct{ Path string }

var _ log.HighWater = HighWater{}

// Load implements log.HighWater.
func (h HighWater) Load() ([]byte, error) {
	file, err := os.Open(h.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	note, err := io.ReadAll(io.LimitReader(file, maxHighWater+1))
	if err != nil {
		return nil, err
	}
	if len(note) == 0 || len(note) > maxHighWater {
		return nil, fmt.Errorf("%s is not a signed note: it is empty or has more than %d bytes; restore it", h.Path, maxHighWater)
	}
	return note, nil
}

// Store implements log.HighWater.
func (h HighWater) Store(note []byte) error { return atomicfile.Write(h.Path, note, 0o600) }
