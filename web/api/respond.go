package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/muster-log/muster/tlog/bundle"
)

// The content types of answers.
const (
	typeText   = "text/plain; charset=utf-8"
	typeBinary = "application/octet-stream"
	typeJSON   = "application/json"
	// TypeEntry is the content type of an entry, a DSSE envelope.
	TypeEntry  = "application/vnd.dsse.envelope.v1+json"
	typeBundle = bundle.MediaType
)

// How long an answer may be kept.
const (
	// CacheForever is for bytes that never change: they are what a checkpoint
	// commits to, or are kept for ever.
	CacheForever = "public, max-age=31536000, immutable"
	// cacheShort is for the checkpoint: short, so that who looks for a
	// withdrawal sees it; not none, so that a crowd does not reach the log.
	cacheShort = "public, max-age=1"
	// cacheRevalidate is for what changes with the log.
	cacheRevalidate = "public, no-cache"
)

// ETag is a strong validator: the digest of the very bytes.
func ETag(body []byte) string {
	digest := sha256.Sum256(body)
	return `"` + hex.EncodeToString(digest[:16]) + `"`
}

// Serve answers GET and HEAD with bytes: a strong validator, If-None-Match and
// ranges, and never compressed, so that hashes of what is received are those of
// what is stored.
func Serve(c echo.Context, contentType, cacheControl string, body []byte) error {
	header := c.Response().Header()
	header.Set("Content-Type", contentType)
	header.Set("Cache-Control", cacheControl)
	header.Set("ETag", ETag(body))
	http.ServeContent(c.Response(), c.Request(), "", time.Time{}, bytes.NewReader(body))
	return nil
}

// serveJSON answers with a document that changes with the log.
func serveJSON(c echo.Context, document any) error {
	body, err := marshal(document)
	if err != nil {
		return err
	}
	return Serve(c, typeJSON, cacheRevalidate, body)
}

// marshal writes JSON without escapes for HTML, and a last line feed.
func marshal(document any) ([]byte, error) {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(document); err != nil {
		return nil, err
	}
	return body.Bytes(), nil
}
