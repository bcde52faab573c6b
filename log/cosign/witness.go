package cosign

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/muster-log/muster/tlog"
)

const (
	// maxAnswer bounds a witness's answer in bytes: sixteen ML-DSA-44
	// cosignature lines are about 54 kB, and nobody needs more.
	maxAnswer = 64 << 10

	// maxConflicts is how often one request may be repeated with the size the
	// witness names. Once corrects our hint, a second time covers a race with
	// another server of the same log; a witness that wants more is not honest.
	maxConflicts = 2

	// MaxClockSkew is how far a cosignature's time stamp may lie from our clock.
	MaxClockSkew = 5 * time.Minute
)

// The kinds of failure a caller can act on.
var (
	// ErrUnknownLog: the witness answered 404; its operator has not added the log.
	ErrUnknownLog = errors.New("does not know this log")
	// ErrLarger: the witness claims to have cosigned a tree larger than any this
	// log signed. Either the log's data were rolled back or the witness lies.
	ErrLarger = errors.New("claims a larger tree than this log ever signed")
	// ErrContradiction: the witness answered 422; it holds another tree.
	ErrContradiction = errors.New("holds a tree that this checkpoint contradicts")
	// errBehindUs: the witness signed with a time stamp that our clock is far
	// ahead of. One of the two clocks is wrong.
	errBehindUs = errors.New("signs with an old time stamp")
)

// MaxRetryAfter bounds how long a witness that says when to come back is left
// alone: what it says is not believed for longer.
const MaxRetryAfter = 5 * time.Minute

// RateLimitedError says that the witness answered 429: it was asked too often.
type RateLimitedError struct {
	// RetryAfter is how long it wants to be left alone, at most MaxRetryAfter;
	// 0: it did not say.
	RetryAfter time.Duration
}

func (e *RateLimitedError) Error() string {
	if e.RetryAfter == 0 {
		return "answered 429: it was asked too often"
	}
	return fmt.Sprintf("answered 429: it was asked too often, and wants to be asked again in %s", e.RetryAfter)
}

// endpoint is one witness server, which may hold several keys of the policy.
type endpoint struct {
	url    string
	keys   []tlog.VerifierKey
	client *http.Client
}

// request is one checkpoint on its way to a witness.
type request struct {
	note        []byte
	checkpoint  *tlog.SignedCheckpoint
	consistency func(ctx context.Context, from uint64) ([]tlog.Hash, error)
}

// answer is what a witness gave for a request.
type answer struct {
	lines []tlog.NoteSignature
	// conflicts holds the sizes that the witness named in 409s, in their order.
	conflicts []uint64
}

// addCheckpoint performs one add-checkpoint exchange, starting from the size the
// witness is believed to hold.
func (e *endpoint) addCheckpoint(ctx context.Context, from uint64, r request, now time.Time) (answer, error) {
	var result answer
	for range maxConflicts + 1 {
		body, err := requestBody(ctx, from, r)
		if err != nil {
			return result, err
		}
		got, err := e.post(ctx, body)
		if err != nil {
			return result, err
		}
		switch got.status {
		case http.StatusOK:
			result.lines, err = e.verify(got.body, r.checkpoint, now)
			return result, err
		case http.StatusConflict:
			size, err := parseConflict(got.contentType, got.body)
			if err != nil {
				return result, err
			}
			if size > r.checkpoint.Size {
				return result, fmt.Errorf("%w: it says %d, we signed %d", ErrLarger, size, r.checkpoint.Size)
			}
			result.conflicts = append(result.conflicts, size)
			from = size
		case http.StatusNotFound:
			return result, ErrUnknownLog
		case http.StatusUnprocessableEntity:
			return result, fmt.Errorf("%w: %s", ErrContradiction, excerpt(got.body))
		case http.StatusTooManyRequests:
			return result, &RateLimitedError{RetryAfter: parseRetryAfter(got.retryAfter, now)}
		default:
			return result, fmt.Errorf("answered %d: %s", got.status, excerpt(got.body))
		}
	}
	return result, fmt.Errorf("answered 409 more than %d times, each with another size", maxConflicts)
}

// requestBody is the body of add-checkpoint: old size, proof, empty line, note.
func requestBody(ctx context.Context, from uint64, r request) ([]byte, error) {
	var body bytes.Buffer
	fmt.Fprintf(&body, "old %d\n", from)
	if from > 0 && from < r.checkpoint.Size {
		proof, err := r.consistency(ctx, from)
		if err != nil {
			return nil, fmt.Errorf("consistency proof from size %d: %w", from, err)
		}
		for _, hash := range proof {
			body.WriteString(base64.StdEncoding.EncodeToString(hash[:]))
			body.WriteByte('\n')
		}
	}
	body.WriteByte('\n')
	body.Write(r.note)
	return body.Bytes(), nil
}

