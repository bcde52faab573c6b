package remote

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
)

// maxManifest bounds a manifest in bytes, as the log does.
const maxManifest = 16 << 20

// Manifest returns the list of a model's files that the log keeps under its
// SHA-256, and nothing else: the bytes are compared with the digest. The error is
// fs.ErrNotExist where the log has none.
func (c *Client) Manifest(ctx context.Context, digest [sha256.Size]byte) ([]byte, error) {
	data, err := c.get(ctx, manifestPath(digest), maxManifest, typeJSON)
	if err != nil {
		return nil, err
	}
	if got := sha256.Sum256(data); got != digest {
		return nil, fmt.Errorf("%w: got a manifest of SHA-256 %x, want %x", ErrAnswer, got, digest)
	}
	return data, nil
}

// PutManifest has the log keep a manifest that a published image names. It repeats
// what may be repeated: the same bytes are kept once. wait may be nil. The error is
// a *StatusError where the log refused the manifest.
func (c *Client) PutManifest(ctx context.Context, data []byte, wait Wait) error {
	if len(data) == 0 || len(data) > maxManifest {
		return fmt.Errorf("manifest of %d bytes, want 1 to %d", len(data), maxManifest)
	}
	path := manifestPath(sha256.Sum256(data))
	_, err := c.attempts(ctx, wait, func() (*Receipt, bool, error) {
		answer, err := c.do(ctx, http.MethodPost, c.resolve(path), data, typeJSON, maxReceipt, []string{typeJSON})
		if err != nil {
			return nil, false, err
		}
		if answer.status == http.StatusOK || answer.status == http.StatusCreated {
			return nil, true, nil
		}
		failed := answer.failure()
		return nil, failed.Refused(), failed
	})
	return err
}

func manifestPath(digest [sha256.Size]byte) string {
	return "api/v1/manifests/" + hex.EncodeToString(digest[:])
}
