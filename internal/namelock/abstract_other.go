//go:build !linux

package namelock

import (
	"errors"
	"fmt"
	"io"
)

func take(name string) (io.Closer, error) {
	return nil, fmt.Errorf("lock by name %q: %w", name, errors.ErrUnsupported)
}
