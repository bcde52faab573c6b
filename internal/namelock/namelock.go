// Package namelock lets one process at a time have a name on this machine, so
// that a thing of which there may be copies is used once: a lock on a file sees
// that file alone.
//
// On Linux the name is an abstract unix socket's, which the kernel frees when the
// process ends in whatever way. It is seen by every process of the same network
// namespace, whoever it belongs to: not by another machine, nor by a container
// or a service with a network of its own. Any process may take any name, so one
// that means ill can keep a name from its owner, and get nothing else by it.
//
// Where a system has no such sockets, every attempt fails with
// errors.ErrUnsupported.
package namelock

import (
	"errors"
	"io"
)

// ErrHeld says that another process has the name.
var ErrHeld = errors.New("another process has the name")

// Take takes a name of at most 100 bytes, until it is closed or the process
// ends. The error is ErrHeld to errors.Is where another one has it,
// errors.ErrUnsupported, or one of the system.
func Take(name string) (io.Closer, error) { return take(name) }
