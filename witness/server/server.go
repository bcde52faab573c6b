// Package server is a witness over HTTP: the add-checkpoint call and the
// monitor retrieval of https://c2sp.org/tlog-witness under one prefix, a page
// for people and a liveness probe.
//
// It speaks plain HTTP and limits no rates: TLS and the wide internet belong
// in front of it, to a proxy or a bastion (https://c2sp.org/https-bastion).
package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/muster-log/muster/witness"
)

// Timeouts bound how long a client may take; zero values stand for the
// defaults.
type Timeouts struct {
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

const maxHeader = 16 << 10

func (t Timeouts) withDefaults() Timeouts {
	for _, field := range []struct {
		value        *time.Duration
		defaultValue time.Duration
	}{
		{&t.Read, 10 * time.Second},
		{&t.Write, 20 * time.Second},
		{&t.Idle, 2 * time.Minute},
		{&t.Stop, 10 * time.Second},
	} {
		if *field.value == 0 {
			*field.value = field.defaultValue
		}
	}
	return t
}

// Server answers for one witness.
type Server struct {
	witness  *witness.Witness
	logger   *slog.Logger
	timeouts Timeouts
	mux      *http.ServeMux
}

// New returns a server for w that reports to logger.
func New(w *witness.Witness, logger *slog.Logger, timeouts Timeouts) *Server {
	s := &Server{witness: w, logger: logger, timeouts: timeouts.withDefaults(), mux: http.NewServeMux()}
	s.mux.HandleFunc("POST /add-checkpoint", s.addCheckpoint)
	s.mux.HandleFunc("GET /{originHash}/checkpoint", s.checkpoint)
	s.mux.HandleFunc("GET /livez", s.livez)
	s.mux.HandleFunc("GET /{$}", s.home)
	return s
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	s.mux.ServeHTTP(w, r)
}

// Serve answers on the listener until ctx ends, then lets the requests under
// way finish. It returns nil after such a stop.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: s.timeouts.Read,
		ReadTimeout:       s.timeouts.Read,
		WriteTimeout:      s.timeouts.Write,
		IdleTimeout:       s.timeouts.Idle,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeouts.Stop)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		server.Close()
		return fmt.Errorf("requests under way did not finish within %v: %w", s.timeouts.Stop, err)
	}
	return nil
}

// addCheckpoint is the add-checkpoint call.
func (s *Server) addCheckpoint(w http.ResponseWriter, r *http.Request) {
	body, err := readBody(w, r)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	lines, err := s.witness.AddCheckpoint(r.Context(), body)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Write(lines)
}

// readBody reads a body of at most witness.MaxRequest bytes; a longer one is
// refused without reading it when its length was declared.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	tooLarge := &witness.Error{Kind: witness.KindTooLarge, Err: fmt.Errorf("the request body has more than %d bytes", witness.MaxRequest)}
	if r.ContentLength > witness.MaxRequest {
		w.Header().Set("Connection", "close")
		return nil, tooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, witness.MaxRequest))
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		return nil, tooLarge
	}
	if err != nil {
		return nil, &witness.Error{Kind: witness.KindMalformed, Err: fmt.Errorf("the request body did not arrive: %w", err)}
	}
	return body, nil
}

// checkpoint is the monitor retrieval.
func (s *Server) checkpoint(w http.ResponseWriter, r *http.Request) {
	// Monitors may be pages in a browser.
	w.Header().Set("Access-Control-Allow-Origin", "*")
	hash, ok := parseOriginHash(r.PathValue("originHash"))
	if !ok {
		s.refuse(w, r, &witness.Error{Kind: witness.KindUnknownOrigin, Err: errors.New("want the SHA-256 of an origin, in lowercase hex")})
		return
	}
	note, err := s.witness.Checkpoint(r.Context(), hash)
	if errors.Is(err, witness.ErrUnknownOrigin) {
		err = &witness.Error{Kind: witness.KindUnknownOrigin, Err: errors.New("this witness has never cosigned a checkpoint of that origin")}
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Write(note)
}

// parseOriginHash reads the one spelling of a SHA-256 that the spec allows.
func parseOriginHash(s string) (hash [sha256.Size]byte, ok bool) {
	raw, err := hex.DecodeString(s)
	if err != nil || len(raw) != len(hash) || hex.EncodeToString(raw) != s {
		return hash, false
	}
	return [sha256.Size]byte(raw), true
}

// livez says that the process answers; it says nothing of the state.
func (s *Server) livez(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	io.WriteString(w, "ok\n")
}
