package network

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/muster-log/muster/internal/progress"
)

const (
	// fetchTimeout bounds one download whole: MaxList bytes at half a megabyte a
	// second.
	fetchTimeout = 2 * time.Minute
	// connectTimeout bounds the dial and, apart, the TLS handshake.
	connectTimeout = 10 * time.Second
	// headerTimeout bounds the wait for an answer's header.
	headerTimeout = 20 * time.Second
	// maxHeader bounds an answer's header in bytes.
	maxHeader = 64 << 10
	// maxRedirects bounds redirects.
	maxRedirects = 3
	// maxURL bounds a list's address in bytes.
	maxURL = 2048
)

// Fetch downloads a list, of at most MaxList bytes. The address is an https URL, or an
// http one of this machine: who can change a list on its way can have a witness follow
// logs of his own. Redirects lead there, too, and from https to https alone.
//
// Only whole answers with status 200 are returned. The caller parses them.
func Fetch(ctx context.Context, address string, report progress.Reporter) ([]byte, error) {
	if err := CheckURL(address); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", quote(address), err)
	}
	transport := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: connectTimeout}).DialContext,
		TLSHandshakeTimeout:    connectTimeout,
		ResponseHeaderTimeout:  headerTimeout,
		MaxResponseHeaderBytes: maxHeader,
		ForceAttemptHTTP2:      true,
		DisableKeepAlives:      true,
	}
	client := &http.Client{CheckRedirect: checkRedirect, Transport: transport}
	response, err := client.Do(request)
	if err != nil {
		// A *url.Error names the method and the address, as the server wrote it
		// in a redirect.
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		return nil, fmt.Errorf("fetch %s: %w", quote(address), err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch %s: got status %d, want 200", quote(address), response.StatusCode)
	}
	report.Start("log list", response.ContentLength)
	defer report.Done()
	// Decompression has happened below: what is bounded is what is kept.
	data, err := io.ReadAll(io.LimitReader(&counted{response.Body, report}, MaxList+1))
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", quote(address), err)
	}
	if len(data) > MaxList {
		return nil, fmt.Errorf("fetch %s: more than %d bytes, no log list is that long", quote(address), MaxList)
	}
	return data, nil
}

// counted reports what is read.
type counted struct {
	io.Reader
	report progress.Reporter
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.report.Add(int64(n))
	return n, err
}

// CheckURL refuses the address of a list that Fetch would not ask.
func CheckURL(address string) error {
	if len(address) > maxURL {
		return fmt.Errorf("the list's URL has %d bytes, want at most %d", len(address), maxURL)
	}
	parsed, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("the list's URL %s cannot be read", quote(address))
	}
	return check(parsed)
}

func check(address *url.URL) error {
	switch host := address.Hostname(); {
	case host == "":
		return fmt.Errorf("the list's URL %s has no host", quote(address.Redacted()))
	case address.User != nil:
		return errors.New("the list's URL holds a user or a password, which nobody asks for")
	case address.Scheme == "https", address.Scheme == "http" && loopback(host):
		return nil
	}
	return fmt.Errorf("the list's URL %s: want https, or http of this machine: who could change the list on its way could have the witness follow logs of his own", quote(address.Redacted()))
}

// loopback reports a name or an address of this machine.
func loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// checkRedirect has a redirect lead where a list may come from.
func checkRedirect(request *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fmt.Errorf("more than %d redirects", maxRedirects)
	}
	if err := check(request.URL); err != nil {
		return fmt.Errorf("redirected: %w", err)
	}
	// Nobody elsewhere has this machine ask a server of its own.
	if via[0].URL.Scheme == "https" && request.URL.Scheme != "https" {
		return fmt.Errorf("redirected from https to %s", quote(request.URL.Redacted()))
	}
	return nil
}
