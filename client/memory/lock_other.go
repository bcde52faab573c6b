//go:build !unix || solaris || aix

package memory

import (
	"errors"
	"os"
)

// tryLock refuses: two processes that remember at once would lose what one learnt.
func tryLock(*os.File) (bool, error) { return false, errors.ErrUnsupported }
