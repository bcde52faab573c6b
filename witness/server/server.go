// Package server is a witness over HTTP: the add-checkpoint call and the
// monitor retrieval of https://c2sp.org/tlog-witness, a page for people at "/",
// and probes.
//
// It expects the wide internet: connections, headers, bodies and the time that
// each may take are bounded; how often logs may ask is the witness's to say. It
// speaks plain HTTP; TLS belongs in front of it, to a proxy or a
// bastion (https://c2sp.org/https-bastion).
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/muster-log/muster/internal/connections"
	"github.com/muster-log/muster/witness"
)

const (
	// maxHeader bounds a request's header in bytes; net/http allows 4 kB more.
	maxHeader = 16 << 10
	// maxConnections bounds the connections that are open at once, and with them
	// the bodies that are being read: some 150 MiB of memory at the worst.
	// maxPerAddress bounds those of one remote address. Connections that are idle
	// give way to others.
	maxConnections = 512
	maxPerAddress  = 64
)

// Timeouts bound how long a client may take; zero values stand for the
// defaults.
type Timeouts struct {
	// Header is for a request's header; default 5 s, and at most Read.
	Header time.Duration
	// Read is for a whole request, header and body; default 10 s, ample for
	// 128 KiB on a bad line.
	Read time.Duration
	// Write is for the answer, from the end of the header on, and so also for
	// the decision; default 20 s.
	Write time.Duration
	// Idle is how long a connection is kept between requests; default 2 min,
	// so that a log that publishes every minute keeps its connection.
	Idle time.Duration
	// Stop is how long requests under way may take when the server stops;
	// default 10 s.
	Stop time.Duration
}

func (t Timeouts) withDefaults() Timeouts {
	for _, field := range []struct {
		value        *time.Duration
		defaultValue time.Duration
	}{
		{&t.Header, 5 * time.Second},
		{&t.Read, 10 * time.Second},
		{&t.Write, 20 * time.Second},
		{&t.Idle, 2 * time.Minute},
		{&t.Stop, 10 * time.Second},
	} {
		if *field.value == 0 {
			*field.value = field.defaultValue
		}
	}
	t.Header = min(t.Header, t.Read)
	return t
}

// Metrics count what add-checkpoint requests come to.
type Metrics interface {
	// Answered counts each answer.
	Answered(status int, took time.Duration)
	// Refused counts each refusal, with the origin that the request names, if any.
	Refused(origin string, kind witness.Kind)
}

// Config is what a server serves. Witness must stand.
type Config struct {
	Witness *witness.Witness
	// Metrics may be nil.
	Metrics Metrics
	// URL is the public prefix of the witness's URLs, for the page at "/"; empty:
	// that of the request.
	URL string
	// Logger: default none.
	Logger   *slog.Logger
	Timeouts Timeouts
	// Now is the clock: default time.Now.
	Now func() time.Time
}

// Server answers for one witness.
type Server struct {
	config    Config
	logger    *slog.Logger
	alarms    *repeats
	keeping   keeping
	rendering chan struct{} // holds one while a page is made
}

// New returns a server.
func New(config Config) *Server {
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	config.Timeouts = config.Timeouts.withDefaults()
	config.URL = strings.TrimSuffix(config.URL, "/")
	return &Server{config: config, logger: config.Logger, alarms: newRepeats(), rendering: make(chan struct{}, 1)}
}

// ServeHTTP implements [http.Handler]. Paths are compared as they were sent:
// nothing is redirected, because a redirect would lose a POST.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	path := r.URL.EscapedPath()
	if path == "/add-checkpoint" {
		if only(w, r, http.MethodPost) {
			s.addCheckpoint(w, r)
		}
		return
	}
	var answer http.HandlerFunc
	switch hash, isCheckpoint := strings.CutSuffix(path, "/checkpoint"); {
	case path == "/":
		answer = s.home
	case path == "/livez":
		answer = s.livez
	case path == "/readyz":
		answer = s.readyz
	case isCheckpoint && strings.LastIndexByte(hash, '/') == 0:
		answer = func(w http.ResponseWriter, r *http.Request) { s.checkpoint(w, r, hash[1:]) }
	default:
		s.notFound(w)
		return
	}
	if only(w, r, http.MethodGet, http.MethodHead) {
		answer(w, r)
	}
}

// only answers a request of another method.
func only(w http.ResponseWriter, r *http.Request, methods ...string) bool {
	for _, method := range methods {
		if r.Method == method {
			return true
		}
	}
	w.Header().Set("Allow", strings.Join(methods, ", "))
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, "this path takes "+strings.Join(methods, ", "), http.StatusMethodNotAllowed)
	return false
}

func (s *Server) notFound(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, "there is nothing at this path: a log sends POST /add-checkpoint, a monitor gets /<hex SHA-256 of the origin>/checkpoint", http.StatusNotFound)
}

// Serve answers on the listener until ctx ends, then lets the requests under
// way finish. It returns nil after such a stop.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	timeouts := s.config.Timeouts
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: timeouts.Header,
		ReadTimeout:       timeouts.Read,
		WriteTimeout:      timeouts.Write,
		IdleTimeout:       timeouts.Idle,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
	}
	connections.New(maxConnections, maxPerAddress).Apply(server)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeouts.Stop)
	defer cancel()
	err := server.Shutdown(grace)
	if err != nil {
		server.Close()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		// Who is still sending has nothing that was promised.
		s.logger.Warn("stopped", "error", fmt.Sprintf("requests under way did not finish within %v", timeouts.Stop))
		return nil
	}
	return err
}
