package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/muster-log/muster/tlog"
)

const (
	// maxReceipt bounds the answer to a submission in bytes.
	maxReceipt = 2 * tlog.MaxProof
	// firstPause and lastPause bound the back-off between attempts: long enough
	// not to load a log in trouble, short enough that a person waits.
	firstPause = 500 * time.Millisecond
	lastPause  = 15 * time.Second
	// maxFailures is how many attempts in a row may fail to reach the log before
	// it counts as away. A log that answers, and asks to wait, is waited for.
	maxFailures = 4
)

// Receipt is the log's answer to a submission: where it says the entry stands.
// Nothing of it is proved; Client.Proof brings what is.
type Receipt struct {
	Index uint64
	// Digest is that of the payload, in lowercase hexadecimal.
	Digest string
	// Duplicate says that the payload had been logged before.
	Duplicate bool
}

// Wait is told how long Submit now waits and why: an attempt that failed, or nil
// where the entry is logged and its publication is awaited.
type Wait func(pause time.Duration, err error)

// PendingError says that the log has accepted an entry and was not seen to
// publish it: sent again, it gets the same index.
type PendingError struct {
	// Location is where the log said the entry will be found.
	Location string
	Err      error
}

func (e *PendingError) Error() string {
	return fmt.Sprintf("the log has accepted the entry and not published it yet (%s): %v", e.Location, e.Err)
}

// Unwrap returns the cause.
func (e *PendingError) Unwrap() error { return e.Err }

// Submit sends an entry and waits until it is published, as long as the context
// allows. It repeats what may be repeated (the same payload always gets the same
// index): a log that cannot accept now, or cannot be reached, and an answer 202,
// whose Location it follows. wait may be nil.
//
// The error is a *StatusError where the log refused the entry, and a
// *PendingError where it accepted it and then did not publish.
func (c *Client) Submit(ctx context.Context, entry []byte, wait Wait) (*Receipt, error) {
	if len(entry) == 0 || len(entry) > tlog.MaxEntry {
		return nil, fmt.Errorf("entry of %d bytes, want 1 to %d", len(entry), tlog.MaxEntry)
	}
	return c.attempts(ctx, wait, func() (*Receipt, bool, error) {
		answer, err := c.do(ctx, http.MethodPost, c.resolve("api/v1/entries"), entry, typeEntry, maxReceipt, []string{typeJSON})
		if err != nil {
			return nil, false, err
		}
		switch answer.status {
		case http.StatusOK, http.StatusCreated:
			receipt, err := answer.receipt()
			return receipt, true, err
		case http.StatusAccepted:
			receipt, err := c.follow(ctx, answer, wait)
			return receipt, true, err
		}
		failed := answer.failure()
		return nil, failed.Refused(), failed
	})
}

// follow waits at the Location of a 202 until the entry there is published.
func (c *Client) follow(ctx context.Context, accepted *answer, wait Wait) (*Receipt, error) {
	receipt, err := accepted.receipt()
	if err != nil {
		return nil, err
	}
	location, err := accepted.url.Parse(accepted.header.Get("Location"))
	if err != nil || accepted.header.Get("Location") == "" || !sameOrigin(location, c.base) {
		return nil, &PendingError{Location: shown(accepted.header.Get("Location")), Err: errors.New("the answer 202 has no Location on the log's own host")}
	}
	if wait != nil {
		wait(0, nil)
	}
	_, err = c.attempts(ctx, wait, func() (*Receipt, bool, error) {
		answer, err := c.do(ctx, http.MethodGet, location, nil, "", maxReceipt, []string{typeText, typeJSON, typeEntry})
		if err != nil {
			return nil, false, err
		}
		switch answer.status {
		case http.StatusOK:
			return receipt, true, nil
		case http.StatusAccepted, http.StatusNotFound:
			// Not published yet: nothing went wrong.
			return nil, false, &StatusError{Status: http.StatusAccepted, URL: shown(answer.url.String()), RetryAfter: retryAfter(answer.header)}
		}
		failed := answer.failure()
		return nil, failed.Refused(), failed
	})
	if err != nil {
		return nil, &PendingError{Location: shown(location.String()), Err: err}
	}
	return receipt, nil
}

// attempts calls try until it is done, with back-off in between.
func (c *Client) attempts(ctx context.Context, wait Wait, try func() (receipt *Receipt, done bool, err error)) (*Receipt, error) {
	pause := firstPause
	unreachable := 0
	for {
		receipt, done, err := try()
		if done || ctx.Err() != nil || errors.Is(err, ErrAnswer) {
			return receipt, err
		}
		next := pause
		status, answered := errors.AsType[*StatusError](err)
		switch {
		case answered:
			unreachable = 0
			next = max(pause, status.RetryAfter)
		case unreachable+1 >= maxFailures:
			return nil, err
		default:
			unreachable++
		}
		if wait != nil {
			reason := err
			if answered && status.Status == http.StatusAccepted {
				reason = nil
			}
			wait(next, reason)
		}
		if sleepErr := c.sleep(ctx, next); sleepErr != nil {
			return nil, fmt.Errorf("%w: %w", sleepErr, err)
		}
		pause = min(2*pause, lastPause)
	}
}

// receipt reads the answer to a submission.
func (a *answer) receipt() (*Receipt, error) {
	var document struct {
		Index     *uint64 `json:"index"`
		Digest    string  `json:"digest"`
		Duplicate bool    `json:"duplicate"`
	}
	if err := json.Unmarshal(a.body, &document); err != nil {
		return nil, fmt.Errorf("%s: receipt: %w", shown(a.url.String()), err)
	}
	if document.Index == nil || *document.Index >= tlog.MaxSize {
		return nil, fmt.Errorf("%s: receipt without an index", shown(a.url.String()))
	}
	return &Receipt{Index: *document.Index, Digest: shown(document.Digest), Duplicate: document.Duplicate}, nil
}

// sleeper waits; the error is the context's.
type sleeper func(ctx context.Context, d time.Duration) error

func sleepContext(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
