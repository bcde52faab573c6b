package server

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"time"
)

const (
	maxBackendHeader = 64 << 10
	backendDial      = 5 * time.Second
)

// newBackend returns a proxy to http://127.0.0.1:PORT, http://[::1]:PORT or
// unix:/path. It streams, and carries upgrades of HTTP/1.1.
func newBackend(address string, logger *slog.Logger) (http.Handler, error) {
	dialer := &net.Dialer{Timeout: backendDial}
	transport := &http.Transport{ // no proxy of the environment: what a client sends stays on this machine
		MaxResponseHeaderBytes: maxBackendHeader,
		DisableCompression:     true,
		IdleConnTimeout:        time.Minute,
	}
	target, err := url.Parse(address)
	if socket, ok := strings.CutPrefix(address, "unix:"); ok {
		if !filepath.IsAbs(socket) {
			return nil, fmt.Errorf("backend %q: want unix: and an absolute path", address)
		}
		target, err = &url.URL{Scheme: "http", Host: "backend"}, nil
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socket)
		}
	} else {
		transport.DialContext = dialer.DialContext
		if err != nil || target.Scheme != "http" || target.Port() == "" || !net.ParseIP(target.Hostname()).IsLoopback() || target.Path+target.RawQuery != "" || target.User != nil {
			return nil, fmt.Errorf("backend %q: want http://127.0.0.1:PORT or unix:/path", address)
		}
	}
	return &httputil.ReverseProxy{
		Transport:     transport,
		FlushInterval: -1, // tokens as they come
		ErrorLog:      slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
		Rewrite: func(r *httputil.ProxyRequest) { // the client's own X-Forwarded-* are gone by here
			r.SetURL(target)
			r.Out.Host = r.In.Host
			r.Out.Header.Del("X-Real-Ip")
			r.SetXForwarded()
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() == nil {
				logger.Warn("backend", "error", err)
			}
			problem(w, http.StatusBadGateway, "backend", "the service behind this node does not answer")
		},
	}, nil
}
