//go:build !unix

package roll

import (
	"errors"
	"io"
)

// lockDirectory fails: without a lock that ends with its process two signers could
// share one ledger.
func lockDirectory(string) (io.Closer, error) {
	return nil, errors.New("a roll signer's state directory needs a system with flock")
}
