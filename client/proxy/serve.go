package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/muster-log/muster/internal/connections"
)

const (
	// maxConnections is more than programs of one machine need.
	maxConnections = 1024
	maxHeader      = 64 << 10
	// stopTime is how long what is under way may take when the proxy ends.
	stopTime = 10 * time.Second
)

// Listen listens on an address of this machine: 127.0.0.1:PORT, [::1]:PORT, or
// unix:/path, a socket that only its user may connect to. Others are refused.
func Listen(address string) (net.Listener, error) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		if !filepath.IsAbs(path) {
			return nil, fmt.Errorf("listen on %q: want unix: and an absolute path", address)
		}
		return listenUnix(path)
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil || !net.ParseIP(host).IsLoopback() {
		return nil, fmt.Errorf("listen on %q: want 127.0.0.1:PORT, [::1]:PORT or unix:/path: whoever can connect uses the node", address)
	}
	return net.Listen("tcp", address)
}

// Serve serves a handler of New until the context ends, then lets what is under way
// end within ten seconds. It closes the listener, and returns nil after such an end.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, logger *slog.Logger) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug)}
	connections.New(maxConnections, maxConnections).Apply(server)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
		defer cancel()
		if server.Shutdown(within) != nil {
			_ = server.Close()
		}
		err = <-ended
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
