// Package server is the HTTP door of a roll signer: docs/roll.md says what it answers. It
// speaks plain HTTP and knows no users: whoever reaches it may hand in what a withdraw
// key signed.
package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/muster-log/muster/internal/connections"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/roll"
	"github.com/muster-log/muster/roll/remote"
)

const (
	// maxConnections bounds the connections that are open at once, and with them the
	// bodies that are being read: each has one. maxPerAddress bounds those of one remote
	// address.
	maxConnections = 256
	maxPerAddress  = 64
	headerTimeout  = 10 * time.Second
	bodyTimeout    = 20 * time.Second
	answerTimeout  = 30 * time.Second
	idleTimeout    = time.Minute
	stopTimeout    = 10 * time.Second
	maxHeader      = 16 << 10
	// maxReading bounds the bodies that are parsed, and the signatures that are verified,
	// at once: the rest of the machine is for following the log.
	maxReading = 4
	// checked bounds, in a second, the withdrawals whose signatures are verified: their
	// key ids must be those of a withdraw role, which everybody can read in the log.
	checked = 200
	// burst and perSecond bound the withdrawals that are judged by the log's rules and
	// written: those are signed by a withdraw key, and people hand in a few.
	burst, perSecond = 20, 5
)

// Server is a Signer's door. It bounds how many connections there are, what it reads, and
// how many withdrawals are judged, each part of that after what is cheaper: who sends what
// nobody signed takes no place of those who have signatures. Everything else is the
// Signer's.
type Server struct {
	signer      *roll.Signer
	logger      *slog.Logger
	mux         *http.ServeMux
	connections *connections.Bound
	reading     chan struct{} // holds one for each that is being read
	checks      bucket
	taken       bucket
	// ahead is taken of those that name an authority which is not read yet: what the
	// keys in force signed for another log, which everybody can read there, names one,
	// too.
	ahead bucket
}

// New makes the door of a Signer, which must stay open as long as it serves. logger may
// be nil.
func New(signer *roll.Signer, logger *slog.Logger) *Server {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{signer: signer, logger: logger, mux: http.NewServeMux(), connections: connections.New(maxConnections, maxPerAddress),
		reading: make(chan struct{}, maxReading), checks: bucket{burst: checked, perSecond: checked}, taken: bucket{burst: burst, perSecond: perSecond}, ahead: bucket{burst: burst, perSecond: perSecond}}
	s.mux.HandleFunc("/withdrawals", s.only(http.MethodPost, s.hand))
	s.mux.HandleFunc("/withdrawals/{digest}", s.only(http.MethodGet, s.withdrawal))
	s.mux.HandleFunc("/status", s.only(http.MethodGet, func(w http.ResponseWriter, _ *http.Request) { s.answer(w, http.StatusOK, signer.Status()) }))
	s.mux.HandleFunc("/livez", s.only(http.MethodGet, func(w http.ResponseWriter, _ *http.Request) { s.answer(w, http.StatusOK, struct{}{}) }))
	s.mux.HandleFunc("/readyz", s.only(http.MethodGet, s.ready))
	s.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		s.fail(w, http.StatusNotFound, codeNotFound, "there is nothing at this path; docs/roll.md lists what there is")
	})
	return s
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	s.mux.ServeHTTP(w, r)
}

// Serve answers on a listener until the context ends, and closes it.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{Handler: s, ReadHeaderTimeout: headerTimeout, ReadTimeout: bodyTimeout, WriteTimeout: answerTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug)}
	s.connections.Apply(server)
	stopped := make(chan error, 1)
	serving, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		<-serving.Done()
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		err := server.Shutdown(ending)
		if errors.Is(err, context.DeadlineExceeded) {
			err = server.Close() // who is still sending has nothing acknowledged
		}
		stopped <- err
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

func (s *Server) only(method string, handler http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != method && !(method == http.MethodGet && r.Method == http.MethodHead) {
			w.Header().Set("Allow", method)
			s.fail(w, http.StatusMethodNotAllowed, codeMethod, "this path takes "+method)
			return
		}
		handler(w, r)
	}
}

