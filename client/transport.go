package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/attest/tpm"
	"github.com/muster-log/muster/verify"
)

const (
	// maxUse bounds how long one evidence is relied on where no deadline comes first.
	maxUse = time.Hour
	// maxNodes bounds how many nodes behind one name are known at once.
	maxNodes = 16
	// maxTries is how often a connection may turn out to be another node's behind the
	// same name, before the request fails.
	maxTries = 4
	// maxActivations bounds how many machines' keys are known.
	maxActivations = 4096
)

// Transport is an http.RoundTripper that sends requests to nodes that pass, and to no
// others. It may be used by several goroutines.
type Transport struct {
	trust   *verify.Trust
	options options
	flight  singleflight.Group

	mu    sync.Mutex
	nodes map[string][]*node // by host:port, the newest last
	shown map[string]attest.Activation
}

// NewTransport makes a Transport. It sends nothing.
func NewTransport(trust *verify.Trust, with ...Option) (*Transport, error) {
	if trust == nil {
		return nil, errors.New("client: want trust: verify.ParseTrust reads it")
	}
	t := &Transport{trust: trust, options: options{timeout: defaultTimeout, clock: time.Now}, nodes: map[string][]*node{}, shown: map[string]attest.Activation{}}
	for _, option := range with {
		if err := option(&t.options); err != nil {
			return nil, fmt.Errorf("client: %w", err)
		}
	}
	return t, nil
}

// New makes an http.Client with a Transport that follows no redirect to another
// origin, and has no cookies.
func New(trust *verify.Trust, with ...Option) (*http.Client, error) {
	t, err := NewTransport(trust, with...)
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: t, CheckRedirect: checkRedirect}, nil
}

func checkRedirect(next *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return errors.New("stopped after 10 redirects")
	}
	return sameOrigin(via[0].URL, next.URL)
}

func sameOrigin(from, to *url.URL) error {
	if from.Scheme != to.Scheme || addressOf(from) != addressOf(to) {
		return &errRedirect{from.Redacted(), to.Redacted()}
	}
	return nil
}

// addressOf is host:port of an https URL.
func addressOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "443"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// RoundTrip makes a request once its node has passed. Its errors are *RefusedError
// for a node that did not, and those of the network; where they say so, nothing was
// sent. A request that an http.Client makes of a redirect from another origin is
// refused here, too.
func (t *Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.roundTrip(request)
	if err != nil && request.Body != nil {
		request.Body.Close()
	}
	return response, err
}

func (t *Transport) roundTrip(request *http.Request) (*http.Response, error) {
	if request.URL == nil || request.URL.Scheme != "https" || request.URL.Hostname() == "" {
		return nil, errors.New("client: want an https URL with a host: only TLS shows which node it is")
	}
	if request.Method == http.MethodConnect {
		return nil, errors.New("client: CONNECT makes a proxy of a node")
	}
	if came := request.Response; came != nil && came.Request != nil && came.Request.URL != nil {
		if err := sameOrigin(came.Request.URL, request.URL); err != nil {
			return nil, err
		}
	}
	address := addressOf(request.URL)
	for range maxTries {
		n, err := t.node(request.Context(), address)
		if err != nil {
			return nil, err
		}
		// The body outlives a handshake that failed: nothing of it was read.
		attempt := request.Clone(request.Context())
		if request.Body != nil && request.Body != http.NoBody {
			attempt.Body = unclosed{request.Body}
		}
		response, err := n.roundTrip(attempt)
		if _, other := errors.AsType[*errOtherKey](err); other || errors.Is(err, errDeadline) && request.Context().Err() == nil && !n.live() {
			t.forget(n)
			continue
		}
		if response != nil {
			response.Request = request
			if request.Body != nil {
				response.Body = &closesBoth{response.Body, request.Body}
			}
		}
		return response, err
	}
	return nil, fmt.Errorf("node %s: every connection has another TLS key than the evidence before it: nothing was sent: is there a proxy that ends TLS, or a balancer without affinity?", address)
}

// unclosed is a request's body that an attempt may not close.
type unclosed struct{ io.Reader }

func (unclosed) Close() error { return nil }

// closesBoth closes the request's body with the response's.
type closesBoth struct {
	io.ReadCloser
	request io.Closer
}

func (c *closesBoth) Close() error {
	err := c.ReadCloser.Close()
	c.request.Close()
	return err
}

// node returns a node at an address that has passed, and asks it if there is none.
func (t *Transport) node(ctx context.Context, address string) (*node, error) {
	if n := t.known(address); n != nil {
		return n, nil
	}
	// All who wait for the same node have it asked once; whoever goes away does not
	// stop it for the others.
	result := t.flight.DoChan(address, func() (any, error) {
		if n := t.known(address); n != nil {
			return n, nil
		}
		attestation, err := t.ask(context.WithoutCancel(ctx), address)
		if err != nil {
			return nil, err
		}
		if attestation.Verdict.Result != verify.Pass {
			return nil, &RefusedError{address, attestation.Verdict}
		}
		return t.learn(attestation), nil
	})
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case r := <-result:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*node), nil
	}
}

func (t *Transport) known(address string) *node {
	t.mu.Lock()
	defer t.mu.Unlock()
	live := slices.DeleteFunc(t.nodes[address], func(n *node) bool { return !n.live() })
	t.nodes[address] = live
	if len(live) == 0 {
		delete(t.nodes, address)
		return nil
	}
	return live[len(live)-1]
}

func (t *Transport) learn(a *Attestation) *node {
	n := t.newNode(a)
	t.mu.Lock()
	defer t.mu.Unlock()
	known := append(t.nodes[a.Address], n)
	for len(known) > maxNodes {
		known[0].close()
		known = known[1:]
	}
	t.nodes[a.Address] = known
	return n
}

// forget drops a node whose key was not found at its address.
func (t *Transport) forget(n *node) {
	n.close()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.nodes[n.address] = slices.DeleteFunc(t.nodes[n.address], func(other *node) bool { return other == n })
}

// CloseIdleConnections closes what no request uses. Verdicts stay.
func (t *Transport) CloseIdleConnections() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, nodes := range t.nodes {
		for _, n := range nodes {
			n.requests.CloseIdleConnections()
		}
	}
}

// Attest asks the node at the host of a URL for evidence and judges it, whatever was
// known before, and sends nothing else. A node that does not pass is no error.
func (t *Transport) Attest(ctx context.Context, at *url.URL) (*Attestation, error) {
	if at.Scheme != "https" || at.Hostname() == "" {
		return nil, errors.New("client: want an https URL with a host: only TLS shows which node it is")
	}
	return t.ask(ctx, addressOf(at))
}

// activated keeps what a credential has shown, in memory alone.
func (t *Transport) activated(a attest.Activation) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.shown) >= maxActivations {
		clear(t.shown)
	}
	t.shown[string(a.AKName)+string(a.EKCertificate[:])] = a
}

// activations are those known of an answer's keys: one or none.
func (t *Transport) activations(answer *attest.Answer) []attest.Activation {
	name, err := tpm.AKName(answer.Evidence[tpm.PartAKPublic])
	if err != nil || len(answer.Certificates) == 0 {
		return nil
	}
	certificate := attest.DigestOf(answer.Certificates[0])
	t.mu.Lock()
	defer t.mu.Unlock()
	if a, ok := t.shown[string(name)+string(certificate[:])]; ok {
		return []attest.Activation{a}
	}
	return nil
}
