//go:build system

package client_test

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/attest/tpm/swtpm"
	"github.com/muster-log/muster/client"
	"github.com/muster-log/muster/node/nodetest"
	"github.com/muster-log/muster/verify"
)

// secretBody is a request's body that can be read once.
type secretBody struct {
	io.Reader
	read, closed atomic.Int32
}

func newSecret() *secretBody { return &secretBody{Reader: strings.NewReader("a secret")} }

func (b *secretBody) Read(p []byte) (int, error) {
	b.read.Add(1)
	return b.Reader.Read(p)
}

func (b *secretBody) Close() error {
	b.closed.Add(1)
	return nil
}

// post sends a request with something secret in its path, query, header and body.
func post(t testing.TB, c *http.Client, address string) (*http.Response, *secretBody, error) {
	t.Helper()
	body := newSecret()
	request, err := http.NewRequest(http.MethodPost, "https://"+address+"/v1/complete?query=1", body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer token")
	response, err := c.Do(request)
	return response, body, err
}

// wantRefused: the request failed with those words, and its body was not touched but
// closed.
func wantRefused(t testing.TB, c *http.Client, address, want string) {
	t.Helper()
	response, body, err := post(t, c, address)
	if err == nil {
		response.Body.Close()
	}
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
	if body.read.Load() != 0 || body.closed.Load() != 1 {
		t.Errorf("the body was read %d times and closed %d times", body.read.Load(), body.closed.Load())
	}
}

func wantServed(t testing.TB, c *http.Client, address string) {
	t.Helper()
	response, body, err := post(t, c, address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Error(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK || body.read.Load() == 0 {
		t.Errorf("got %s, the body read %d times", response.Status, body.read.Load())
	}
}

// closing has no connection used twice.
type closing struct{ http.RoundTripper }

func (c closing) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Close = true
	return c.RoundTripper.RoundTrip(r)
}

// world is a release, a machine that booted it, and a client's clock.
type world struct {
	authority *swtpm.Authority
	release   *nodetest.Release
	machine   *nodetest.Machine
	roots     *x509.CertPool
	ahead     atomic.Int64 // of the release's time
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{authority: authority(t), roots: x509.NewCertPool()}
	w.release = nodetest.Recorded(t, w.authority)
	w.machine = nodetest.Boot(t, w.authority, w.release, swtpm.Boot{Image: w.release.Image})
	return w
}

func (w *world) now() time.Time { return w.release.Time.Add(time.Duration(w.ahead.Load())) }

func (w *world) transport(t testing.TB, with ...client.Option) *client.Transport {
	t.Helper()
	transport, err := client.NewTransport(w.release.Trust, append([]client.Option{client.WithRootCAs(w.roots), client.WithClock(w.now)}, with...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

func (w *world) client(t testing.TB, with ...client.Option) *http.Client {
	return &http.Client{Transport: w.transport(t, with...)}
}

var discard = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })

// TestRelay: a server that has a good node answer for it gets nothing.
func TestRelay(t *testing.T) {
	w := newWorld(t)
	good := w.machine.Serve(t, w.release, nil)
	onward := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: good.Roots}, ForceAttemptHTTP2: true}}
	relay := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		request, err := http.NewRequest(http.MethodPost, "https://"+good.Address+r.URL.Path, strings.NewReader(string(body)))
		if err != nil {
			t.Error(err)
			return
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := onward.Do(request)
		if err != nil {
			t.Error(err)
			return
		}
		defer response.Body.Close()
		rw.Header().Set("Content-Type", response.Header.Get("Content-Type"))
		rw.WriteHeader(response.StatusCode)
		io.Copy(rw, response.Body)
	})
	key := newIdentity(t, w.roots)
	a := act(t, w.roots, func(int) *identity { return key }, relay)
	c := w.client(t)
	wantRefused(t, c, a.address, "evidence-binding")
	a.wantNothing(t)
	_, err := c.Get("https://" + a.address + "/")
	if refused, ok := errors.AsType[*client.RefusedError](err); !ok || refused.Verdict.Result != verify.Fail || refused.Hint() == "" {
		t.Errorf("got %v", err)
	}
}