func (s *Server) hand(w http.ResponseWriter, r *http.Request) {
	if mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mediaType != remote.MediaType {
		s.fail(w, http.StatusUnsupportedMediaType, codeContentType, "want the content type "+remote.MediaType)
		return
	}
	envelope, err := io.ReadAll(http.MaxBytesReader(w, r.Body, release.MaxEntry))
	if tooLong, ok := errors.AsType[*http.MaxBytesError](err); ok {
		s.fail(w, http.StatusRequestEntityTooLarge, release.CodeEntrySize, "want an envelope of at most "+strconv.FormatInt(tooLong.Limit, 10)+" bytes")
		return
	}
	if err != nil {
		s.fail(w, http.StatusRequestTimeout, codeBody, "the body did not arrive")
		return
	}
	handed, err := s.read(r.Context(), envelope)
	if err != nil {
		s.refuse(w, err)
		return
	}
	if !handed.Known() && handed.Promising() {
		judged := &s.taken
		if !handed.InForce() {
			judged = &s.ahead
		}
		if !judged.take(time.Now()) {
			s.refuse(w, errBusy)
			return
		}
		connections.Keep(r.Context()) // until it is answered
	}
	taken, err := s.signer.Take(r.Context(), handed)
	switch {
	case err != nil:
		s.refuse(w, err)
	case taken.State == remote.StateLogged:
		s.answer(w, http.StatusOK, taken)
	default:
		s.answer(w, http.StatusAccepted, taken)
	}
}

// errBusy says that more withdrawals are handed in than are judged.
var errBusy = errors.New("too many withdrawals at once: hand it in again in a second")

// read reads a withdrawal and verifies its signatures where they could count.
func (s *Server) read(ctx context.Context, envelope []byte) (*roll.HandIn, error) {
	select {
	case s.reading <- struct{}{}:
		defer func() { <-s.reading }()
	case <-ctx.Done():
		return nil, errBusy // nobody waits for the answer
	}
	handed, err := s.signer.Read(envelope)
	if err != nil || handed.Known() || !handed.Promising() {
		return handed, err
	}
	if !s.checks.take(time.Now()) {
		return nil, errBusy
	}
	return handed, handed.Verify()
}

// refuse answers why a withdrawal was not taken.
func (s *Server) refuse(w http.ResponseWriter, err error) {
	refusal, refused := errors.AsType[*release.Refusal](err)
	behind, isBehind := errors.AsType[*roll.BehindError](err)
	switch {
	case errors.Is(err, errBusy):
		w.Header().Set("Retry-After", "1")
		s.fail(w, http.StatusTooManyRequests, codeBusy, err.Error())
	case isBehind: // holds a refusal, too
		w.Header().Set("Retry-After", "5")
		s.fail(w, http.StatusServiceUnavailable, codeBehind, behind.Error())
	case refused:
		s.problem(w, problem{Status: statusOf(refusal.Code), Code: refusal.Code, Detail: refusal.Error(), Member: refusal.Member, Got: refusal.Got, Want: refusal.Want})
	case errors.Is(err, roll.ErrNotReady):
		w.Header().Set("Retry-After", "2")
		s.fail(w, http.StatusServiceUnavailable, codeNotReady, err.Error())
	case errors.Is(err, roll.ErrFull):
		s.fail(w, http.StatusServiceUnavailable, codeFull, err.Error())
	default:
		s.logger.Error("a withdrawal was not taken", "error", err)
		s.fail(w, http.StatusInternalServerError, codeInternal, "it could not be kept; the operator finds the reason in the log")
	}
}

func (s *Server) withdrawal(w http.ResponseWriter, r *http.Request) {
	digest, err := release.ParseDigest(r.PathValue("digest"))
	if err != nil {
		s.fail(w, http.StatusBadRequest, release.CodeDigest, err.Error())
		return
	}
	found, ok := s.signer.Withdrawal(digest)
	if !ok {
		s.fail(w, http.StatusNotFound, codeNotFound, "this withdrawal was not handed in here, and the log does not hold it")
		return
	}
	s.answer(w, http.StatusOK, found)
}

// ready answers 503 while any roll is stopped, with the status that says why.
func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	status := s.signer.Status()
	code := http.StatusOK
	if !status.Ready {
		code = http.StatusServiceUnavailable
	}
	s.answer(w, code, struct {
		Ready  bool         `json:"ready"`
		Alarms []roll.Alarm `json:"alarms"`
	}{status.Ready, status.Alarms})
}
