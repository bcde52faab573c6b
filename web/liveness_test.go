package web_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/verify"
	"github.com/muster-log/muster/web/webtest"
)

// relyingParty judges the bundle that a log serves of an entry, as a client whose
// rolls may be an hour old.
func relyingParty(t *testing.T, s *webtest.Site, entry string) *verify.Verdict {
	t.Helper()
	age := func(text string) verify.Duration {
		duration, err := verify.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		return duration
	}
	trust, err := verify.NewTrust(s.Policy, &verify.Requirements{Authority: s.Authority, Products: []string{webtest.Product}, Channels: []string{"stable"},
		RollMaxAge: age("1h"), CheckpointMaxAge: age("1h"), MinimumAge: age("1d"), Operators: s.Operators, LogOperator: "log.example"})
	if err != nil {
		t.Fatal(err)
	}
	status, _, body := sendRaw(t, s.URL, http.MethodGet, "/api/v1/entries/"+entry+"/bundle", nil, nil)
	if status != http.StatusOK {
		t.Fatalf("bundle of %s: %d %s", entry, status, body)
	}
	return verify.Bundle([]byte(body), trust, s.Now())
}

// wantVerdict: the result, and which checks failed.
func wantVerdict(t *testing.T, v *verify.Verdict, result verify.Result, failed ...verify.Code) {
	t.Helper()
	var got []verify.Code
	for _, check := range v.Checks {
		if check.Status == verify.StatusFail {
			got = append(got, check.Code)
		}
	}
	if v.Result != result || !slices.Equal(got, failed) {
		t.Errorf("got %s, failed %v; want %s, %v\n%+v", v.Result, got, result, failed, v.Checks)
	}
}

// TestServedBundleIsJudgedLive: what the log serves of a release is all that a
// client asks for, over a quiet week, a renewal, a withdrawal and a rotation.
func TestServedBundleIsJudgedLive(t *testing.T) {
	const day = 24 * time.Hour
	s := webtest.New(t, webtest.Options{Republish: 20 * time.Millisecond})
	os, model, _ := s.Recipe() // 1 to 3
	roll := func() {
		t.Helper()
		entry, _ := s.Sign(s.Roll())
		s.Submit(entry)
	}
	// wait until the witnesses have cosigned the newest size at the clock's time.
	cosigned := func() {
		t.Helper()
		waitFor(t, func() bool {
			newest, _ := s.Log.Checkpoint()
			signed, err := tlog.ParseCheckpoint(newest.Note)
			if err != nil {
				t.Fatal(err)
			}
			good, err := s.Policy.Verify(signed)
			if err != nil {
				t.Fatal(err)
			}
			return s.Policy.Tally(good, s.Operators, "log.example", s.Now()).Fresh == uint64(s.Now().Unix())
		})
	}
	wantVerdict(t, relyingParty(t, s, "3"), verify.Fail, verify.CodeMinimumAge, verify.CodeRoll)

	// The log stands still for a week. A roll of its newest size is as young as the
	// newest cosignatures of that size, and not as old as the first.
	s.Advance(7 * day)
	cosigned()
	roll() // 4
	wantVerdict(t, relyingParty(t, s, "3"), verify.Pass)
	s.Advance(2 * time.Hour)
	cosigned()
	wantVerdict(t, relyingParty(t, s, "3"), verify.Fail, verify.CodeRollAge)
	roll() // 5
	wantVerdict(t, relyingParty(t, s, "3"), verify.Pass)

	// A renewal is as old as its identity.
	renewed := s.Release("2026.11", os, model)
	entry, _ := s.Sign(renewed)
	s.Submit(entry) // 6
	roll()          // 7
	wantVerdict(t, relyingParty(t, s, "6"), verify.Pass)

	// A rotation; then a roll under the new authority.
	s.Rotate() // 8
	roll()     // 9
	wantVerdict(t, relyingParty(t, s, "6"), verify.Pass)

	withdrawal, _ := s.Sign(s.Withdrawal(model))
	s.Submit(withdrawal) // 10
	roll()               // 11
	wantVerdict(t, relyingParty(t, s, "6"), verify.Fail, verify.CodeRollLive)
}
