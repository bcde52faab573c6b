//go:build system

package proxy_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-log/muster/attest/tpm/swtpm"
	"github.com/muster-log/muster/client"
	"github.com/muster-log/muster/client/proxy"
	"github.com/muster-log/muster/node/nodetest"
)

var quiet = slog.New(slog.DiscardHandler)

// behind is a proxy before a node that booted so.
type behind struct {
	node, address string
	http          *http.Client
}

func newProxy(t *testing.T, change func(*swtpm.Boot), listen string, backend http.Handler) *behind {
	t.Helper()
	authority, err := swtpm.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	r := nodetest.Recorded(t, authority)
	boot := swtpm.Boot{Image: r.Image}
	if change != nil {
		change(&boot)
	}
	s := nodetest.Boot(t, authority, r, boot).Serve(t, r, backend)
	transport, err := client.NewTransport(r.Trust, client.WithRootCAs(s.Roots), client.WithClock(func() time.Time { return r.Time }))
	if err != nil {
		t.Fatal(err)
	}
	handler, err := proxy.New(&url.URL{Scheme: "https", Host: s.Address}, transport, quiet)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := proxy.Listen(listen)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- proxy.Serve(ctx, listener, handler, quiet) }()
	b := &behind{node: s.Address, address: listener.Addr().String(), http: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, listener.Addr().Network(), listener.Addr().String())
		}}}}
	t.Cleanup(func() {
		b.http.CloseIdleConnections()
		transport.CloseIdleConnections()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *behind) do(t *testing.T, method, path, body string, header map[string]string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequest(method, "http://127.0.0.1"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		if request.Header.Set(name, value); name == "Host" {
			request.Host = value
		}
	}
	response, err := b.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(text)
}

// TestProxy: requests reach a node that passes, as the node's own.
func TestProxy(t *testing.T) {
	for _, listen := range []string{"127.0.0.1:0", "unix:" + filepath.Join(t.TempDir(), "proxy.sock")} {
		b := newProxy(t, nil, listen, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %s %s %q %q", r.Method, r.Host, r.URL, body, r.Header.Get("Origin")+r.Header.Get("Referer")+r.Header.Get("X-Secret"))
		}))
		response, text := b.do(t, http.MethodPost, "/v1/complete?a=1", "a secret", map[string]string{"X-Secret": "token", "Referer": "http://127.0.0.1/inside"})
		if want := "POST " + b.node + ` /v1/complete?a=1 "a secret" "token"`; response.StatusCode != http.StatusOK || text != want {
			t.Errorf("%s: got %s %q, want %q", listen, response.Status, text, want)
		}
		if path, ok := strings.CutPrefix(listen, "unix:"); ok {
			info, err := os.Stat(path)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("the socket has mode %v (%v)", info.Mode(), err)
			}
		}
	}
}

// TestRefused: a node that does not pass gets nothing, and the caller the verdict.
func TestRefused(t *testing.T) {
	var served atomic.Int32
	b := newProxy(t, func(boot *swtpm.Boot) { boot.SecureBootOff = true }, "127.0.0.1:0", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served.Add(1) }))
	response, text := b.do(t, http.MethodPost, "/", "a secret", nil)
	var problem struct {
		Code    string
		Verdict struct {
			Result string
			Checks []struct{ Code, Status string }
		}
	}
	if err := json.Unmarshal([]byte(text), &problem); err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusBadGateway || response.Header.Get("Content-Type") != "application/problem+json" || problem.Code != "node-refused" ||
		problem.Verdict.Result != "fail" || len(problem.Verdict.Checks) == 0 || served.Load() != 0 {
		t.Errorf("got %s %s, %d requests served", response.Status, text, served.Load())
	}
}

