package namelock

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
)

// maxName is what fits into a unix socket's address besides the first byte.
const maxName = 100

func take(name string) (io.Closer, error) {
	if name == "" || len(name) > maxName {
		return nil, fmt.Errorf("lock by name: got %d bytes, want 1 to %d", len(name), maxName)
	}
	// A datagram socket that nobody reads: who sends to it waits, and this
	// process holds nothing but the name.
	held, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: "@" + name, Net: "unixgram"})
	if errors.Is(err, syscall.EADDRINUSE) {
		err = ErrHeld
	}
	if err != nil {
		return nil, fmt.Errorf("lock by name %q: %w", name, err)
	}
	return held, nil
}
