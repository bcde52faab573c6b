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
	"time"

	"github.com/muster-log/muster/internal/printable"
	"github.com/muster-log/muster/release"
)

const (
	// requestTimeout bounds one request with its whole answer. The roll signer
	// writes one file before it answers; what the log takes is not waited for.
	requestTimeout = 30 * time.Second
	// maxAnswer bounds an answer in bytes.
	maxAnswer = 64 << 10
	// maxText bounds each text of an answer in bytes.
	maxText = 512
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
// The same withdrawal may be handed in again, to ask what became of it: its time stays
// that of the first.
func (c *Client) Hand(ctx context.Context, entry []byte) (*Withdrawal, error) {
	envelope, err := release.ParseEnvelope(entry)
	if err != nil {
		return nil, err
	}
	digest, target := envelope.PayloadDigest(), c.base.JoinPath("withdrawals")
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
		return nil, failure(response.StatusCode, mediaType, data)
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
func (e *StatusError) Refused() bool {
	return e.Status >= 400 && e.Status < 500 && e.Status != http.StatusRequestTimeout && e.Status != http.StatusTooManyRequests
}

func failure(status int, mediaType string, data []byte) *StatusError {
	failed := &StatusError{Status: status}
	var problem struct {
		Detail, Code, Member, Got, Want string
	}
	if mediaType != "application/problem+json" || json.Unmarshal(data, &problem) != nil {
		return failed
	}
	failed.Detail, failed.Code = shown(problem.Detail), shown(problem.Code)
	failed.Member, failed.Got, failed.Want = shown(problem.Member), shown(problem.Got), shown(problem.Want)
	return failed
}

// shown makes a peer's text fit for a terminal.
func shown(text string) string { return printable.Text(text, maxText) }
