package server

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"sync/atomic"
	"time"

	"github.com/muster-log/muster/attest"
)

const (
	ownPaths   = "/.well-known/muster/"
	retryAfter = "1" // seconds: a slow TPM's quote
	bodyTime   = 10 * time.Second
	answerTime = 60 * time.Second
)

// handler answers the evidence protocol itself and hands all else to the backend.
type handler struct {
	queue    *queue
	activate []byte        // the answer to an activate request
	answer   attest.Answer // without bundle, parts, place and secret; not to be changed
	bundle   atomic.Pointer[[]byte]
	backend  http.Handler // nil: none
	logger   *slog.Logger
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	clean := path.Clean("/"+r.URL.Path) + "/"
	switch {
	case r.URL.Path == attest.EvidencePath:
		h.evidence(w, r)
	case r.URL.Path == attest.ActivatePath:
		h.activation(w, r)
	case strings.HasPrefix(clean, ownPaths) || h.backend == nil:
		problem(w, http.StatusNotFound, "not-found", "there is nothing at this path")
	default:
		// A deadline of an answer before, on the same connection, is not this one's.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
		h.backend.ServeHTTP(w, r)
	}
}

// body reads a request's message, or answers what is wrong with it.
func body(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTime))
	_ = control.SetWriteDeadline(time.Now().Add(answerTime))
	switch {
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		problem(w, http.StatusMethodNotAllowed, "method", "the method is not POST")
	case r.ContentLength > attest.MaxRequest:
		w.Header().Set("Connection", "close")
		problem(w, http.StatusRequestEntityTooLarge, "too-large", "the message is longer than 4096 bytes")
	case r.ContentLength < 0:
		w.Header().Set("Connection", "close")
		problem(w, http.StatusBadRequest, "length", "the request lacks Content-Length")
	case r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Content-Encoding") != "":
		problem(w, http.StatusBadRequest, "content-type", "want Content-Type application/json and no Content-Encoding")
	case r.URL.RawQuery != "":
		problem(w, http.StatusBadRequest, "query", "this path takes no query")
	default:
		data, err := io.ReadAll(io.LimitReader(r.Body, attest.MaxRequest+1))
		if err != nil || int64(len(data)) != r.ContentLength {
			w.Header().Set("Connection", "close")
			problem(w, http.StatusBadRequest, "length", "the message does not have the length that was said")
			return nil, false
		}
		return data, true
	}
	return nil, false
}

func (h *handler) evidence(w http.ResponseWriter, r *http.Request) {
	data, ok := body(w, r)
	if !ok {
		return
	}
	request, err := attest.ParseRequest(data)
	if err != nil {
		problem(w, http.StatusBadRequest, "request", err.Error())
		return
	}
	if request.Profile != "" && request.Profile != h.answer.Profile {
		problem(w, http.StatusBadRequest, "profile", "this node has evidence of profile "+h.answer.Profile)
		return
	}
	answer := h.answer
	answer.Bundle = *h.bundle.Load()
	if answer.Evidence, answer.Batch, err = h.queue.evidenceFor(r.Context(), request.Nonce); err != nil {
		h.failed(w, err)
		return
	}
	if request.Credential != nil {
		if answer.Secret, err = h.queue.activate(r.Context(), request.Credential); err != nil {
			h.failed(w, err)
			return
		}
	}
	message, err := answer.Marshal()
	if err != nil {
		h.failed(w, err)
		return
	}
	send(w, message)
}

func (h *handler) activation(w http.ResponseWriter, r *http.Request) {
	data, ok := body(w, r)
	if !ok {
		return
	}
	if err := attest.ParseActivateRequest(data); err != nil {
		problem(w, http.StatusBadRequest, "request", err.Error())
		return
	}
	send(w, h.activate)
}

func (h *handler) failed(w http.ResponseWriter, err error) {
	var changed errLedger
	switch {
	case errors.Is(err, errBusy):
		w.Header().Set("Retry-After", retryAfter)
		problem(w, http.StatusTooManyRequests, "busy", err.Error())
	case errors.Is(err, errStopped):
		problem(w, http.StatusServiceUnavailable, "stopped", err.Error())
	case errors.As(err, &changed):
		h.logger.Error("no client would accept this node's evidence", "error", err)
		problem(w, http.StatusServiceUnavailable, "ledger", err.Error())
	default:
		h.logger.Error("evidence", "error", err)
		problem(w, http.StatusServiceUnavailable, "hardware", "this node's hardware gave no answer: its log says why")
	}
}

func send(w http.ResponseWriter, message []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(message) // an error is a client that went away
}

// problem answers with a problem document (RFC 9457).
func problem(w http.ResponseWriter, status int, code, detail string) {
	document, _ := json.Marshal(map[string]any{"title": http.StatusText(status), "status": status, "code": code, "detail": detail})
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(document)
}
