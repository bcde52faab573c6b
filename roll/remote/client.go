package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/muster-log/muster/internal/problem"
	"github.com/muster-log/muster/release"
)

const (
	// requestTimeout bounds one request with its whole answer. The roll signer
	// writes one file before it answers; what the log takes is not waited for.
	requestTimeout = 30 * time.Second
	// maxAnswer bounds an answer in bytes.
	maxAnswer = 64 << 10
	// leastRetry and mostRetry bound what is heeded of how long a roll signer asks to
	// wait.
	leastRetry, mostRetry = 100 * time.Millisecond, 30 * time.Second
)

// Client talks to one roll signer. It is safe for concurrent use.
type Client struct {
	base *url.URL
	http *http.Client
}

// New makes a client of the roll signer at base, an http or https URL without query,
// fragment and password.
func New(base string) (*Client, error) {
	parsed, err := url.Parse(base)
	switch {
	case err != nil:
		return nil, fmt.Errorf("roll signer's URL: %w", err)
	case parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Hostname() == "":
		return nil, fmt.Errorf("roll signer's URL %q: want https or http and a host, such as http://127.0.0.1:8086", base)
	case parsed.User != nil || parsed.RawQuery != "" || parsed.ForceQuery || parsed.Fragment != "":
		return nil, errors.New("roll signer's URL holds a user, a password, a query or a fragment")
	}
	return &Client{base: parsed, http: &http.Client{
		Timeout:       requestTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, MaxResponseHeaderBytes: maxAnswer, DisableCompression: true, ForceAttemptHTTP2: true},
	}}, nil
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Hand hands a signed withdrawal, the bytes of its envelope, to the roll signer. When
// it returns nil the roll signer has it on its disk, or the log holds it already. The
// error is a *StatusError where the roll signer refused it.
//
// A roll signer that is busy, or has not read the log as far, says when to ask again
// (Retry-After). Until the deadline of ctx that is done; without a deadline it is asked
// once. The error is then that of its last answer.
//
// The same withdrawal may be handed in again, to ask what became of it: its time stays
// that of the first.
func (c *Client) Hand(ctx context.Context, entry []byte) (*Withdrawal, error) {
	envelope, err := release.ParseEnvelope(entry)
	if err != nil {
		return nil, err
	}
	var last *StatusError
	for {
		answer, err := c.hand(ctx, entry, envelope.PayloadDigest())
		if err != nil && last != nil && ctx.Err() != nil {
			return nil, last // the time was up while it was asked once more
		}
		status, ok := errors.AsType[*StatusError](err)
		if !ok || !waits(ctx, status.RetryAfter) {
			return answer, err
		}
		last = status
	}
}

// waits waits before a roll signer is asked again; false if it need not be, or ctx would
// end before.
func waits(ctx context.Context, after time.Duration) bool {
	deadline, ok := ctx.Deadline()
	if !ok || after == 0 || time.Until(deadline) <= after {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(after):
		return true
	}
}

func (c *Client) hand(ctx context.Context, entry []byte, digest release.Digest) (*Withdrawal, error) {
	target := c.base.JoinPath("withdrawals")
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), bytes.NewReader(entry))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json, application/problem+json")
	request.Header.Set("Content-Type", MediaType)
	response, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("roll signer: %w", err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("roll signer: %w", err)
	}
	mediaType, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusAccepted {
		failed := failure(response.StatusCode, mediaType, data)
		if !failed.Refused() {
			failed.RetryAfter = retryAfter(response.Header.Get("Retry-After"))
		}
		return nil, failed
	}
	if len(data) > maxAnswer || mediaType != "application/json" {
		return nil, fmt.Errorf("%s is no roll signer: got %d bytes of content type %.100q, want application/json", target, len(data), mediaType)
	}
	var answer Withdrawal
	if err := json.Unmarshal(data, &answer); err != nil {
		return nil, fmt.Errorf("%s is no roll signer: %w", target, err)
	}
	if answer.Digest != digest {
		return nil, fmt.Errorf("the roll signer answered for the withdrawal %s, want %s", answer.Digest, digest)
	}
	answer.Product, answer.State, answer.Detail, answer.Code = shown(answer.Product), State(shown(string(answer.State))), shown(answer.Detail), release.Code(shown(string(answer.Code)))
	return &answer, nil
}

// StatusError is an answer of the roll signer that is not what was asked for: a
// refusal with its reason (RFC 9457), or a signer that cannot answer now.
type StatusError struct {
	Status int
	// Code is the stable reason code, of package register or docs/roll.md; empty if
	// the answer had none.
	Code string
	// Member is the offending member, with what it was and what is wanted.
	Member, Got, Want string
	// Detail is the problem in words.
	Detail string
	// RetryAfter is after how long it wants to be asked again, of what was not refused;
	// 0: it does not say.
	RetryAfter time.Duration
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("the roll signer answered %d %s", e.Status, http.StatusText(e.Status))
	if e.Code != "" {
		text += " (" + e.Code + ")"
	}
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

// Refused reports whether the withdrawal was judged and refused: handing it in again
// does not help.
func (e *StatusError) Refused() bool { return problem.Refused(e.Status) }

// retryAfter reads the seconds of a Retry-After header, and cuts them to what is heeded;
// 0 if there are none. Its other form, a date, is not heeded: clocks differ.
func retryAfter(header string) time.Duration {
	seconds, err := strconv.ParseUint(header, 10, 16)
	if err != nil {
		return 0
	}
	return min(max(time.Duration(seconds)*time.Second, leastRetry), mostRetry)
}

func failure(status int, mediaType string, data []byte) *StatusError {
	failed := &StatusError{Status: status}
	if mediaType != "application/problem+json" {
		return failed
	}
	said, _ := problem.Parse(data)
	failed.Detail, failed.Code, failed.Member, failed.Got, failed.Want = said.Detail, said.Code, said.Member, said.Got, said.Want
	return failed
}

// shown makes a peer's text fit for a terminal.
func shown(text string) string { return problem.Shown(text) }
