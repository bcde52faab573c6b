package server

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"strconv"

	"github.com/muster-log/muster/witness"
)

// statuses says how each refusal is answered: the MUSTs of
// https://c2sp.org/tlog-witness, and 413, 429 and 503 where it is silent.
var statuses = map[witness.Kind]int{
	witness.KindTooLarge:      http.StatusRequestEntityTooLarge,
	witness.KindMalformed:     http.StatusBadRequest,
	witness.KindUnknownOrigin: http.StatusNotFound,
	witness.KindRateLimited:   http.StatusTooManyRequests,
	witness.KindNotSigned:     http.StatusForbidden,
	witness.KindBadSignature:  http.StatusForbidden,
	witness.KindOldAboveSize:  http.StatusBadRequest,
	witness.KindOldSize:       http.StatusConflict,
	witness.KindEmptyRoot:     http.StatusUnprocessableEntity,
	witness.KindNeedlessProof: http.StatusUnprocessableEntity,
	witness.KindSameSize:      http.StatusUnprocessableEntity,
	witness.KindInconsistent:  http.StatusUnprocessableEntity,
	witness.KindRolledBack:    http.StatusServiceUnavailable,
	witness.KindUnavailable:   http.StatusServiceUnavailable,
}

// severities are the levels of refusals that an operator should see. A refused
// checkpoint that its log has signed means that the log errs, or worse. What
// else anybody can provoke is said at slog.LevelDebug.
var severities = map[witness.Kind]slog.Level{
	witness.KindEmptyRoot:    slog.LevelWarn,
	witness.KindSameSize:     slog.LevelWarn,
	witness.KindInconsistent: slog.LevelWarn,
	witness.KindRolledBack:   slog.LevelError,
	witness.KindUnavailable:  slog.LevelError,
}

// retryAfter is what a submitter is told to wait, in seconds, when the
// witness itself has trouble.
const retryAfter = 5

// refusalOf is what an error is to who asked.
func refusalOf(err error) *witness.Error {
	if refusal, ok := errors.AsType[*witness.Error](err); ok {
		return refusal
	}
	return &witness.Error{Kind: witness.KindUnavailable, Err: err}
}

// refuse answers a request with its error and returns the status.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) (status int) {
	refusal := refusalOf(err)
	status, known := statuses[refusal.Kind]
	switch {
	case !known:
		status = http.StatusInternalServerError
	case refusal.Kind == witness.KindMalformed && errors.Is(err, errSlow):
		status = http.StatusRequestTimeout
	}
	s.logRefusal(r, refusal, status, err)
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	text := refusal.Error()
	switch refusal.Kind {
	case witness.KindOldSize:
		header.Set("Content-Type", "text/x.tlog.size")
		w.WriteHeader(status)
		io.WriteString(w, strconv.FormatUint(refusal.Size, 10)+"\n")
		return status
	case witness.KindRateLimited:
		header.Set("Retry-After", strconv.FormatInt(max(1, int64(math.Ceil(refusal.RetryAfter.Seconds()))), 10))
	case witness.KindUnavailable:
		// What went wrong inside is for the operator's log, not for a peer.
		header.Set("Retry-After", strconv.Itoa(retryAfter))
		text = string(refusal.Kind) + ": the witness cannot answer now; try again"
	case witness.KindRolledBack:
		text = string(refusal.Kind) + ": this witness has halted and cosigns nothing until its operator has acted"
	}
	http.Error(w, text, status)
	return status
}

// logRefusal says one line about a refusal.
func (s *Server) logRefusal(r *http.Request, refusal *witness.Error, status int, err error) {
	level, severe := severities[refusal.Kind]
	if !severe || r.Context().Err() != nil {
		// That a client has hung up is no trouble of the witness.
		level = slog.LevelDebug
	}
	attributes := []slog.Attr{slog.String("kind", string(refusal.Kind)), slog.Int("status", status), slog.String("error", fmt.Sprint(err))}
	if level > slog.LevelDebug {
		origin := refusal.Origin
		if level == slog.LevelError {
			origin = "" // it is the witness's own trouble
		}
		withheld, ok := s.alarms.say(origin, refusal.Kind, s.config.Now())
		if !ok {
			return
		}
		if withheld > 0 {
			attributes = append(attributes, slog.Int("withheld_before", withheld))
		}
	}
	s.logger.LogAttrs(r.Context(), level, "refused", attributes...)
}
