package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/release"
)

// Readiness is the answer of /readyz.
type Readiness struct {
	Ready  bool   `json:"ready"`
	Origin string `json:"origin"`
	// Size is the number of durable entries, Published that of the newest
	// checkpoint.
	Size      uint64             `json:"size"`
	Published uint64             `json:"published"`
	Quorum    bool               `json:"quorum"`
	Problem   string             `json:"problem,omitempty"`
	Missing   []string           `json:"missing"`
	Witnesses []WitnessReadiness `json:"witnesses"`
	// Authority is the one in force; absent before entry 0.
	Authority *AuthorityReadiness `json:"authority,omitempty"`
	// Retired is there once the log admits nothing more, for ever. It goes on
	// publishing what it has, and is ready.
	Retired *Retirement `json:"retired,omitempty"`
	Void    uint64      `json:"void"`
	Unknown uint64      `json:"unknown"`
	// Alarms say in words what the operator must do something about.
	Alarms []string `json:"alarms"`
}

// AuthorityReadiness is the authority in force.
type AuthorityReadiness struct {
	Version int    `json:"version"`
	Index   uint64 `json:"index"`
	Expires string `json:"expires"`
}

// Retirement says which entry retired the log, in favour of which.
type Retirement struct {
	Index     uint64 `json:"index"`
	Successor string `json:"successor"`
}

// WitnessReadiness says how one witness of the policy stands.
type WitnessReadiness struct {
	Name     string `json:"name"`
	Size     uint64 `json:"size"`
	Cosigned string `json:"cosigned,omitempty"`
	// Problem is why it did not cosign the last time it was asked.
	Problem string `json:"problem,omitempty"`
	RetryAt string `json:"retryAt,omitempty"`
	// UnknownLog: its operator has to add this log.
	UnknownLog bool   `json:"unknownLog"`
	Alarm      string `json:"alarm,omitempty"`
}

// ready answers 200 while submissions are published under quorum, 503 else. A
// log that is not ready still serves everything it published.
func (a *API) ready(c echo.Context) error {
	readiness := readinessOf(a.config.Log.Status())
	body, err := marshal(readiness)
	if err != nil {
		return err
	}
	header := c.Response().Header()
	header.Set("Cache-Control", "no-store")
	status := http.StatusOK
	if !readiness.Ready {
		status = http.StatusServiceUnavailable
		header.Set("Retry-After", strconv.Itoa(retryPublished))
	}
	return c.Blob(status, typeJSON, body)
}

func readinessOf(status log.Status) Readiness {
	readiness := Readiness{
		Ready:     status.Quorum && status.Published > 0,
		Origin:    status.Origin,
		Size:      status.Size,
		Published: status.Published,
		Quorum:    status.Quorum,
		Problem:   status.Problem,
		Missing:   []string{},
		Witnesses: []WitnessReadiness{},
		Void:      status.Void,
		Unknown:   status.Unknown,
		Alarms:    append([]string{}, status.Alarms...),
	}
	if authority := status.Authority; authority.Version > 0 {
		readiness.Authority = &AuthorityReadiness{Version: authority.Version, Index: authority.Index, Expires: instant(authority.Expires)}
	}
	if status.Retired != nil {
		readiness.Retired = &Retirement{Index: status.Retired.Index, Successor: status.Retired.Successor}
	}
	for _, witness := range status.Witnesses {
		each := WitnessReadiness{Name: witness.Name, Size: witness.Size, Cosigned: instant(witness.Cosigned), RetryAt: instant(witness.RetryAt), UnknownLog: witness.UnknownLog, Alarm: witness.Alarm}
		if witness.Error != "" || witness.Cosigned.IsZero() {
			each.Problem = witness.Problem()
			readiness.Missing = append(readiness.Missing, witness.Name)
		}
		readiness.Witnesses = append(readiness.Witnesses, each)
	}
	return readiness
}

// instant writes a time; none is the empty text.
func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return release.FormatTime(t)
}
