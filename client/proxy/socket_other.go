//go:build !linux

package proxy

import (
	"fmt"
	"net"
)

// listenUnix refuses: elsewhere than on Linux others could connect to a socket before
// its mode is set.
func listenUnix(path string) (net.Listener, error) {
	return nil, fmt.Errorf("listen on unix:%s: only on Linux: use 127.0.0.1:PORT", path)
}