// TestKeyChanges: a connection with another key than the evidence's gets nothing.
func TestKeyChanges(t *testing.T) {
	w := newWorld(t)
	good, other := newIdentity(t, w.roots), newIdentity(t, w.roots)
	a := act(t, w.roots, func(n int) *identity {
		if n == 0 {
			return good
		}
		return other
	}, evidenceOf(t, w.machine, w.release, good.spki))
	wantRefused(t, w.client(t), a.address, "evidence-binding")
	a.wantNothing(t)
}

// TestKeyChangesEveryTime: a server that answers each asking well, and whose next
// connection has another key, gets nothing, and is not asked for ever.
func TestKeyChangesEveryTime(t *testing.T) {
	w := newWorld(t)
	var keys []*identity
	for range 32 {
		keys = append(keys, newIdentity(t, w.roots))
	}
	var last atomic.Int32
	a := act(t, w.roots, func(n int) *identity { last.Store(int32(n)); return keys[n] }, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		evidenceOf(t, w.machine, w.release, keys[last.Load()].spki).ServeHTTP(rw, r)
	}))
	wantRefused(t, w.client(t), a.address, "another TLS key")
	a.wantNothing(t)
}

// TestNoResumption: a server that offers tickets sees each connection begin anew, and
// its key checked.
func TestNoResumption(t *testing.T) {
	w := newWorld(t)
	good, other := newIdentity(t, w.roots), newIdentity(t, w.roots)
	var evil atomic.Bool
	a := act(t, w.roots, func(int) *identity {
		if evil.Load() {
			return other
		}
		return good
	}, onlyEvidence(evidenceOf(t, w.machine, w.release, good.spki), discard))
	c := &http.Client{Transport: closing{w.transport(t)}}
	for range 3 {
		wantServed(t, c, a.address)
	}
	if got := a.connections(); got != 4 || a.anyResumed() {
		t.Errorf("got %d connections, resumed %v", got, a.anyResumed())
	}
	evil.Store(true)
	wantRefused(t, c, a.address, "evidence-binding")
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, got := range a.got[4:] {
		if strings.Contains(got.String(), "a secret") {
			t.Errorf("got %q", got)
		}
	}
}

// TestDeadlinePooled: a verdict is not used after its deadline on an HTTP/2 connection
// that is open.
func TestDeadlinePooled(t *testing.T) {
	w := newWorld(t)
	var served atomic.Int32
	s := w.machine.Serve(t, w.release, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { served.Add(1); io.Copy(io.Discard, r.Body) }))
	c := newClient(t, w.release, s, client.WithClock(w.now))
	wantServed(t, c, s.Address)
	w.ahead.Store(int64(61 * time.Minute))
	wantRefused(t, c, s.Address, "checkpoint-age")
	if served.Load() != 1 {
		t.Errorf("%d requests served", served.Load())
	}
}

// TestDeadlineUnderWay: a request ends with the verdict, with an error of its own, and
// is made once.
func TestDeadlineUnderWay(t *testing.T) {
	w := newWorld(t)
	for name, begin := range map[string]bool{"before the answer": false, "inside the answer": true} {
		var served atomic.Int32
		s := w.machine.Serve(t, w.release, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			served.Add(1)
			if begin {
				io.WriteString(rw, "begun")
				http.NewResponseController(rw).Flush()
			}
			<-r.Context().Done()
		}))
		w.ahead.Store(0)
		attestation, err := newTransport(t, w, s).Attest(t.Context(), &url.URL{Scheme: "https", Host: s.Address})
		if err != nil {
			t.Fatal(err)
		}
		w.ahead.Store(int64(attestation.Verdict.Deadline.Sub(w.release.Time) - time.Second))
		response, err := (&http.Client{Transport: newTransport(t, w, s)}).Post("https://"+s.Address+"/", "text/plain", newSecret())
		if begin {
			if err != nil {
				t.Fatal(err)
			}
			_, err = io.ReadAll(response.Body)
			response.Body.Close()
		}
		if _, ok := errors.AsType[*client.DeadlineError](err); !ok || served.Load() != 1 {
			t.Errorf("%s: got %v, %d requests served", name, err, served.Load())
		}
	}
}

func newTransport(t testing.TB, w *world, s *nodetest.Served, with ...client.Option) *client.Transport {
	t.Helper()
	return w.transport(t, append(with, client.WithRootCAs(s.Roots))...)
}

