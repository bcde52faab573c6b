package metrics

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/muster-log/muster/internal/connections"
)

const (
	// maxScrapes bounds how many scrapes run at once: each reads every log.
	maxScrapes = 2
	// maxConnections bounds the connections to the metrics.
	maxConnections = 32
	headerTimeout  = 5 * time.Second
	writeTimeout   = 30 * time.Second
	idleTimeout    = 2 * time.Minute
	stopTimeout    = 2 * time.Second
	maxHeader      = 16 << 10
)

// Handler answers GET /metrics, and nothing else.
func (m *Metrics) Handler(logger *slog.Logger) http.Handler {
	// What cannot be read is left out and said in the log: that the witness has
	// halted is shown all the same.
	scrape := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog: scrapeLog{logger}, ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: maxScrapes})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		switch {
		case r.URL.Path != "/metrics":
			http.Error(w, "the metrics are at /metrics", http.StatusNotFound)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "this path takes GET", http.StatusMethodNotAllowed)
		default:
			scrape.ServeHTTP(w, r)
		}
	})
}

// Serve answers scrapes on the listener until ctx ends, and closes it. It
// returns nil after such a stop.
func (m *Metrics) Serve(ctx context.Context, listener net.Listener, logger *slog.Logger) error {
	server := &http.Server{
		Handler:           m.Handler(logger),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       headerTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
	connections.New(maxConnections, 0).Apply(server)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if server.Shutdown(grace) != nil {
		// A scrape may be cut off: the next one, of the next process, says the same.
		return server.Close()
	}
	return nil
}

// scrapeLog is where promhttp says what a scrape could not show.
type scrapeLog struct{ logger *slog.Logger }

func (l scrapeLog) Println(said ...any) { l.logger.Warn("metrics", "error", fmt.Sprint(said...)) }
