package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
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
	// maxTries is how often a request's connection may turn out to be with a node that
	// has not been judged, which has one of that name judged, before the request fails.
	maxTries = 6
	// maxActivations bounds how many machines' keys are known.
	maxActivations = 4096
	// dialTimeout and idleTimeout are those of http.DefaultTransport.
	dialTimeout = 30 * time.Second
	idleTimeout = 90 * time.Second
)

// Transport is an http.RoundTripper that sends requests to nodes that pass, and to no
// others. It may be used by several goroutines.
type Transport struct {
	trust   *verify.Trust
	options options
	flight  singleflight.Group

	mu      sync.Mutex
	origins map[string]*origin // by host:port
	shown   map[string]attest.Activation
}

// NewTransport makes a Transport. It sends nothing.
func NewTransport(trust *verify.Trust, with ...Option) (*Transport, error) {
	if trust == nil {
		return nil, errors.New("client: want trust: verify.ParseTrust reads it")
	}
	t := &Transport{trust: trust, options: options{timeout: defaultTimeout, clock: time.Now}, origins: map[string]*origin{}, shown: map[string]attest.Activation{}}
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
	if u.Port() != "" {
		return strings.ToLower(u.Host)
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), "443")
}

// RoundTrip makes a request once its node has passed. Its errors are *RefusedError
// for a node that did not, *DeadlineError, and those of the network; where they say
// so, nothing was sent. A request that an http.Client makes of a redirect from another
// origin is refused here, too.
func (t *Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	var body *requestBody
	if request.Body != nil && request.Body != http.NoBody {
		body = &requestBody{body: request.Body}
	}
	response, err := t.roundTrip(request, body)
	body.settle(err != nil)
	if err != nil {
		return nil, err
	}
	response.Request = request
	return response, nil
}

func (t *Transport) roundTrip(request *http.Request, body *requestBody) (*http.Response, error) {
	if came := request.Response; came != nil && came.Request != nil && came.Request.URL != nil && request.URL != nil {
		if err := sameOrigin(came.Request.URL, request.URL); err != nil {
			return nil, err
		}
	}
	if request.URL == nil || request.URL.Scheme != "https" || request.URL.Hostname() == "" {
		return nil, errors.New("client: want an https URL with a host: only TLS shows which node it is")
	}
	if request.Method == http.MethodConnect {
		return nil, errors.New("client: CONNECT makes a proxy of a node")
	}
	address := addressOf(request.URL)
	var stale *origin
	var last error
	for range maxTries {
		o, err := t.origin(request.Context(), address, stale)
		if err != nil {
			return nil, err
		}
		response, err := o.roundTrip(request, body)
		if _, other := errors.AsType[*errOtherKey](err); !other && !errors.Is(err, errDeadline) {
			return response, err
		}
		if !body.again() {
			return nil, err
		}
		stale, last = o, err
	}
	return nil, last
}

// origin returns the nodes at an address that have passed, and has one asked if there
// are none, or none but stale, at which a connection ended with another node.
func (t *Transport) origin(ctx context.Context, address string, stale *origin) (*origin, error) {
	if o := t.known(address, stale); o != nil {
		return o, nil
	}
	// All who wait for the same node have it asked once; whoever goes away does not
	// stop it for the others.
	result := t.flight.DoChan(address, func() (any, error) {
		if o := t.known(address, stale); o != nil {
			return o, nil
		}
		attestation, err := t.ask(context.WithoutCancel(ctx), address, stale)
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
		return r.Val.(*origin), nil
	}
}

// known returns what is known of an address, if it is not stale. Whether it holds is
// asked where it is used.
func (t *Transport) known(address string, stale *origin) *origin {
	t.mu.Lock()
	defer t.mu.Unlock()
	if o := t.origins[address]; o != nil && o != stale {
		return o
	}
	return nil
}

// learn adds a node to those of its address that hold. One machine is there once: a
// reboot is another node, in the place of the one before.
func (t *Transport) learn(a *Attestation) *origin {
	t.mu.Lock()
	defer t.mu.Unlock()
	now, added := t.options.clock(), newPassed(a)
	var nodes []passed
	before := t.origins[a.Address]
	if before != nil {
		nodes = slices.DeleteFunc(slices.Clone(before.nodes), func(p passed) bool { return p.remaining(now) <= 0 || added.sameMachine(p) })
		nodes = nodes[max(0, len(nodes)+1-maxNodes):]
		before.retire()
	}
	o := t.newOrigin(a.Address, append(nodes, added))
	t.origins[a.Address] = o
	return o
}

// CloseIdleConnections closes what no request uses. Verdicts stay.
func (t *Transport) CloseIdleConnections() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, o := range t.origins {
		o.requests.CloseIdleConnections()
	}
}

// Attest asks the node at the host of a URL for evidence and judges it, whatever was
// known before, and sends nothing else. A node that does not pass is no error.
func (t *Transport) Attest(ctx context.Context, at *url.URL) (*Attestation, error) {
	if at.Scheme != "https" || at.Hostname() == "" {
		return nil, errors.New("client: want an https URL with a host: only TLS shows which node it is")
	}
	return t.ask(ctx, addressOf(at), nil)
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
