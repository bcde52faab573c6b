package roll

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/muster-log/muster/internal/filelock"
)

// lockName is the file whose lock the process that uses a state directory holds.
const lockName = "lock"

// lockDirectory takes a state directory for this process, until it is closed or the
// process ends in whatever way: two of one ledger could sign two rolls. On a system
// without such locks it fails.
func lockDirectory(directory string) (io.Closer, error) {
	file, err := filelock.Open(filepath.Join(directory, lockName), os.O_RDWR|os.O_CREATE, privateMode)
	if errors.Is(err, filelock.ErrHeld) {
		return nil, fmt.Errorf("%s is in use by another roll signer: stop that one first", directory)
	}
	if err != nil {
		return nil, err
	}
	return file, nil
}
