package cosign

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestUnreachable makes each failure for real: what the standard library wraps
// is what counts.
func TestUnreachable(t *testing.T) {
	slow := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-slow }))
	t.Cleanup(hangs.Close)
	t.Cleanup(func() { close(slow) })
	breaks := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	t.Cleanup(breaks.Close)
	secret := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secret.Close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + listener.Addr().String()
	listener.Close()
	for _, test := range []struct{ url, want string }{
		{closed, "connection refused"},
		{hangs.URL, "no answer in time"},
		{breaks.URL, "connection broken off"},
		{secret.URL, "its certificate is not trusted"},
		{"http://witness.invalid", "its name is not found"},
	} {
		client := &http.Client{Timeout: 300 * time.Millisecond, Transport: &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if address == "witness.invalid:80" { // what a resolver says of .invalid, RFC 6761
				return nil, &net.DNSError{Err: "no such host", Name: "witness.invalid", IsNotFound: true}
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		}}}
		e := endpoint{url: test.url, client: client}
		_, err := e.post(t.Context(), nil)
		if err == nil || unreachable(err) != test.want {
			t.Errorf("%s: got %q, want %q: %v", test.url, unreachable(err), test.want, err)
		}
	}
	for _, err := range []error{ErrUnknownLog, ErrLarger, errors.New("answered 500: \"\""), context.Canceled} {
		if got := unreachable(err); got != "" {
			t.Errorf("%v: got %q, want nothing: an answer came", err, got)
		}
	}
}
