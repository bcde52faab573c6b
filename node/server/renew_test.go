package server

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/verify"
)

// judgedAs makes verdicts of bundles that are texts: size, result and identity.
func judgedAs(size uint64, result verify.Result, version string, failed ...verify.Code) *verify.Verdict {
	v := &verify.Verdict{Result: result, Deadline: time.Now().Add(time.Hour), Judged: verify.Judged{Size: size, Release: &release.Release{Product: "acme/ai", Channel: "stable", Version: version, Images: []release.Digest{{version[0]}}}}}
	for _, code := range failed {
		v.Checks = append(v.Checks, verify.Check{Code: code, Status: verify.StatusFail})
	}
	return v
}

// TestRenewal: a newer bundle is taken only if it is good, of this release and not
// older; one that says the release is withdrawn is taken, too.
func TestRenewal(t *testing.T) {
	verdicts := map[string]*verify.Verdict{
		"first":     judgedAs(10, verify.Pass, "1"),
		"newer":     judgedAs(12, verify.Pass, "1"),
		"older":     judgedAs(9, verify.Pass, "1"),
		"other":     judgedAs(13, verify.Pass, "2"),
		"broken":    judgedAs(14, verify.Fail, "1", verify.CodeQuorum),
		"withdrawn": judgedAs(15, verify.Fail, "1", verify.CodeRollLive),
	}
	fetched := []string{"error", "older", "other", "broken", "newer", "older", "withdrawn", "newer"}
	var taken, stored []string
	var waited []time.Duration
	var said strings.Builder
	r := &Renewal{
		Fetch: func(context.Context, verify.Judged) ([]byte, error) {
			next := fetched[0]
			fetched = fetched[1:]
			if next == "error" {
				return nil, errors.New("the log is away")
			}
			return []byte(next), nil
		},
		Judge: func(bundle []byte) *verify.Verdict { return verdicts[string(bundle)] },
		Store: func(bundle []byte) error { stored = append(stored, string(bundle)); return nil },
		pause: func(_ context.Context, d time.Duration) bool { waited = append(waited, d); return len(fetched) > 0 },
	}
	r.run(t.Context(), []byte("first"), func(bundle []byte) { taken = append(taken, string(bundle)) }, slog.New(slog.NewTextHandler(&said, nil)))
	if got := strings.Join(taken, " "); got != "newer withdrawn" || strings.Join(stored, " ") != got {
		t.Errorf("took %q, stored %q, want newer withdrawn", taken, stored)
	}
	for _, word := range []string{"the log is away", "of another release", "of size 9", "quorum", "withdrawn"} {
		if !strings.Contains(said.String(), word) {
			t.Errorf("the log does not say %q:\n%s", word, said.String())
		}
	}
	if first := waited[0]; first < 17*time.Minute || first > 23*time.Minute {
		t.Errorf("waited %s at first, want about a third of an hour", first)
	}
	if waited[1] != retryPause {
		t.Errorf("waited %s after a failure, want %s", waited[1], retryPause)
	}
}

func TestUntilNext(t *testing.T) {
	now := time.Now()
	for name, test := range map[string]struct {
		deadline  time.Time
		low, high time.Duration
	}{
		"none":       {time.Time{}, maxPause * 9 / 10, maxPause * 11 / 10},
		"a day":      {now.Add(24 * time.Hour), maxPause * 9 / 10, maxPause * 11 / 10},
		"a minute":   {now.Add(time.Minute), 18 * time.Second, 22 * time.Second},
		"long since": {now.Add(-time.Hour), minPause * 9 / 10, minPause * 11 / 10},
	} {
		if got := untilNext(&verify.Verdict{Deadline: test.deadline}, now); got < test.low || got > test.high {
			t.Errorf("%s: got %s, want %s to %s", name, got, test.low, test.high)
		}
	}
}