// TestDeadlineStays: evidence that is asked for again does not move the deadline of
// the same bundle.
func TestDeadlineStays(t *testing.T) {
	w := newWorld(t)
	s := w.machine.Serve(t, w.release, nil)
	transport := newTransport(t, w, s)
	var deadlines []time.Time
	for _, ahead := range []time.Duration{0, 5 * time.Minute, 20 * time.Minute} {
		w.ahead.Store(int64(ahead))
		attestation, err := transport.Attest(t.Context(), &url.URL{Scheme: "https", Host: s.Address})
		if err != nil || attestation.Verdict.Result != verify.Pass {
			t.Fatalf("got %v", err)
		}
		deadlines = append(deadlines, attestation.Verdict.Deadline)
	}
	if !deadlines[0].Equal(deadlines[1]) || !deadlines[0].Equal(deadlines[2]) || deadlines[0].IsZero() {
		t.Errorf("got deadlines %s", deadlines)
	}
}

// TestRedirects: a node sends nobody elsewhere, with the Transport alone neither.
func TestRedirects(t *testing.T) {
	w := newWorld(t)
	other := newIdentity(t, w.roots)
	elsewhere := act(t, w.roots, func(int) *identity { return other }, discard)
	var to atomic.Pointer[string]
	s := w.machine.Serve(t, w.release, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/here" {
			echo(rw, r)
			return
		}
		http.Redirect(rw, r, *to.Load(), http.StatusTemporaryRedirect)
	}))
	made, err := client.New(w.release.Trust, client.WithRootCAs(s.Roots), client.WithClock(w.now))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*http.Client{"New": made, "a Transport": {Transport: newTransport(t, w, s)}} {
		for _, target := range []string{"https://" + elsewhere.address + "/", "http://" + s.Address + "/", "https://localhost/"} {
			to.Store(&target)
			if response, err := c.Post("https://"+s.Address+"/", "text/plain", strings.NewReader("a secret")); err == nil || !strings.Contains(err.Error(), "another origin") {
				t.Errorf("%s: to %s: got %v, %v", name, target, response, err)
			}
		}
		target := "/here"
		to.Store(&target)
		response, err := c.Post("https://"+s.Address+"/", "text/plain", strings.NewReader("a secret"))
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if !strings.HasSuffix(string(text), "a secret") {
			t.Errorf("%s: on the same origin: got %q", name, text)
		}
	}
	if elsewhere.connections() != 0 {
		t.Errorf("%d connections elsewhere", elsewhere.connections())
	}
}

// TestProxy: through a proxy that was asked for, a node is judged as without one, and
// a proxy that leads elsewhere, or ends TLS, gets nothing.
func TestProxy(t *testing.T) {
	w := newWorld(t)
	good := w.machine.Serve(t, w.release, discard)
	key := newIdentity(t, good.Roots)
	evil := act(t, good.Roots, func(int) *identity { return key }, discard)
	var tunnels atomic.Int32
	var lies atomic.Bool
	proxy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			t.Errorf("the proxy got %s %s", r.Method, r.URL)
			return
		}
		to := good.Address
		if tunnels.Add(1) > 1 && lies.Load() {
			to = evil.address // after the evidence
		}
		tunnel(t, rw, to)
	}))
	t.Cleanup(proxy.Close)
	at, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	wantServed(t, &http.Client{Transport: newTransport(t, w, good, client.WithProxy(at))}, good.Address)
	tunnels.Store(0)
	lies.Store(true)
	wantRefused(t, &http.Client{Transport: newTransport(t, w, good, client.WithProxy(at))}, good.Address, "content of type")
	if evil.connections() < 2 {
		t.Errorf("the proxy led elsewhere %d times, want once for the request and once for evidence", evil.connections())
	}
	evil.wantNothing(t)
}

func tunnel(t testing.TB, rw http.ResponseWriter, address string) {
	onward, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return
	}
	conn, _, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
	go func() { io.Copy(onward, conn); onward.Close() }()
	go func() { io.Copy(conn, onward); conn.Close() }()
}

// TestNoAmbientProxy: what the environment says does not matter.
func TestNoAmbientProxy(t *testing.T) {
	w := newWorld(t)
	var asked atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(proxy.Close)
	t.Setenv("HTTPS_PROXY", proxy.URL)
	t.Setenv("https_proxy", proxy.URL)
	wantRefused(t, w.client(t), "node.invalid", "node.invalid")
	if asked.Load() != 0 {
		t.Error("the proxy was asked")
	}
}

