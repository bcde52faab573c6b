package proxy

import (
	"context"
	"net"
	"syscall"
)

// listenUnix makes a socket of mode 0600. Linux takes the mode from the descriptor as
// it binds, so there is no moment at which others may connect.
func listenUnix(path string) (net.Listener, error) {
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var failed error
		if err := raw.Control(func(fd uintptr) { failed = syscall.Fchmod(int(fd), 0o600) }); err != nil {
			return err
		}
		return failed
	}}
	return config.Listen(context.Background(), "unix", path)
}
