package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/internal/connections"
)

const (
	maxConnections = 1024
	perAddress     = 256
	stopTime       = 10 * time.Second
)

// Options are what a node serves. The caller has judged the bundle, and found the
// ledger locked: Serve makes its TLS key after that.
type Options struct {
	Listener net.Listener // of TCP; closed by Serve
	Names    []string     // DNS names and IP addresses of the TLS certificate
	// Certify gets a certificate request (PKCS#10, PEM) for the names and returns a chain
	// (PEM), the leaf first; it is asked again, for the same key, before the certificate
	// ends. Nil: the certificate is self-signed, for development.
	Certify      func(ctx context.Context, request []byte) ([]byte, error)
	Attester     Attester
	Profile      string        // of the evidence
	Ledger       attest.Digest // locked value of PCR 15 of the bundle's release
	Certificates [][]byte      // DER: as attest.Answer
	EventLog     []byte
	Bundle       []byte           // the first; Renew finds those after it
	Renew        *Renewal         // nil: none are sought
	Activate     *attest.Activate // the answer to an activate request
	Queue        int              // how many requests wait at most, 1 to attest.MaxBatch
	Backend      string           // http://127.0.0.1:PORT or unix:/path; empty: none
	Logger       *slog.Logger
}

// Serve answers until the context ends, then lets what is under way end, bounded by
// ten seconds and the attester's own deadlines. It returns nil after such an end.
func Serve(ctx context.Context, o Options) error {
	defer o.Listener.Close()
	activate, err := o.Activate.Marshal()
	if err != nil {
		return err
	}
	h := &handler{activate: activate, logger: o.Logger,
		answer: attest.Answer{Profile: o.Profile, Certificates: o.Certificates, EventLog: o.EventLog}}
	h.bundle.Store(&o.Bundle)
	if o.Backend != "" {
		if h.backend, err = newBackend(o.Backend, o.Logger); err != nil {
			return err
		}
	}
	certificates, err := newCertificates(ctx, o.Names, o.Certify)
	if err != nil {
		return err
	}
	if h.queue, err = newQueue(o.Attester, o.Profile, certificates.spki, o.Ledger, o.Queue); err != nil {
		return err
	}
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	go h.queue.run(working)
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		certificates.keep(working, sleep, o.Logger)
	}()
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		if o.Renew != nil {
			o.Renew.run(working, o.Bundle, func(bundle []byte) { h.bundle.Store(&bundle) }, o.Logger)
		}
	}()
	server := &http.Server{Handler: h, TLSConfig: certificates.tlsConfig(),
		ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
		ErrorLog: slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug)}
	connections.New(maxConnections, perAddress).Apply(server)
	ended := make(chan error, 1)
	go func() { ended <- server.ServeTLS(o.Listener, "", "") }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
		if server.Shutdown(within) != nil {
			_ = server.Close()
		}
		cancel()
		err = <-ended
	}
	stop()
	<-kept
	<-renewed
	<-h.queue.done
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