// reply is what came back for one request.
type reply struct {
	status                  int
	contentType, retryAfter string
	body                    []byte
}

// post sends one request and reads a bounded answer.
func (e *endpoint) post(ctx context.Context, body []byte) (reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url+"/add-checkpoint", bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	// A compressed answer is never asked for, so that none is unpacked.
	req.Header.Set("Accept-Encoding", "identity")
	resp, err := e.client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	if encoding := resp.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return reply{}, fmt.Errorf("answered with Content-Encoding %q, which was not asked for", encoding)
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return reply{}, fmt.Errorf("read answer: %w", err)
	}
	if len(answer) > maxAnswer {
		return reply{}, fmt.Errorf("answered with more than %d bytes", maxAnswer)
	}
	return reply{resp.StatusCode, resp.Header.Get("Content-Type"), resp.Header.Get("Retry-After"), answer}, nil
}

// parseRetryAfter reads a Retry-After header, seconds or an HTTP date, as a time
// from now on (RFC 9110, section 10.2.3). What is neither, or past, is 0.
func parseRetryAfter(header string, now time.Time) time.Duration {
	var wait time.Duration
	if header != "" && strings.Trim(header, "0123456789") == "" {
		// More digits than fit are more seconds than the bound.
		seconds, err := strconv.ParseUint(header, 10, 31)
		if err != nil {
			return MaxRetryAfter
		}
		wait = time.Duration(seconds) * time.Second
	} else if date, err := http.ParseTime(header); err == nil {
		wait = date.Sub(now)
	}
	return min(max(wait, 0), MaxRetryAfter)
}

// parseConflict reads the size of a 409: decimal without leading zeroes, and a
// newline, as text/x.tlog.size.
func parseConflict(contentType string, body []byte) (uint64, error) {
	if media, _, err := mime.ParseMediaType(contentType); err != nil || media != "text/x.tlog.size" {
		return 0, fmt.Errorf("answered 409 as %q, not as text/x.tlog.size: %s", contentType, excerpt(body))
	}
	text, ok := strings.CutSuffix(string(body), "\n")
	size, err := strconv.ParseUint(text, 10, 63)
	if !ok || err != nil || strconv.FormatUint(size, 10) != text {
		return 0, fmt.Errorf("answered 409 with %s, not with a size and a newline", excerpt(body))
	}
	return size, nil
}

// verify reads the signature lines of a 200 and keeps those of this witness's
// keys, one a key. Lines of unknown keys are ignored, as the specification
// demands; an invalid line of a known key is an error.
func (e *endpoint) verify(body []byte, checkpoint *tlog.SignedCheckpoint, now time.Time) ([]tlog.NoteSignature, error) {
	signatures, err := tlog.ParseSignatureLines(string(body))
	if err != nil {
		return nil, fmt.Errorf("answered 200 with something other than signature lines: %w", err)
	}
	cosigned, err := tlog.NewSignedCheckpoint(checkpoint.Checkpoint, signatures...)
	if err != nil {
		return nil, fmt.Errorf("answered 200 with something other than signature lines: %w", err)
	}
	cosignatures, err := cosigned.Cosignatures(e.keys)
	if err != nil {
		return nil, err
	}
	var lines []tlog.NoteSignature
	for _, cosignature := range cosignatures {
		at := time.Unix(int64(cosignature.Time), 0)
		if skew := at.Sub(now); skew > MaxClockSkew || skew < -MaxClockSkew {
			err := fmt.Errorf("its clock says %s, ours %s: more than %s apart", at.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339), MaxClockSkew)
			if skew < 0 {
				err = fmt.Errorf("%w: %w", errBehindUs, err)
			}
			return nil, err
		}
		for _, line := range signatures {
			if line.Name == cosignature.Key.Name && line.KeyID == cosignature.Key.KeyID {
				lines = append(lines, line)
				break
			}
		}
	}
	if len(lines) == 0 {
		return nil, errors.New("answered 200 without a cosignature by a key of the policy")
	}
	return lines, nil
}

// excerpt quotes the start of an answer for an error message.
func excerpt(body []byte) string {
	const most = 80
	if len(body) > most {
		body = body[:most]
	}
	return strconv.QuoteToASCII(string(body))
}
