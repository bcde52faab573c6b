package remote

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const userAgent = "muster (+https://github.com/muster-log/muster)"

// The content types of a log's answers.
const (
	typeText    = "text/plain"
	typeBinary  = "application/octet-stream"
	typeJSON    = "application/json"
	typeProblem = "application/problem+json"
)

// answer is a bounded response.
type answer struct {
	status int
	header http.Header
	body   []byte
	// url is where the answer came from, after redirects within the host.
	url *url.URL
}

// get reads a path below the log's prefix: at most limit bytes of one of the
// content types, with status 200.
func (c *Client) get(ctx context.Context, path string, limit int64, types ...string) ([]byte, error) {
	answer, err := c.do(ctx, http.MethodGet, c.resolve(path), nil, "", limit, types)
	if err != nil {
		return nil, err
	}
	if answer.status != http.StatusOK {
		return nil, answer.failure()
	}
	return answer.body, nil
}

// resolve makes the URL of a path below the log's prefix. A path is made by
// this package and holds nothing that needs escaping.
func (c *Client) resolve(path string) *url.URL {
	joined := *c.base
	joined.Path += path
	if joined.RawPath != "" {
		joined.RawPath += path
	}
	return &joined
}

// do makes one request. An answer of status 2xx must have one of the content
// types; one of another status is read as far as a problem document goes.
func (c *Client) do(ctx context.Context, method string, target *url.URL, body []byte, bodyType string, limit int64, types []string) (*answer, error) {
	var reader io.Reader
	if body != nil {
		reader = strings.NewReader(string(body)) // replayable, for redirects
	}
	request, err := http.NewRequestWithContext(ctx, method, target.String(), reader)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", userAgent)
	request.Header.Set("Accept", strings.Join(append(slices.Clone(types), typeProblem), ", "))
	request.Header.Set("Accept-Encoding", "gzip, identity")
	if body != nil {
		request.Header.Set("Content-Type", bodyType)
	}
	response, err := c.http.Do(request)
	if err != nil {
		if failed, ok := errors.AsType[*url.Error](err); ok {
			failed.URL = shown(failed.URL) // a redirect's is the log's text
		}
		return nil, err
	}
	defer response.Body.Close()

	result := &answer{status: response.StatusCode, header: response.Header, url: response.Request.URL}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		// A problem that cannot be read does not hide the status.
		result.body, _ = readBounded(response, maxProblem)
		return result, nil
	}
	if err := checkType(response.Header.Get("Content-Type"), types); err != nil {
		return nil, fmt.Errorf("%s: %w", shown(result.url.String()), err)
	}
	if result.body, err = readBounded(response, limit); err != nil {
		return nil, fmt.Errorf("%s: %w", shown(result.url.String()), err)
	}
	return result, nil
}

func checkType(got string, want []string) error {
	mediaType, _, err := mime.ParseMediaType(got)
	if err != nil || !slices.Contains(want, mediaType) {
		return fmt.Errorf("%w: got content type %.100q, want %s", ErrAnswer, got, strings.Join(want, " or "))
	}
	return nil
}

// ErrAnswer reports an answer that no log gives: too long, of another content
// type, a redirect elsewhere. Asking again does not help.
var ErrAnswer = errors.New("not the answer of a log")

// readBounded reads a body of at most limit bytes, and as many compressed ones
// (with room for gzip's own framing).
func readBounded(response *http.Response, limit int64) ([]byte, error) {
	const framing = 1 << 10
	encoding := strings.ToLower(strings.TrimSpace(response.Header.Get("Content-Encoding")))
	if (encoding == "" || encoding == "identity") && response.ContentLength > limit {
		return nil, fmt.Errorf("%w: got %d bytes, want at most %d", ErrAnswer, response.ContentLength, limit)
	}
	var body io.Reader = response.Body
	switch encoding {
	case "", "identity":
	case "gzip", "x-gzip":
		compressed := &io.LimitedReader{R: response.Body, N: limit + framing}
		unzipped, err := gzip.NewReader(compressed)
		if err != nil {
			return nil, fmt.Errorf("%w: gzip: %w", ErrAnswer, err)
		}
		// One member only: a stream of empty members costs time and no bytes.
		unzipped.Multistream(false)
		body = unzipped
	default:
		return nil, fmt.Errorf("%w: got content encoding %.100q, want gzip or none", ErrAnswer, encoding)
	}
	data, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%w: got more than %d bytes", ErrAnswer, limit)
	}
	return data, nil
}
