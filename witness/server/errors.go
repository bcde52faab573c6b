package server

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/muster-log/muster/witness"
)

// statuses says how each refusal is answered: the MUSTs of
// https://c2sp.org/tlog-witness, and 413 and 503 where it is silent.
var statuses = map[witness.Kind]int{
	witness.KindTooLarge:      http.StatusRequestEntityTooLarge,
	witness.KindMalformed:     http.StatusBadRequest,
	witness.KindUnknownOrigin: http.StatusNotFound,
	witness.KindNotSigned:     http.StatusForbidden,
	witness.KindBadSignature:  http.StatusForbidden,
	witness.KindOldAboveSize:  http.StatusBadRequest,
	witness.KindOldSize:       http.StatusConflict,
	witness.KindEmptyRoot:     http.StatusUnprocessableEntity,
	witness.KindNeedlessProof: http.StatusUnprocessableEntity,
	witness.KindSameSize:      http.StatusUnprocessableEntity,
	witness.KindInconsistent:  http.StatusUnprocessableEntity,
	witness.KindUnavailable:   http.StatusServiceUnavailable,
}

// alarms are the refusals of a checkpoint that its log has signed: they mean
// that the log errs, or worse, and somebody should look.
var alarms = map[witness.Kind]bool{
	witness.KindEmptyRoot:    true,
	witness.KindSameSize:     true,
	witness.KindInconsistent: true,
}

// retryAfter is what a submitter is told to wait, in seconds, when the
// witness itself has trouble.
const retryAfter = 5

// refuse answers a request with its error.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var refusal *witness.Error
	if !errors.As(err, &refusal) {
		refusal = &witness.Error{Kind: witness.KindUnavailable, Err: err}
	}
	status, known := statuses[refusal.Kind]
	if !known {
		status = http.StatusInternalServerError
	}
	level := severity(refusal.Kind)
	if r.Context().Err() != nil {
		// The client has hung up, which is no trouble of the witness.
		level = slog.LevelDebug
	}
	s.logger.LogAttrs(r.Context(), level, "refused",
		slog.String("kind", string(refusal.Kind)), slog.Int("status", status), slog.String("error", err.Error()))
	w.Header().Set("Cache-Control", "no-store")
	switch refusal.Kind {
	case witness.KindOldSize:
		w.Header().Set("Content-Type", "text/x.tlog.size")
		w.WriteHeader(status)
		io.WriteString(w, strconv.FormatUint(refusal.Size, 10)+"\n")
		return
	case witness.KindUnavailable:
		// What went wrong inside is for the operator's log, not for a peer.
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
		http.Error(w, string(refusal.Kind)+": the witness cannot answer now; try again", status)
		return
	}
	http.Error(w, fmt.Sprint(refusal), status)
}

// severity keeps what anybody can provoke out of the log at its usual level.
func severity(kind witness.Kind) slog.Level {
	switch {
	case kind == witness.KindUnavailable:
		return slog.LevelError
	case alarms[kind]:
		return slog.LevelWarn
	}
	return slog.LevelDebug
}