// TestPages: what a browser sends for a page of elsewhere is refused.
func TestPages(t *testing.T) {
	var served atomic.Int32
	b := newProxy(t, nil, "127.0.0.1:0", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served.Add(1) }))
	for name, header := range map[string]map[string]string{
		"a name that was bound anew":    {"Host": "evil.example"},
		"a name that ends in localhost": {"Host": "evil.localhost.example"},
		"an address of elsewhere":       {"Host": "192.0.2.1"},
		"an origin of elsewhere":        {"Origin": "https://evil.example"},
		"an origin without a name":      {"Origin": "null"},
		"another port of this machine":  {"Origin": "http://127.0.0.1:1"},
		"an image of another site":      {"Sec-Fetch-Site": "cross-site"},
	} {
		if response, text := b.do(t, http.MethodGet, "/", "", header); response.StatusCode != http.StatusForbidden || !strings.Contains(text, "from-a-web-page") {
			t.Errorf("%s: got %s %s", name, response.Status, text)
		}
	}
	for _, line := range []string{"GET http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1", "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443"} {
		conn, err := net.Dial("tcp", b.address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		io.WriteString(conn, line+"\r\n\r\n")
		answer, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || !strings.Contains(answer, "403") && !strings.Contains(answer, "421") {
			t.Errorf("%q: got %q (%v)", line, answer, err)
		}
	}
	if served.Load() != 0 {
		t.Errorf("%d requests served", served.Load())
	}
	if response, _ := b.do(t, http.MethodGet, "/", "", map[string]string{"Host": "localhost:8080", "Origin": "http://localhost:8080", "Sec-Fetch-Site": "same-origin"}); response.StatusCode != http.StatusOK || served.Load() != 1 {
		t.Errorf("its own page: got %s", response.Status)
	}
}

// TestElsewhere: a node's word leads nobody elsewhere.
func TestElsewhere(t *testing.T) {
	var node atomic.Pointer[string]
	b := newProxy(t, nil, "127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Alt-Svc", `h3=":443"`)
		w.Header().Set("Location", strings.ReplaceAll(r.URL.Query().Get("to"), "NODE", *node.Load()))
		w.WriteHeader(http.StatusTemporaryRedirect)
	}))
	node.Store(&b.node)
	for to, want := range map[string]string{
		"/here?a=1":            "/here?a=1",
		"https://NODE/here":    "/here",
		"https://evil.example": "",
		"//evil.example/":      "",
		"http://NODE/":         "",
		"https://me@NODE/":     "",
	} {
		response, text := b.do(t, http.MethodGet, "/?to="+url.QueryEscape(to), "", nil)
		got := response.Header.Get("Location")
		if got != want || response.Header.Get("Alt-Svc") != "" || want == "" && (response.StatusCode != http.StatusBadGateway || !strings.Contains(text, `"redirect"`)) {
			t.Errorf("to %s: got %s, Location %q: %s", to, response.Status, got, text)
		}
	}
}

// TestStreams: an answer comes as it is written, and an upgraded connection carries
// both ways.
func TestStreams(t *testing.T) {
	next := make(chan struct{})
	b := newProxy(t, nil, "127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			for range 3 {
				io.WriteString(w, "token\n")
				http.NewResponseController(w).Flush()
				<-next
			}
			return
		}
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		line, _ := buffered.ReadString('\n')
		io.WriteString(conn, "got "+line)
	}))
	response, err := b.http.Get("http://127.0.0.1/")
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(response.Body)
	for range 3 {
		if line, err := lines.ReadString('\n'); err != nil || line != "token\n" {
			t.Errorf("got %q (%v)", line, err)
		}
		next <- struct{}{}
	}
	response.Body.Close()

	conn, err := net.Dial("tcp", b.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	reader := bufio.NewReader(conn)
	upgraded, err := http.ReadResponse(reader, nil)
	if err != nil || upgraded.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("got %v (%v)", upgraded, err)
	}
	io.WriteString(conn, "hello\n")
	if line, err := reader.ReadString('\n'); err != nil || line != "got hello\n" {
		t.Errorf("got %q (%v)", line, err)
	}
}

// TestListens: on this machine alone, and for one node.
func TestListens(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:80", "localhost:0", "unix:relative", "", "127.0.0.1"} {
		if listener, err := proxy.Listen(address); err == nil {
			listener.Close()
			t.Errorf("it listens on %q", address)
		}
	}
	for _, node := range []string{"http://node.example", "https://", "https://node.example/path", "https://node.example/?a=1", "https://me@node.example"} {
		at, err := url.Parse(node)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := proxy.New(at, nil, quiet); err == nil {
			t.Errorf("it proxies to %s", node)
		}
	}
}
