package client

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"io"
	"net/http"
	"time"

	"github.com/muster-log/muster/attest"
)

// node is a node that has passed: one boot of one machine, by its TLS key. Its
// transport connects to nobody else.
type node struct {
	address  string
	spki     attest.Digest
	deadline time.Time
	clock    func() time.Time
	requests *http.Transport
	timer    *time.Timer
}

// newNode makes the transport of a node whose verdict passed.
func (t *Transport) newNode(a *Attestation) *node {
	n := &node{address: a.Address, spki: a.SPKI, deadline: a.Verdict.Deadline, clock: t.options.clock}
	if limit := a.Time.Add(maxUse); n.deadline.IsZero() || limit.Before(n.deadline) {
		n.deadline = limit
	}
	config := t.tlsConfig()
	// The one place that sees every connection before a byte of a request: it runs on
	// resumed sessions and behind HTTP/2 too.
	config.VerifyConnection = n.verifyConnection
	n.requests = &http.Transport{
		Proxy:               nil,
		TLSClientConfig:     config,
		ForceAttemptHTTP2:   true,
		TLSHandshakeTimeout: t.options.timeout,
		IdleConnTimeout:     90 * time.Second,
	}
	n.timer = time.AfterFunc(n.deadline.Sub(n.clock()), n.close)
	return n
}

func (n *node) verifyConnection(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 || sha256.Sum256(state.PeerCertificates[0].RawSubjectPublicKeyInfo) != n.spki {
		return &errOtherKey{n.address}
	}
	if !n.live() {
		return errDeadline
	}
	return nil
}

func (n *node) live() bool { return n.clock().Before(n.deadline) }

// close ends what is idle; requests under way end with their own deadline.
func (n *node) close() {
	n.timer.Stop()
	n.requests.CloseIdleConnections()
}

// roundTrip makes a request that ends with the verdict's deadline at the latest.
func (n *node) roundTrip(request *http.Request) (*http.Response, error) {
	if !n.live() {
		return nil, errDeadline
	}
	ctx, cancel := context.WithTimeoutCause(request.Context(), n.deadline.Sub(n.clock()), errDeadline)
	response, err := n.requests.RoundTrip(request.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	response.Request = request
	response.Body = withCancel(response.Body, cancel)
	return response, nil
}

// body ends its request's context when it is closed or read to its end.
type body struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.cancel()
	}
	return n, err
}

func (b *body) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}

// stream is the body of an upgraded connection, which is written to, too.
type stream struct {
	body
	io.Writer
}

func withCancel(b io.ReadCloser, cancel context.CancelFunc) io.ReadCloser {
	if writer, ok := b.(io.Writer); ok {
		return &stream{body{b, cancel}, writer}
	}
	return &body{b, cancel}
}
