package server

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/muster-log/muster/witness"
)

// checkpoint is the monitor retrieval.
func (s *Server) checkpoint(w http.ResponseWriter, r *http.Request, originHash string) {
	// Monitors may be pages in a browser.
	w.Header().Set("Access-Control-Allow-Origin", "*")
	hash, ok := parseOriginHash(originHash)
	if !ok {
		s.refuse(w, r, &witness.Error{Kind: witness.KindUnknownOrigin, Err: errors.New("want the SHA-256 of an origin, in lowercase hex")})
		return
	}
	note, err := s.config.Witness.Checkpoint(r.Context(), hash)
	if errors.Is(err, witness.ErrUnknownOrigin) {
		err = &witness.Error{Kind: witness.KindUnknownOrigin, Err: errors.New("this witness has no cosigned checkpoint of that origin to show")}
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

// readyz says whether the witness cosigns: not while it has halted, and not
// where it could not keep its state.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if why := s.notReady(); why != "" {
		http.Error(w, "not ready: "+why, http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	io.WriteString(w, "ok\n")
}

// notReady is why nothing is cosigned at present, empty if nothing speaks
// against it.
func (s *Server) notReady() string {
	if s.config.Witness.Halted() {
		return witness.ErrHalted.Error()
	}
	if since, failing := s.keeping.failing(s.config.Now()); failing {
		return fmt.Sprintf("the last checkpoint could not be kept, %v ago; the log of the witness says why", since)
	}
	return ""
}

// failureHolds is how long a failure to keep the state speaks against a witness
// that nobody has asked again: else who waits for it to be ready would keep it
// from showing that it is.
const failureHolds = time.Minute

// keeping remembers whether the state could be kept when it was last tried.
type keeping struct {
	failure atomic.Int64 // POSIX nanoseconds; 0: it could
}

func (k *keeping) failed(now time.Time) { k.failure.Store(now.UnixNano()) }

func (k *keeping) kept() {
	if k.failure.Load() != 0 { // most often: a store would be dearer
		k.failure.Store(0)
	}
}

func (k *keeping) failing(now time.Time) (since time.Duration, failing bool) {
	failure := k.failure.Load()
	if failure == 0 {
		return 0, false
	}
	since = max(0, now.Sub(time.Unix(0, failure)))
	return since.Round(time.Second), since < failureHolds
}
