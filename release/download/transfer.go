package download

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/muster-log/muster/release"
)

const userAgent = "muster (+https://github.com/muster-log/muster)"

// errOther is a URL that has another file than the artifact.
var errOther = errors.New("another file")

// errStalled is a transfer that brings too little.
var errStalled = errors.New("stalled")

// givenUp is an answer that asking again will not change.
type givenUp struct{ err error }

func (e *givenUp) Error() string { return e.err.Error() }
func (e *givenUp) Unwrap() error { return e.err }

func giveUp(format string, args ...any) error { return &givenUp{fmt.Errorf(format, args...)} }

// later is an answer after which the server asked to wait.
type later struct {
	err   error
	pause time.Duration
}

func (e *later) Error() string { return e.err.Error() }

// from fetches the rest of an artifact from one URL, in as many attempts as bring
// it further, and at most maxRounds times its bytes in all: a server that begins again
// and again, each time with a little more, would else send its square. The error of
// the last attempt is returned.
func (f *Fetcher) from(ctx context.Context, t *transfer, url string) error {
	furthest, fruitless := t.done, 0
	t.arrived = 0
	for {
		t.again = false
		t.report.Start(t.name, t.size)
		t.report.Add(t.done)
		err := f.attempt(ctx, t, url)
		t.report.Done()
		if _, ok := errors.AsType[*localError](err); ok || ctx.Err() != nil {
			return err
		}
		if err == nil && t.done == t.size {
			if t.complete() {
				return nil
			}
			whole := t.origin == url
			err = giveUp("%w: it has SHA-256 %s, want %s", errOther, release.Digest(t.hash.Sum(nil)), t.digest)
			if failed := t.restart(); failed != nil {
				return failed
			}
			if whole {
				return err
			}
			// The beginning was of an earlier call, or of another URL.
			furthest, fruitless = 0, 0
			continue
		}
		if _, ok := errors.AsType[*givenUp](err); ok {
			return err
		}
		if err == nil {
			err = errors.New("got a part of what was asked for")
		}
		if t.arrived > maxRounds*t.size+maxFruitless*MinimumBytes {
			return giveUp("got %d bytes of a file of %d, which is not whole yet: %w", t.arrived, t.size, err)
		}
		if t.done >= furthest+MinimumBytes && !t.again {
			furthest, fruitless = t.done, 0
		} else if fruitless++; fruitless == maxFruitless {
			return err
		}
		pause := min(time.Second<<fruitless, maxPause)
		if asked, ok := errors.AsType[*later](err); ok {
			pause = min(max(pause, asked.pause), maxPause)
		}
		f.waiting(url, pause, err)
		if err := f.sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// attempt makes one request, and writes what it brings.
func (f *Fetcher) attempt(ctx context.Context, t *transfer, url string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var arrived atomic.Int64
	go f.watch(ctx, cancel, &arrived)
	if err := f.transfer(ctx, t, url, &arrived); err != nil {
		if cause := context.Cause(ctx); errors.Is(cause, errStalled) {
			return cause
		}
		return err
	}
	return nil
}

// watch ends a transfer that brings less than MinimumBytes in a stall time, from
// the moment it is asked for.
func (f *Fetcher) watch(ctx context.Context, cancel context.CancelCauseFunc, arrived *atomic.Int64) {
	ticker := time.NewTicker(f.stall)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if got := arrived.Swap(0); got < MinimumBytes {
				cancel(fmt.Errorf("%w: %d bytes in %s, want at least %d", errStalled, got, f.stall, MinimumBytes))
				return
			}
		}
	}
}

func (f *Fetcher) transfer(ctx context.Context, t *transfer, url string, arrived *atomic.Int64) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return giveUp("%w", err)
	}
	if request.URL.Scheme != "https" || request.URL.User != nil {
		return giveUp("want an https URL without a user")
	}
	request.Header.Set("User-Agent", userAgent)
	request.Header.Set("Accept-Encoding", "identity")
	if t.done > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", t.done))
		if validator := t.source(url); validator != "" {
			request.Header.Set("If-Range", validator)
		}
	}
	response, err := f.http.Do(request)
	if err != nil {
		return unreachable(err)
	}
	defer response.Body.Close()
	limit, err := t.accept(response, url)
	if err != nil {
		return err
	}
	return t.copy(response.Body, limit, arrived)
}

// unreachable takes the URL out of an error of net/http, which is named already.
func unreachable(err error) error {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return giveUp("%w", err)
	}
	return err
}

