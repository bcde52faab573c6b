package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/tlogtest"
	"github.com/muster-log/muster/verify"
)

// accusedRoll is evidence of entries of a log against its roll, in a file beside the
// policy.
func accusedRoll(t *testing.T, l *testLog, size uint64, indices ...uint64) (file, policy string) {
	t.Helper()
	checkpoint, err := tlog.ParseCheckpoint(l.cosigned(l.Log, l.Size(), testTime.Add(time.Minute)))
	if err != nil {
		t.Fatal(err)
	}
	evidence, err := verify.NewFalseRoll(checkpoint, l.Bundle(checkpoint, nil, indices...).Entries, l.Consistency(size, l.Size()))
	if err != nil {
		t.Fatal(err)
	}
	data, err := evidence.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	file, policy = filepath.Join(directory, "accusation.fork"), filepath.Join(directory, "log.policy")
	put(t, file, data)
	put(t, policy, l.policy.Marshal())
	return file, policy
}

// judged runs verify fork and returns its JSON.
func judged(t *testing.T, code int, args ...string) *shownFork {
	t.Helper()
	got := want(t, code, "", append([]string{"verify", "fork"}, args...)...)
	asJSON := muster(t, append(append([]string{"verify", "fork"}, args...), "--json")...)
	var shown shownFork
	if err := json.Unmarshal([]byte(asJSON.out), &shown); err != nil || shown.Confirmed == nil {
		t.Fatalf("%v: %s", err, asJSON.out)
	}
	if confirmed := matches(got.out, "confirmed +yes, by a replay of the log$"); confirmed != *shown.Confirmed {
		t.Errorf("text and JSON differ: %s%s", got.out, asJSON.out)
	}
	return &shown
}

// TestFalseRollIsConfirmedByAReplay: evidence that accuses an honest signer holds
// offline, says that it is not confirmed, and a replay refutes it.
func TestFalseRollIsConfirmedByAReplay(t *testing.T) {
	// The signer is honest: the log held the withdrawal back, until it was void.
	l, approved := newRollLog(t)
	late := testTime.Add(8 * 24 * time.Hour)
	image := l.image(t)
	image.Issued, image.Name, image.PublishBy = late, "another-os", late.AddDate(0, 0, 7)
	l.state(t, image, release.RoleImage)
	l.state(t, &release.Withdrawal{Issued: testTime, Authority: l.pin, Product: "acme/ai", Target: approved, Reason: release.ReasonDefect}, release.RoleWithdraw)
	honest := l.roll(5, approved)
	honest.Issued = late
	l.state(t, honest, release.RoleRoll)
	file, policy := accusedRoll(t, l, 5, 0, 2, 4, 5)
	if shown := judged(t, exitcode.Verified, file, "--policy", policy); *shown.Confirmed || shown.Result != isEvidence || shown.Refuted != "" {
		t.Errorf("offline: got %+v", shown)
	}
	site := l.site(l.Log, l.cosigned(l.Log, l.Size(), testTime.Add(time.Minute)))
	if shown := judged(t, exitcode.Refused, file, "--policy", policy, "--log", site.serve(t)); *shown.Confirmed || shown.Result != refuted || !matches(shown.Refuted, "index 4 to be void: issued-behind-log-time$") {
		t.Errorf("replayed: got %+v", shown)
	}

	// The signer is not: a release was withdrawn, and the log has grown since.
	l, approved = newRollLog(t)
	l.state(t, &release.Withdrawal{Issued: testTime, Authority: l.pin, Product: "acme/ai", Target: approved, Reason: release.ReasonDefect}, release.RoleWithdraw)
	l.state(t, l.roll(4, approved), release.RoleRoll)
	file, policy = accusedRoll(t, l, 4, 0, 2, 3, 4)
	before := l.cosigned(l.Log, 4, testTime)
	l.state(t, l.roll(5), release.RoleRoll)
	site = l.site(l.Log, l.cosigned(l.Log, l.Size(), testTime.Add(time.Minute)))
	if shown := judged(t, exitcode.Verified, file, "--policy", policy, "--log", site.serve(t)); !*shown.Confirmed || shown.Result != isEvidence {
		t.Errorf("replayed: got %+v", shown)
	}

	// A log that shows less than it did tells nothing; one that shows another history is
	// evidence itself.
	want(t, exitcode.Unknown, "older-checkpoint", "verify", "fork", file, "--policy", policy, "--log", l.site(l.Log, before).serve(t))
	t.Chdir(t.TempDir())
	forked := *l
	forked.Log = l.Fork(4)
	for range 3 {
		forked.Add([]byte("another history"))
	}
	url := forked.site(forked.Log, forked.cosigned(forked.Log, 7, testTime.Add(time.Hour))).serve(t)
	got := muster(t, "verify", "fork", file, "--policy", policy, "--log", url, "--json")
	written, err := filepath.Glob("*.fork")
	if err != nil || got.code != exitcode.Misbehaved || len(written) != 1 {
		t.Fatalf("got exit code %d, evidence %v, %v\n%s%s", got.code, written, err, got.out, got.errOut)
	}
	want(t, exitcode.Verified, "", "verify", "fork", written[0], "--policy", policy)
	if data, err := os.ReadFile(written[0]); err != nil || !matches(string(data), `"kind":"prefix"`) {
		t.Errorf("got %s, %v", data, err)
	}
	other := *l
	other.Log = tlogtest.NewLog(t, "log.example/other")
	want(t, exitcode.Refused, "checkpoint-signature", "verify", "fork", file, "--policy", policy, "--log", other.site(other.Log, other.cosigned(other.Log, 0, testTime)).serve(t))
}
