package api

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/muster-log/muster/internal/connections"
	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/release"
)

const (
	// turnWait is how long a submission waits for its turn to be read, and then
	// for its turn to be admitted.
	turnWait = 2 * time.Second
	// admitTimeout bounds admission and the write to the disk. It does not end
	// with the submitter's connection: what is durable is answered as such.
	admitTimeout = 20 * time.Second
	// retryPublished is after how many seconds a submitter looks again for an
	// entry that waits for its witnesses.
	retryPublished = 2
)

// Receipt is the answer to a submission: where the entry stands. It proves
// nothing; the proof does.
type Receipt struct {
	Index     uint64         `json:"index"`
	Digest    release.Digest `json:"digest"` // of the payload
	Duplicate bool           `json:"duplicate"`
	// Published: a checkpoint under quorum covers the entry.
	Published bool `json:"published"`
	// Size is that of the newest checkpoint that covers it; absent before.
	Size   uint64 `json:"size,omitempty"`
	Entry  string `json:"entry"`
	Proof  string `json:"proof"`
	Bundle string `json:"bundle"`
}

// submit takes an entry: 201 once it is published, 200 if it was before, 202
// once it is durable and no quorum is in sight.
func (a *API) submit(c echo.Context) error {
	c.Response().Header().Set("Cache-Control", "no-store")
	receipt, err := a.admit(c)
	if err != nil {
		return err
	}
	anchor, published := a.await(c.Request().Context(), receipt.Index)
	answer := Receipt{Index: receipt.Index, Digest: receipt.Digest, Duplicate: receipt.Duplicate, Published: published, Entry: entryPath(receipt.Index)}
	answer.Proof, answer.Bundle = answer.Entry+"/proof", answer.Entry+"/bundle"
	header := c.Response().Header()
	header.Set("Location", answer.Entry)
	status := http.StatusAccepted
	if published {
		answer.Size = anchor.Checkpoint.Size
		status = http.StatusCreated
		if receipt.Duplicate {
			status = http.StatusOK
		}
	} else {
		header.Set("Retry-After", strconv.Itoa(retryPublished))
	}
	body, err := marshal(answer)
	if err != nil {
		return err
	}
	return c.Blob(status, typeJSON, body)
}

// admit reads an entry, then has it admitted; only so many at once. A place among
// those that are admitted is not taken before the entry is there, so that who
// sends slowly holds none.
func (a *API) admit(c echo.Context) (log.Receipt, error) {
	request := c.Request()
	if request.ContentLength > release.MaxEntry {
		c.Response().Header().Set("Connection", "close")
		return log.Receipt{}, tooLarge(strconv.FormatInt(request.ContentLength, 10) + " bytes")
	}
	if err := checkContentType(request.Header); err != nil {
		return log.Receipt{}, err
	}
	if err := turn(request.Context(), a.receiving); err != nil {
		c.Response().Header().Set("Connection", "close")
		return log.Receipt{}, err
	}
	defer func() { <-a.receiving }()
	entry, err := receive(c, a.config.BodyTimeout)
	if err != nil {
		return log.Receipt{}, err
	}
	connections.Keep(request.Context()) // until it is answered, whoever else comes
	if err := turn(request.Context(), a.admitting); err != nil {
		return log.Receipt{}, err
	}
	defer func() { <-a.admitting }()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(request.Context()), admitTimeout)
	defer cancel()
	receipt, err := a.config.Log.Submit(ctx, entry)
	if errors.Is(err, log.ErrUnavailable) {
		return log.Receipt{}, &Error{Code: CodeUnavailable, Retry: retrySoon, Err: err,
			Detail: "the log cannot accept submissions now; send the same bytes again"}
	}
	return receipt, err
}

// turn takes one of the places, and waits for it a little; where it returns nil
// the caller gives it back.
func turn(ctx context.Context, places chan struct{}) error {
	timer := time.NewTimer(turnWait)
	defer timer.Stop()
	select {
	case places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return &Error{Code: CodeBusy, Retry: retrySoon, Detail: "too many submissions are under way; send the same bytes again"}
	}
}

// receive reads a submission, bounded in bytes and time.
func receive(c echo.Context, timeout time.Duration) ([]byte, error) {
	if err := http.NewResponseController(c.Response()).SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, release.MaxEntry))
	if _, over := errors.AsType[*http.MaxBytesError](err); over {
		return nil, tooLarge("more than " + strconv.Itoa(release.MaxEntry) + " bytes")
	}
	if err != nil {
		c.Response().Header().Set("Connection", "close")
		detail := "the body did not arrive whole"
		if errors.Is(err, os.ErrDeadlineExceeded) {
			detail = "the body did not arrive within " + timeout.String()
		}
		return nil, &Error{Code: CodeBody, Detail: detail, Err: err}
	}
	return body, nil
}

// TooLargeError is the refusal of an entry that is too long, of whose bytes no more
// were read. One of no bytes is refused with the same code, and is malformed.
type TooLargeError struct{ refusal *release.Refusal }

func (e *TooLargeError) Error() string { return e.refusal.Error() }

// Unwrap returns the [*release.Refusal].
func (e *TooLargeError) Unwrap() error { return e.refusal }

func tooLarge(got string) error {
	return &TooLargeError{release.Refuse(release.CodeEntrySize, "", got, "1 to "+strconv.Itoa(release.MaxEntry)+" bytes")}
}

// checkContentType wants an entry declared as what it is, and not encoded.
func checkContentType(header http.Header) error {
	got := header.Get("Content-Type")
	mediaType, _, err := mime.ParseMediaType(got)
	if err != nil || mediaType != TypeEntry && mediaType != typeJSON {
		return &Error{Code: CodeContentType, Member: "Content-Type", Got: cut(got), Want: TypeEntry,
			Detail: "got content type " + strconv.QuoteToASCII(cut(got)) + ", want " + TypeEntry}
	}
	if encoding := header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return &Error{Code: CodeContentType, Member: "Content-Encoding", Got: cut(encoding), Want: "none",
			Detail: "got content encoding " + strconv.QuoteToASCII(cut(encoding)) + ", want none"}
	}
	return nil
}

// await waits until an entry is published, as long as that is sensible.
func (a *API) await(ctx context.Context, index uint64) (log.Anchor, bool) {
	if newest, _ := a.config.Log.Checkpoint(); newest.Checkpoint.Size > index {
		return newest, true
	}
	select {
	case a.waiting <- struct{}{}:
		defer func() { <-a.waiting }()
	default:
		return log.Anchor{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, max(0, a.config.PublishWait))
	defer cancel()
	if a.config.Stopping != nil {
		go func() {
			select {
			case <-a.config.Stopping:
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	anchor, err := a.config.Log.WaitPublished(ctx, index)
	return anchor, err == nil
}
