package client

import (
	"crypto/x509"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"time"

	"github.com/muster-log/muster/client/memory"
	"github.com/muster-log/muster/tlog/fork"
)

// Option changes how a Transport works.
type Option func(*options) error

type options struct {
	memory   string
	roots    *x509.CertPool
	timeout  time.Duration
	clock    func() time.Time
	evidence func(*fork.Evidence) error
	proxy    func(*http.Request) (*url.URL, error)
}

// defaultTimeout bounds the asking for evidence, all connections and requests of it
// together: a TPM takes a second for a quote, and a node may have a queue.
const defaultTimeout = time.Minute

// WithMemory remembers in a file what every bundle shows of its log, and has each
// verdict compared with it: package client/memory. What is learnt is durable before
// a verdict is used. The file is made if it is not there; one that is damaged is an
// error, here and later.
func WithMemory(path string) Option {
	return func(o *options) error {
		if _, err := memory.Read(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		o.memory = path
		return nil
	}
}

// WithRootCAs has the names of nodes certified by these authorities instead of the
// system's. The certificate says who the node is, its evidence what it is: both must
// hold.
func WithRootCAs(roots *x509.CertPool) Option {
	return func(o *options) error { o.roots = roots; return nil }
}

// WithTimeout bounds the asking for evidence; the default is a minute.
func WithTimeout(timeout time.Duration) Option {
	return func(o *options) error {
		if timeout <= 0 {
			return errors.New("client: want a timeout above zero")
		}
		o.timeout = timeout
		return nil
	}
}

// WithClock takes the time from elsewhere than the system.
func WithClock(clock func() time.Time) Option {
	return func(o *options) error { o.clock = clock; return nil }
}

// WithEvidence has each piece of evidence against a log or a witness handed over as it
// is found, before the verdict is used. An error keeps the verdict from being used.
// Without it the evidence stands in the verdict alone.
func WithEvidence(keep func(*fork.Evidence) error) Option {
	return func(o *options) error { o.evidence = keep; return nil }
}

// WithProxy connects to nodes through a proxy, by CONNECT or SOCKS5: what passes it is
// the TLS connection whose key is judged. Without it there is none, whatever the
// environment says.
func WithProxy(proxy *url.URL) Option {
	return func(o *options) error {
		switch proxy.Scheme {
		case "http", "https", "socks5", "socks5h":
			o.proxy = http.ProxyURL(proxy)
			return nil
		}
		return errors.New("client: want a proxy with an http, https or socks5 URL")
	}
}
