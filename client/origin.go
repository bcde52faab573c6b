package client

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/muster-log/muster/attest"
)

// passed is one boot of one machine that passed, by its TLS key.
type passed struct {
	spki    attest.Digest
	machine attest.Machine
	// deadline is by the wall clock, until the same time by the clock that nobody sets:
	// whichever comes first.
	deadline, until time.Time
}

// newPassed is what a passing verdict allows. Two asks with the same bundle have the
// same deadline.
func newPassed(a *Attestation) passed {
	deadline := a.Verdict.Deadline
	if limit := a.Time.Add(maxUse); deadline.IsZero() || limit.Before(deadline) {
		deadline = limit
	}
	return passed{spki: a.SPKI, machine: a.Verdict.Machine, deadline: deadline.Round(0), until: a.Time.Add(deadline.Sub(a.Time))}
}

func (p passed) remaining(now time.Time) time.Duration {
	return min(p.deadline.Sub(now.Round(0)), p.until.Sub(now))
}

// sameMachine reports another boot, or another server, of the same machine: one that
// answers no more.
func (p passed) sameMachine(other passed) bool {
	return p.spki == other.spki || len(p.machine.AKName) > 0 && string(p.machine.AKName) == string(other.machine.AKName) ||
		p.machine.EKCertificate != (attest.Digest{}) && p.machine.EKCertificate == other.machine.EKCertificate
}

// origin is all nodes of an address whose verdicts hold, and a transport that connects
// to none but them. It never changes: where a node comes or goes, another origin takes
// its place, with connections of its own.
type origin struct {
	address  string
	nodes    []passed
	clock    func() time.Time
	requests *http.Transport
	// ctx ends at the first deadline, by the clock that nobody sets.
	ctx  context.Context
	stop func() bool
}

func (t *Transport) newOrigin(address string, nodes []passed) *origin {
	o := &origin{address: address, nodes: nodes, clock: t.options.clock}
	// The one place that sees every connection before a byte of a request: it runs
	// behind proxies, under HTTP/2, and would on resumed sessions too.
	config := t.tlsConfig()
	config.VerifyConnection = o.verifyConnection
	o.requests = &http.Transport{
		Proxy:               t.options.proxy, // never the environment's
		DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSClientConfig:     config,
		ForceAttemptHTTP2:   true,
		TLSHandshakeTimeout: t.options.timeout,
		IdleConnTimeout:     idleTimeout,
	}
	// It is not cancelled: what is under way when another origin takes this one's place
	// goes on, until then at the latest.
	ctx, cancel := context.WithTimeoutCause(context.Background(), o.remaining(o.clock()), errEnded)
	o.ctx = ctx
	o.stop = context.AfterFunc(ctx, func() {
		o.requests.CloseIdleConnections()
		cancel()
	})
	return o
}

func (o *origin) verifyConnection(state tls.ConnectionState) error {
	if state.Version < tls.VersionTLS13 || state.DidResume || !o.has(state) {
		return &errOtherKey{o.address}
	}
	if !o.live() {
		return errDeadline
	}
	return nil
}

// has reports a connection with a node of o, nil having none.
func (o *origin) has(state tls.ConnectionState) bool {
	if o == nil || len(state.PeerCertificates) == 0 {
		return false
	}
	spki := attest.Digest(sha256.Sum256(state.PeerCertificates[0].RawSubjectPublicKeyInfo))
	return slices.ContainsFunc(o.nodes, func(p passed) bool { return p.spki == spki })
}

// remaining is how long the first verdict that ends still holds: which node a request
// will reach is not known before it does.
func (o *origin) remaining(now time.Time) time.Duration {
	remaining := o.nodes[0].remaining(now)
	for _, p := range o.nodes[1:] {
		remaining = min(remaining, p.remaining(now))
	}
	return remaining
}

func (o *origin) live() bool { return o.remaining(o.clock()) > 0 }

// retire ends what is idle. Requests under way end by themselves, or with their
// deadline.
func (o *origin) retire() {
	o.stop()
	o.requests.CloseIdleConnections()
}

// roundTrip makes a request that ends with the deadline at the latest. errDeadline and
// *errOtherKey mean that nothing was sent.
func (o *origin) roundTrip(request *http.Request, body *requestBody) (*http.Response, error) {
	now := o.clock()
	remaining := o.remaining(now)
	if remaining <= 0 {
		return nil, errDeadline
	}
	ctx, cancel := o.until(request.Context(), now, remaining)
	limited := request.WithContext(ctx)
	if body != nil {
		limited.Body = body
	}
	response, err := o.requests.RoundTrip(limited)
	if err != nil {
		// The context's own error hides whose deadline it was.
		if errors.Is(err, context.DeadlineExceeded) && request.Context().Err() == nil && context.Cause(ctx) == errEnded {
			err = errEnded
		}
		o.end(cancel)
		return nil, err
	}
	response.Body = o.answer(response.Body, ctx, cancel)
	return response, nil
}

// end is that of a request: after the deadline its connection is idle, and closed.
func (o *origin) end(cancel context.CancelFunc) {
	if cancel != nil {
		cancel()
	}
	if o.ctx.Err() != nil {
		o.requests.CloseIdleConnections()
	}
}

// until returns a request's context that ends when the verdict does, and what ends it
// before, nil if that is not needed.
func (o *origin) until(ctx context.Context, now time.Time, remaining time.Duration) (context.Context, context.CancelFunc) {
	if ctx.Done() == nil {
		// Most requests share one timer. Where the wall clock was set forward it is late.
		if common, _ := o.ctx.Deadline(); common.Sub(now) < remaining+time.Second {
			if ctx == context.Background() {
				return o.ctx, nil
			}
			return &valuesOf{o.ctx, ctx}, nil
		}
	} else if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < remaining {
		return ctx, nil // it ends before
	}
	return context.WithTimeoutCause(ctx, remaining, errEnded)
}

// valuesOf is a context with the values of one that never ends.
type valuesOf struct {
	context.Context
	values context.Context
}

func (c *valuesOf) Value(key any) any {
	if value := c.values.Value(key); value != nil {
		return value
	}
	return c.Context.Value(key)
}

// body is an answer's: its end is the request's.
type body struct {
	io.ReadCloser
	origin *origin
	ctx    context.Context
	cancel context.CancelFunc // nil: the context ends by itself
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		if err != io.EOF && context.Cause(b.ctx) == errEnded {
			err = errEnded
		}
		b.origin.end(b.cancel)
	}
	return n, err
}

func (b *body) Close() error {
	defer b.origin.end(b.cancel)
	return b.ReadCloser.Close()
}

// stream is the body of an upgraded connection, which is written to, too.
type stream struct {
	body
	writer io.Writer
}

func (s *stream) Write(p []byte) (int, error) {
	if err := context.Cause(s.ctx); err != nil {
		return 0, err
	}
	return s.writer.Write(p)
}

// answer is the body of an answer, tied to its request's context.
func (o *origin) answer(b io.ReadCloser, ctx context.Context, cancel context.CancelFunc) io.ReadCloser {
	if writer, ok := b.(io.Writer); ok {
		// Nothing ends such a connection at the deadline but this.
		stop := context.AfterFunc(ctx, func() { b.Close() })
		return &stream{body{b, o, ctx, func() {
			stop()
			if cancel != nil {
				cancel()
			}
		}}, writer}
	}
	return &body{b, o, ctx, cancel}
}
