package server

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/muster-log/muster/internal/connections"
	"github.com/muster-log/muster/witness"
)

// ahead is how many bytes of a body are made room for because its header says
// so: what a small log sends. A larger one gets room as it arrives.
const ahead = 8 << 10

// addCheckpoint is the add-checkpoint call.
func (s *Server) addCheckpoint(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	status := http.StatusOK
	body, err := s.receive(w, r)
	var lines []byte
	if err == nil {
		// What is whole is answered, whoever else comes.
		release := connections.Keep(r.Context())
		lines, err = s.config.Witness.AddCheckpoint(r.Context(), body)
		release()
	}
	if err != nil {
		status = s.refuseCheckpoint(w, r, err)
	} else {
		s.keeping.kept()
		s.logCosigned(r, body)
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		// Two cosignatures are more than net/http counts by itself.
		w.Header().Set("Content-Length", strconv.Itoa(len(lines)))
		w.Write(lines)
	}
	if s.config.Metrics != nil {
		s.config.Metrics.Answered(status, time.Since(began))
	}
}

// refuseCheckpoint refuses an add-checkpoint request and remembers whether the
// witness itself was in trouble.
func (s *Server) refuseCheckpoint(w http.ResponseWriter, r *http.Request, err error) (status int) {
	refusal := refusalOf(err)
	if s.config.Metrics != nil {
		s.config.Metrics.Refused(refusal.Origin, refusal.Kind)
	}
	if refusal.Kind == witness.KindUnavailable && r.Context().Err() == nil {
		s.keeping.failed(s.config.Now())
	}
	return s.refuse(w, r, err)
}

// receive takes in a request's body.
func (s *Server) receive(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	tooLarge := &witness.Error{Kind: witness.KindTooLarge, Err: fmt.Errorf("the request body has more than %d bytes", witness.MaxRequest)}
	if r.ContentLength > witness.MaxRequest {
		w.Header().Set("Connection", "close")
		return nil, tooLarge
	}
	body := bytes.NewBuffer(make([]byte, 0, min(max(r.ContentLength, 0), ahead)+bytes.MinRead))
	_, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, witness.MaxRequest))
	if _, over := errors.AsType[*http.MaxBytesError](err); over {
		return nil, tooLarge
	}
	if err != nil {
		w.Header().Set("Connection", "close")
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = fmt.Errorf("%w within %v", errSlow, s.config.Timeouts.Read)
		}
		return nil, &witness.Error{Kind: witness.KindMalformed, Err: fmt.Errorf("the request body did not arrive: %w", err)}
	}
	return body.Bytes(), nil
}

// errSlow says that a body took too long.
var errSlow = errors.New("it was not complete")

// logCosigned says at the lowest level what was cosigned.
func (s *Server) logCosigned(r *http.Request, body []byte) {
	if !s.logger.Enabled(r.Context(), slog.LevelDebug) {
		return
	}
	request, err := witness.ParseAddCheckpoint(body)
	if err != nil {
		return // it was cosigned, so it can be read
	}
	s.logger.LogAttrs(r.Context(), slog.LevelDebug, "cosigned", slog.String("origin", request.Checkpoint.Origin),
		slog.Uint64("old_size", request.OldSize), slog.Uint64("size", request.Checkpoint.Size))
}
