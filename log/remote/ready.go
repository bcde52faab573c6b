package remote

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// maxMissing bounds how many missing witnesses are taken from a log's answer.
const maxMissing = 64

// Readiness is what a log says of itself: whether what is submitted now is
// published. Nothing of it is proved.
type Readiness struct {
	Ready bool
	// Quorum says whether enough witnesses answered it the last time.
	Quorum bool
	// Missing are the witnesses that did not; at most 64, each fit to be shown.
	Missing []string
	// Retired is set where the log has ended in favour of another.
	Retired *Retirement
}

// Retirement says which entry retired a log, in favour of which.
type Retirement struct {
	Index     uint64
	Successor string // an origin, fit to be shown
}

// Ready asks the log whether it publishes. A log that does not is no error.
func (c *Client) Ready(ctx context.Context) (*Readiness, error) {
	answer, err := c.do(ctx, http.MethodGet, c.resolve("readyz"), nil, "", maxProblem, []string{typeJSON})
	if err != nil {
		return nil, err
	}
	if answer.status != http.StatusOK && answer.status != http.StatusServiceUnavailable {
		return nil, answer.failure()
	}
	if err := checkType(answer.header.Get("Content-Type"), []string{typeJSON}); err != nil {
		return nil, fmt.Errorf("%s: %w", shown(answer.url.String()), err)
	}
	var document struct {
		Ready   bool     `json:"ready"`
		Quorum  bool     `json:"quorum"`
		Missing []string `json:"missing"`
		Retired *struct {
			Index     uint64 `json:"index"`
			Successor string `json:"successor"`
		} `json:"retired"`
	}
	if err := json.Unmarshal(answer.body, &document); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", shown(answer.url.String()), ErrAnswer, err)
	}
	readiness := &Readiness{Ready: document.Ready && answer.status == http.StatusOK, Quorum: document.Quorum}
	for _, name := range document.Missing[:min(len(document.Missing), maxMissing)] {
		readiness.Missing = append(readiness.Missing, shown(name))
	}
	if document.Retired != nil {
		readiness.Retired = &Retirement{Index: document.Retired.Index, Successor: shown(document.Retired.Successor)}
	}
	return readiness, nil
}
