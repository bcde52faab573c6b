package web

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/muster-log/muster/internal/connections"
	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/tlog/policy"
	"github.com/muster-log/muster/web/api"
	"github.com/muster-log/muster/web/pages"
)

const (
	// headerTimeout bounds how long a request's header may take, and readTimeout
	// the request whole.
	headerTimeout = 10 * time.Second
	readTimeout   = 20 * time.Second
	// sendTimeout is what an answer may take beside the wait of a submission:
	// the largest, an entry bundle, has 16 MiB.
	sendTimeout = 60 * time.Second
	// idleTimeout is how long a connection is kept between requests.
	idleTimeout = 2 * time.Minute
	// stopTimeout is how long requests under way may take when the server stops.
	stopTimeout = 10 * time.Second
	// maxHeader bounds a request's header in bytes.
	maxHeader = 16 << 10
	// maxPerAddress bounds the connections of one remote address.
	maxPerAddress = 1024
)

// maxConnections bounds the connections that are open at once; idle ones give way
// to others. A submission holds its connection until it is published, so there are
// as many as are received at once.
var maxConnections = api.DefaultReceiving

// Config is what a server serves. Log, Index and Policy must stand.
type Config struct {
	Log   *log.Log
	Index log.Index
	// Manifests are kept beside the log; nil: none are.
	Manifests log.Manifests
	// Spool is the directory in which manifests lie while they arrive, at most 1 GiB
	// together; empty: that of the system for temporary files.
	Spool string
	// Policy is the log's own words on its key and its witnesses, as it gives
	// them to relying parties.
	Policy *policy.Policy
	// Operators maps the policy's witnesses to who runs them, LogOperator runs
	// the log: shown on pages, and counted as one vote each.
	Operators   map[string]string
	LogOperator string
	// URL is the log's public address, for the commands that pages show; empty:
	// that of the request.
	URL string
	// PublishWait is how long a submission waits for its publication: default
	// api.DefaultPublishWait; negative: none.
	PublishWait time.Duration
	// BodyTimeout is how long a submission may take to arrive: default
	// api.DefaultBodyTimeout.
	BodyTimeout time.Duration
	// Now is the clock: default time.Now.
	Now func() time.Time
	// Logger: default slog.Default().
	Logger *slog.Logger
}

// Server answers for one log.
type Server struct {
	echo     *echo.Echo
	pages    *pages.Pages
	logger   *slog.Logger
	wait     time.Duration
	stopping chan struct{}
}

// New makes the server of a log.
func New(config Config) *Server {
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.PublishWait == 0 {
		config.PublishWait = api.DefaultPublishWait
	}
	s := &Server{echo: echo.New(), logger: config.Logger, wait: max(0, config.PublishWait), stopping: make(chan struct{})}
	s.echo.HideBanner, s.echo.HidePort = true, true
	s.echo.HTTPErrorHandler = s.fail
	s.echo.Pre(s.observe, harden, crossOrigin)
	api.New(api.Config{
		Log:         config.Log,
		Index:       config.Index,
		Manifests:   config.Manifests,
		Spool:       config.Spool,
		Policy:      config.Policy.Marshal(),
		PublishWait: config.PublishWait,
		BodyTimeout: config.BodyTimeout,
		Stopping:    s.stopping,
	}).Register(s.echo)
	s.pages = pages.New(pages.Config{
		Log:         config.Log,
		Index:       config.Index,
		Policy:      config.Policy,
		Operators:   config.Operators,
		LogOperator: config.LogOperator,
		URL:         config.URL,
		Now:         config.Now,
	})
	s.pages.Register(s.echo)
	return s
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.echo.ServeHTTP(w, r) }

// Serve answers on the listener until ctx ends. Submissions that wait for their
// witnesses are then answered 202, and requests under way may finish. It returns
// nil after such a stop. It is called once.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      s.wait + sendTimeout,
		IdleTimeout:       idleTimeout,
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
	close(s.stopping)
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		server.Close()
		return fmt.Errorf("requests under way did not finish within %v: %w", stopTimeout, err)
	}
	return nil
}