// redirect follows only what stays under TLS, and tells nobody where it came from.
func redirect(request *http.Request, via []*http.Request) error {
	switch {
	case len(via) > maxRedirects:
		return giveUp("more than %d redirects", maxRedirects)
	case request.URL.Scheme != "https":
		return giveUp("a redirect to %.20q, want https", request.URL.Scheme)
	case request.URL.User != nil:
		return giveUp("a redirect to a URL with a user")
	}
	request.Header.Del("Referer")
	return nil
}

// accept judges an answer by its header, and returns how many bytes of its body
// belong behind what is there.
func (t *transfer) accept(response *http.Response, url string) (int64, error) {
	if encoding := response.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return 0, giveUp("got content encoding %.40q, want none", encoding)
	}
	switch status := response.StatusCode; status {
	case http.StatusOK:
		if n := response.ContentLength; n >= 0 && n != t.size {
			return 0, giveUp("%w: it has %d bytes, want %d", errOther, n, t.size)
		}
		// The whole file: the server has no ranges, or another file than before.
		if t.done > 0 {
			t.again = true
			t.report.Done()
			t.report.Start(t.name, t.size)
		}
		if err := t.restart(); err != nil {
			return 0, err
		}
		t.origin = url
		validator := response.Header.Get("ETag")
		if validator == "" {
			validator = response.Header.Get("Last-Modified")
		}
		return t.size, t.remember(url, validator)
	case http.StatusPartialContent:
		return t.acceptRange(response)
	case http.StatusRequestedRangeNotSatisfiable:
		if t.done == 0 {
			return 0, giveUp("got status %d", status)
		}
		if err := t.restart(); err != nil {
			return 0, err
		}
		return 0, fmt.Errorf("%w: it is shorter than what was fetched before", errOther)
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		seconds, _ := strconv.ParseUint(response.Header.Get("Retry-After"), 10, 16)
		return 0, &later{fmt.Errorf("got status %d", status), time.Duration(seconds) * time.Second}
	default:
		return 0, giveUp("got status %d", status)
	}
}

// acceptRange judges an answer with a part of a file (RFC 9110, section 14.4).
func (t *transfer) acceptRange(response *http.Response) (int64, error) {
	text := response.Header.Get("Content-Range")
	first, last, whole, ok := contentRange(text)
	switch {
	case !ok || response.Request.Header.Get("Range") == "" || first != t.done || last < first:
		return 0, giveUp("got the range %.80q, want the bytes from %d on", text, t.done)
	case whole >= 0 && whole != t.size:
		return 0, giveUp("%w: it has %d bytes, want %d", errOther, whole, t.size)
	case last >= t.size || response.ContentLength >= 0 && response.ContentLength != last-first+1:
		return 0, giveUp("got the range %.80q and %d bytes, want bytes of a file of %d", text, response.ContentLength, t.size)
	}
	return last - first + 1, nil
}

// contentRange reads bytes FIRST-LAST/SIZE; an unknown size, *, is -1.
func contentRange(text string) (first, last, whole int64, ok bool) {
	text, bytes := strings.CutPrefix(text, "bytes ")
	positions, size, cut := strings.Cut(text, "/")
	from, to, dash := strings.Cut(positions, "-")
	if !bytes || !cut || !dash {
		return 0, 0, 0, false
	}
	number := func(text string) int64 {
		n, err := strconv.ParseUint(text, 10, 53)
		if err != nil {
			ok = false
		}
		return int64(n)
	}
	ok = true
	first, last, whole = number(from), number(to), -1
	if size != "*" {
		whole = number(size)
	}
	return first, last, whole, ok
}

// copy writes at most limit bytes of a body. One byte more is not read, whatever
// the server goes on to send: the digest says whether these were the right ones.
func (t *transfer) copy(body io.Reader, limit int64, arrived *atomic.Int64) error {
	buffer := make([]byte, bufferSize)
	for limit > 0 {
		n, err := body.Read(buffer[:min(int64(len(buffer)), limit)])
		if n > 0 {
			arrived.Add(int64(n))
			t.arrived += int64(n)
			limit -= int64(n)
			if err := t.write(buffer[:n]); err != nil {
				return err
			}
			t.report.Add(int64(n))
		}
		switch {
		case limit > 0 && (err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF)):
			return fmt.Errorf("the connection ended %d bytes early", limit)
		case err != nil && limit > 0:
			return err
		}
	}
	return nil
}