// TestReboot: a reboot is another node, and a request whose body can be read once
// reaches it.
func TestReboot(t *testing.T) {
	w := newWorld(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	first := w.machine.ServeAt(t, w.release, discard, listener)
	c := &http.Client{Transport: closing{newTransport(t, w, first)}}
	wantServed(t, c, first.Address)
	first.Stop()
	again := nodetest.Boot(t, w.authority, w.release, swtpm.Boot{Image: w.release.Image})
	if listener, err = net.Listen("tcp", first.Address); err != nil {
		t.Fatal(err)
	}
	second := again.ServeAt(t, w.release, discard, listener)
	certificate, err := tls.Dial("tcp", second.Address, &tls.Config{RootCAs: second.Roots})
	if err != nil {
		t.Fatal(err)
	}
	first.Roots.AddCert(certificate.ConnectionState().PeerCertificates[0])
	certificate.Close()
	wantServed(t, c, second.Address)
}

// TestTwoNodes: behind a balancer that takes turns both nodes are judged, and no
// request fails.
func TestTwoNodes(t *testing.T) {
	w := newWorld(t)
	second := nodetest.Boot(t, w.authority, w.release, swtpm.Boot{Image: w.release.Image})
	keys := []*identity{newIdentity(t, w.roots), newIdentity(t, w.roots)}
	var asked [2]atomic.Int32
	var servers []*actor
	for i, m := range []*nodetest.Machine{w.machine, second} {
		evidence := evidenceOf(t, m, w.release, keys[i].spki)
		servers = append(servers, act(t, w.roots, func(int) *identity { return keys[i] }, onlyEvidence(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			asked[i].Add(1)
			evidence.ServeHTTP(rw, r)
		}), discard)))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for turn := 0; ; turn++ {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			onward, err := net.Dial("tcp", servers[turn%2].address)
			if err != nil {
				conn.Close()
				continue
			}
			go func() { io.Copy(onward, conn); onward.Close() }()
			go func() { io.Copy(conn, onward); conn.Close() }()
		}
	}()
	c := &http.Client{Transport: closing{w.transport(t)}}
	for range 6 {
		wantServed(t, c, listener.Addr().String())
	}
	for i := range asked {
		// Evidence, activate, and evidence with the credential.
		if got := asked[i].Load(); got == 0 || got > 3 {
			t.Errorf("node %d was asked %d times", i, got)
		}
	}
}

// TestAnswers: what is no answer of a node ends the asking, bounded, and nothing is sent.
func TestAnswers(t *testing.T) {
	w := newWorld(t)
	key := newIdentity(t, w.roots)
	good := evidenceOf(t, w.machine, w.release, key.spki)
	for name, test := range map[string]struct {
		handler func(http.ResponseWriter, *http.Request)
		want    string
	}{
		"none, ever": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "deadline exceeded"},
		"endless": {func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Type", "application/json")
			for chunk := make([]byte, 1<<20); r.Context().Err() == nil; {
				if _, err := rw.Write(chunk); err != nil {
					return
				}
			}
		}, "more than"},
		"a header without end": {func(rw http.ResponseWriter, _ *http.Request) { rw.Header().Set("X", strings.Repeat("x", 1<<20)) }, "headers exceeded"},
		"compressed": {func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Encoding", "gzip")
			rw.Header().Set("Content-Type", "application/json")
			z := gzip.NewWriter(rw)
			defer z.Close()
			io.WriteString(z, "{}")
		}, `encoding "gzip"`},
		"of another type": {func(rw http.ResponseWriter, r *http.Request) { io.WriteString(rw, "{}") }, "content of type"},
		"a redirect": {func(rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, "307"},
		"not found": {http.NotFound, "404"},
		"busy for ever": {func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Retry-After", "0")
			rw.WriteHeader(http.StatusTooManyRequests)
		}, "429"},
		"no JSON": {func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Type", "application/json")
			io.WriteString(rw, "<html>")
		}, "canonical JSON"},
		"of another nonce": {func(rw http.ResponseWriter, r *http.Request) {
			message, err := (&attest.Request{Profile: attest.ProfileTPM2UKI}).Marshal()
			if err != nil {
				t.Error(err)
			}
			r.Body = io.NopCloser(strings.NewReader(string(message)))
			good.ServeHTTP(rw, r)
		}, "evidence-binding"},
	} {
		t.Run(name, func(t *testing.T) {
			a := act(t, w.roots, func(int) *identity { return key }, http.HandlerFunc(test.handler))
			with := client.WithTimeout(time.Minute)
			if name == "none, ever" {
				with = client.WithTimeout(100 * time.Millisecond)
			}
			wantRefused(t, w.client(t, with), a.address, test.want)
			a.wantNothing(t)
		})
	}
}

