package remote

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// requestTimeout bounds one request with its whole answer: a slow log is
	// the same as one that is away.
	requestTimeout = 60 * time.Second
	// connectTimeout bounds the dial and, apart, the TLS handshake.
	connectTimeout = 10 * time.Second
	// headerTimeout bounds the wait for an answer's header. A submission is
	// answered when its entry is published, so this is longer than a log's own
	// wait for its witnesses.
	headerTimeout = 45 * time.Second
	// maxHeader bounds an answer's header in bytes.
	maxHeader = 64 << 10
	// maxRedirects bounds redirects within the log's own host.
	maxRedirects = 3
	// maxURL bounds the log's address in bytes.
	maxURL = 2048
)

// Client reads one log. It is safe for concurrent use.
type Client struct {
	base *url.URL
	http *http.Client
	// sleep waits between attempts; tests replace it.
	sleep sleeper
}

// New makes a client of the log whose read paths stand below base, an http or
// https URL without query, fragment and password.
func New(base string) (*Client, error) {
	parsed, err := parseBase(base)
	if err != nil {
		return nil, err
	}
	return &Client{
		base: parsed,
		http: &http.Client{
			Timeout:       requestTimeout,
			CheckRedirect: sameHostOnly,
			Transport: &http.Transport{
				Proxy:                  http.ProxyFromEnvironment,
				DialContext:            (&net.Dialer{Timeout: connectTimeout}).DialContext,
				TLSHandshakeTimeout:    connectTimeout,
				ResponseHeaderTimeout:  headerTimeout,
				MaxResponseHeaderBytes: maxHeader,
				MaxIdleConnsPerHost:    8,
				IdleConnTimeout:        30 * time.Second,
				ForceAttemptHTTP2:      true,
				// Decompressed here, so that both lengths are bounded.
				DisableCompression: true,
			},
		},
		sleep: sleepContext,
	}, nil
}

// URL returns the log's address, ending in a slash.
func (c *Client) URL() string { return c.base.String() }

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func parseBase(base string) (*url.URL, error) {
	if len(base) > maxURL {
		return nil, fmt.Errorf("log URL of %d bytes, want at most %d", len(base), maxURL)
	}
	parsed, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("log URL: %w", err)
	}
	switch {
	case parsed.Scheme != "http" && parsed.Scheme != "https":
		return nil, fmt.Errorf("log URL %q: got scheme %q, want https or http, such as https://log.example/", base, parsed.Scheme)
	case parsed.Hostname() == "":
		return nil, fmt.Errorf("log URL %q has no host", base)
	case parsed.User != nil:
		return nil, errors.New("log URL holds a user or a password, which nobody asks for")
	case parsed.RawQuery != "" || parsed.ForceQuery || parsed.Fragment != "":
		return nil, fmt.Errorf("log URL %q has a query or a fragment", base)
	}
	if !strings.HasSuffix(parsed.EscapedPath(), "/") {
		parsed.Path += "/"
		if parsed.RawPath != "" {
			parsed.RawPath += "/"
		}
	}
	return parsed, nil
}

// sameHostOnly follows redirects only within scheme, host and port: a log does
// not send its readers, or the bodies of its submitters, to somebody else.
func sameHostOnly(request *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fmt.Errorf("%w: more than %d redirects", ErrAnswer, maxRedirects)
	}
	first := via[0].URL
	if !sameOrigin(request.URL, first) {
		return fmt.Errorf("%w: redirect from %s://%s to another host, %s", ErrAnswer, first.Scheme, first.Host, shown(request.URL.Scheme+"://"+request.URL.Host))
	}
	return nil
}

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Host, b.Host) && b.User == nil && a.User == nil
}
