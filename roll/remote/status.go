package remote

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
)

// maxStatus bounds the answer of /status in bytes: 768 withdrawals that wait or were
// refused, with an alarm each.
const maxStatus = 2 << 20

// Status asks how the roll signer stands, and returns the JSON of a roll.Status as it
// came: bounded, and nothing else is checked. The error is a *StatusError where it does
// not answer the question.
func (c *Client) Status(ctx context.Context) ([]byte, error) {
	target := c.base.JoinPath("status")
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json, application/problem+json")
	response, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("roll signer: %w", err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxStatus+1))
	if err != nil {
		return nil, fmt.Errorf("roll signer: %w", err)
	}
	mediaType, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if response.StatusCode != http.StatusOK {
		return nil, failure(response.StatusCode, mediaType, data)
	}
	if len(data) > maxStatus || mediaType != "application/json" {
		return nil, fmt.Errorf("%s is no roll signer: got %d bytes of content type %.100q, want application/json", target, len(data), mediaType)
	}
	return data, nil
}