// TestBusy: a node that says when to ask again is asked again then.
func TestBusy(t *testing.T) {
	w := newWorld(t)
	key := newIdentity(t, w.roots)
	good := evidenceOf(t, w.machine, w.release, key.spki)
	var asked atomic.Int32
	a := act(t, w.roots, func(int) *identity { return key }, onlyEvidence(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if asked.Add(1) <= 2 {
			rw.Header().Set("Retry-After", "0")
			rw.WriteHeader(http.StatusTooManyRequests)
			return
		}
		good.ServeHTTP(rw, r)
	}), discard))
	wantServed(t, w.client(t), a.address)
}

// TestTLS: names are checked, and nothing older than TLS 1.3 is spoken.
func TestTLS(t *testing.T) {
	w := newWorld(t)
	key := newIdentity(t, w.roots)
	a := act(t, x509.NewCertPool(), func(int) *identity { return newIdentity(t, x509.NewCertPool()) }, discard)
	wantRefused(t, w.client(t), a.address, "unknown authority")
	a.wantNothing(t)
	named := act(t, w.roots, func(int) *identity { return key }, discard)
	wantRefused(t, w.client(t), strings.Replace(named.address, "127.0.0.1", "localhost", 1), "certificate")
	named.wantNothing(t)
	old := httptest.NewUnstartedServer(discard)
	old.TLS = &tls.Config{Certificates: []tls.Certificate{key.certificate}, MaxVersion: tls.VersionTLS12}
	old.Config.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(io.Discard, nil), slog.LevelError)
	old.StartTLS()
	t.Cleanup(old.Close)
	wantRefused(t, w.client(t), old.Listener.Addr().String(), "protocol version")
}

// TestNotAsked: what is no request to a node is refused before anybody is asked.
func TestNotAsked(t *testing.T) {
	w := newWorld(t)
	for name, request := range map[string]*http.Request{
		"http":    httptest.NewRequest(http.MethodPost, "http://127.0.0.1:1/", newSecret()),
		"CONNECT": {Method: http.MethodConnect, URL: &url.URL{Scheme: "https", Host: "127.0.0.1:1"}, Body: newSecret()},
		"no host": {Method: http.MethodGet, URL: &url.URL{Scheme: "https"}, Body: newSecret()},
	} {
		body := request.Body.(*secretBody)
		if _, err := w.transport(t).RoundTrip(request); err == nil || !strings.HasPrefix(err.Error(), "client: ") {
			t.Errorf("%s: got %v", name, err)
		}
		if body.closed.Load() != 1 || body.read.Load() != 0 {
			t.Errorf("%s: the body was read %d times and closed %d times", name, body.read.Load(), body.closed.Load())
		}
	}
	if _, err := client.NewTransport(nil); err == nil {
		t.Error("there is a transport without trust")
	}
}

// TestAskedOnce: many requests at once have a node asked once, and one that goes away
// does not stop it for the others.
func TestAskedOnce(t *testing.T) {
	w := newWorld(t)
	key := newIdentity(t, w.roots)
	good := evidenceOf(t, w.machine, w.release, key.spki)
	var asked atomic.Int32
	waiting, gone := make(chan struct{}), make(chan struct{})
	a := act(t, w.roots, func(int) *identity { return key }, onlyEvidence(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			close(waiting)
			<-gone
		}
		good.ServeHTTP(rw, r)
	}), discard))
	c := w.client(t)
	ctx, cancel := context.WithCancel(t.Context())
	results := make(chan error, 9)
	get := func(ctx context.Context) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+a.address+"/", nil)
		if err != nil {
			results <- err
			return
		}
		response, err := c.Do(request)
		if err == nil {
			response.Body.Close()
		}
		results <- err
	}
	go get(ctx)
	<-waiting
	for range 8 {
		go get(t.Context())
	}
	cancel()
	if err := <-results; !errors.Is(err, context.Canceled) {
		t.Errorf("who went away got %v", err)
	}
	close(gone)
	for range 8 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if asked.Load() != 3 { // evidence, activate, and evidence with the credential
		t.Errorf("asked %d times", asked.Load())
	}
}
