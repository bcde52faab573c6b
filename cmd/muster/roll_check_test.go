package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/releasetest"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/tlogtest"
)

// newRollLog is a testLog under an authority that has roles for withdrawals and rolls:
// an os image (1), a release of it (2).
func newRollLog(t *testing.T) (l *testLog, approved release.Digest) {
	t.Helper()
	l = &testLog{Log: tlogtest.NewLog(t, testOrigin)}
	for _, name := range []string{"w1", "w2", "w3"} {
		l.witnesses = append(l.witnesses, tlogtest.NewWitness(t, name, "operator of "+name, tlog.TypeCosignatureEd25519))
	}
	l.policy = tlogtest.Policy(t, 2, l.witnesses, l.Log)
	authority := &release.Authority{Version: 1, Issued: testTime, Origin: testOrigin, Expires: testTime.AddDate(1, 0, 0), Keys: map[release.KeyID]release.Key{},
		Channels: []release.Channel{{Name: "stable", Mode: release.ModeProduction}}, Limits: release.Limits{PublishWithinDays: 30, ReleaseDays: 90}}
	for _, name := range []release.RoleName{release.RoleRoot, release.RoleImage, release.RoleRelease, release.RoleWithdraw, release.RoleRoll} {
		key := releasetest.KeyFromName(string(name)).Key()
		authority.Keys[key.ID()] = key
		authority.Roles = append(authority.Roles, release.Role{Name: name, Keys: []release.KeyID{key.ID()}, Threshold: 1})
	}
	l.pin = l.state(t, authority, release.RoleRoot)
	data, err := os.ReadFile("testdata/measurement/node-os.json")
	if err != nil {
		t.Fatal(err)
	}
	measured, err := parseMeasurement(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := assignURLs(measured.artifacts, []string{"https://dl.example/"}); err != nil {
		t.Fatal(err)
	}
	image := l.state(t, &release.Image{Issued: testTime, Authority: l.pin, Product: "acme/ai", Kind: measured.kind, Name: "node-os", Version: "1", SecurityVersion: 1,
		Mode: release.ModeProduction, Measurements: measured.measurements, Artifacts: measured.artifacts, PublishBy: testTime.AddDate(0, 0, 7)}, release.RoleImage)
	approved = l.state(t, &release.Release{Issued: testTime, Authority: l.pin, Product: "acme/ai", Channel: "stable", Version: "1", NotAfter: testTime.AddDate(0, 0, 60), Images: []release.Digest{image}}, release.RoleRelease)
	return l, approved
}

// state logs a statement signed by the key of a role.
func (l *testLog) state(t *testing.T, predicate release.Predicate, role release.RoleName) release.Digest {
	t.Helper()
	var statement *release.Statement
	var err error
	switch stated := predicate.(type) {
	case *release.Authority:
		statement, err = release.NewAuthority(stated)
	case *release.Image:
		statement, err = release.NewImage(stated)
	case *release.Release:
		statement, err = release.NewRelease(stated)
	case *release.Withdrawal:
		statement, err = release.NewWithdrawal(stated)
	case *release.Roll:
		statement, err = release.NewRoll(stated)
	}
	if err != nil {
		t.Fatal(err)
	}
	return l.admit(t, statement, string(role))
}

// roll states what is listed at a size of the log.
func (l *testLog) roll(size uint64, live ...release.Digest) *release.Roll {
	return &release.Roll{Issued: testTime, Authority: l.pin, Product: "acme/ai", Origin: testOrigin, Size: size, Root: release.Digest(l.Root(size)), Live: live, Rules: release.RollRules}
}

// rollChecks runs roll check and returns what it says of each roll.
func rollChecks(t *testing.T, l *testLog, code int, more ...string) []checkedRoll {
	t.Helper()
	site := l.site(l.Log, l.cosigned(l.Log, l.Size(), testTime.Add(time.Minute)))
	policy := filepath.Join(t.TempDir(), "log.policy")
	put(t, policy, l.policy.Marshal())
	args := append([]string{"roll", "check", "--log", site.serve(t), "--policy", policy}, more...)
	got := muster(t, append(args, "--json")...)
	var said struct {
		Error struct{ Code string }
		Rolls []checkedRoll
	}
	if err := json.Unmarshal([]byte(got.out), &said); err != nil || got.code != code || said.Error.Code != "" {
		t.Fatalf("got exit code %d, %v, want %d\n%s%s", got.code, err, code, got.out, got.errOut)
	}
	return said.Rolls
}

// TestRollCheck: each way in which a roll can be false is said.
func TestRollCheck(t *testing.T) {
	tests := []struct {
		name   string
		change func(l *testLog, r *release.Roll)
		role   release.RoleName
		want   string
	}{
		{"true", func(*testLog, *release.Roll) {}, release.RoleRoll, ""},
		{"nothing listed", func(_ *testLog, r *release.Roll) { r.Live = nil }, release.RoleRoll, "roll-live predicate.live"},
		{"more listed", func(_ *testLog, r *release.Roll) { r.Live = append(r.Live, release.Digest{0xff}) }, release.RoleRoll, "roll-live predicate.live"},
		{"another root", func(_ *testLog, r *release.Roll) { r.Root = release.Digest{1} }, release.RoleRoll, "roll-root predicate.root"},
		{"another log", func(_ *testLog, r *release.Roll) { r.Origin = "log.example/other" }, release.RoleRoll, "roll-origin subject[0].name"},
		{"another authority", func(_ *testLog, r *release.Roll) { r.Authority = release.Digest{1} }, release.RoleRoll, "authority-not-in-force predicate.authority"},
		{"a size to come", func(_ *testLog, r *release.Roll) { r.Size = 4 }, release.RoleRoll, "roll-size-ahead predicate.size"},
		{"by a key of another role", func(*testLog, *release.Roll) {}, release.RoleRelease, "signer-outside-role signatures[0].keyid"},
		{"all at once", func(_ *testLog, r *release.Roll) {
			r.Live, r.Root, r.Authority = nil, release.Digest{1}, release.Digest{2}
		}, release.RoleRoll,
			"authority-not-in-force predicate.authority, roll-root predicate.root, roll-live predicate.live"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, approved := newRollLog(t)
			stated := l.roll(3, approved)
			tt.change(l, stated)
			digest := l.state(t, stated, tt.role)
			code := exitcode.Verified
			if tt.want != "" {
				code = exitcode.Refused
			}
			checked := rollChecks(t, l, code)
			if len(checked) != 1 || *checked[0].Index != 3 || checked[0].Digest != digest || checked[0].True != (tt.want == "") || checked[0].Evidence != "" {
				t.Fatalf("got %+v", checked)
			}
			var found []string
			for _, d := range checked[0].Differences {
				found = append(found, fmt.Sprint(d.Code, " ", d.Member))
			}
			if got := strings.Join(found, ", "); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestRollCheckEvidence: a roll that lists what was withdrawn before its size is
// evidence; one whose withdrawal came later is none.
func TestRollCheckEvidence(t *testing.T) {
	l, approved := newRollLog(t)
	l.state(t, l.roll(3, approved), release.RoleRoll)
	l.state(t, &release.Withdrawal{Issued: testTime, Authority: l.pin, Product: "acme/ai", Target: approved, Reason: release.ReasonDefect}, release.RoleWithdraw)
	file := filepath.Join(t.TempDir(), "false.fork")
	late := l.roll(4, approved) // what was live at 4 was withdrawn at 4: true
	late.Issued = testTime.Add(time.Second)
	l.state(t, late, release.RoleRoll)
	for _, checked := range rollChecks(t, l, exitcode.Verified, "--evidence", file) {
		if !checked.True {
			t.Errorf("got %+v", checked)
		}
	}
	l.state(t, l.roll(6, approved), release.RoleRoll)
	checked := rollChecks(t, l, exitcode.Misbehaved, "--evidence", file)
	if len(checked) != 3 || !checked[0].True || !checked[1].True || checked[2].True || checked[2].Evidence != file {
		t.Fatalf("got %+v", checked)
	}
	policy := filepath.Join(t.TempDir(), "log.policy")
	put(t, policy, l.policy.Marshal())
	if got := muster(t, "verify", "fork", file, "--policy", policy); got.code != 0 {
		t.Errorf("got exit code %d\n%s%s", got.code, got.out, got.errOut)
	}
}

// image returns what entry 1 states.
func (l *testLog) image(t *testing.T) *release.Image {
	t.Helper()
	envelope, err := release.ParseEnvelope(l.Entry(1))
	if err != nil {
		t.Fatal(err)
	}
	statement, err := release.ParseStatement(envelope.Payload)
	if err != nil {
		t.Fatal(err)
	}
	return statement.Predicate.(*release.Image)
}

// imageDigest returns the payload digest of entry 1.
func (l *testLog) imageDigest(t *testing.T) release.Digest {
	t.Helper()
	envelope, err := release.ParseEnvelope(l.Entry(1))
	if err != nil {
		t.Fatal(err)
	}
	return envelope.PayloadDigest()
}

// TestRollCheckEvidenceOfAnImage: an image is withdrawn under a live release, and a
// roll still lists the release: the evidence holds the image, too.
func TestRollCheckEvidenceOfAnImage(t *testing.T) {
	l, approved := newRollLog(t)
	l.state(t, &release.Withdrawal{Issued: testTime, Authority: l.pin, Product: "acme/ai", Target: l.imageDigest(t), Reason: release.ReasonDefect}, release.RoleWithdraw)
	l.state(t, l.roll(4, approved), release.RoleRoll)
	file := filepath.Join(t.TempDir(), "false.fork")
	checked := rollChecks(t, l, exitcode.Misbehaved, "--evidence", file)
	if len(checked) != 1 || checked[0].True || checked[0].Evidence != file {
		t.Fatalf("got %+v", checked)
	}
	site := l.site(l.Log, l.cosigned(l.Log, l.Size(), testTime.Add(time.Minute)))
	policy := filepath.Join(t.TempDir(), "log.policy")
	put(t, policy, l.policy.Marshal())
	said := want(t, 0, "", "verify", "fork", file, "--policy", policy, "--log", site.serve(t))
	if !matches(said.out, "confirmed +yes, by a replay of the log$") {
		t.Errorf("got %s", said.out)
	}
}

// TestRollCheckOfTwoFalseRolls: each has evidence of its own, and the command can be
// called again.
func TestRollCheckOfTwoFalseRolls(t *testing.T) {
	l, approved := newRollLog(t)
	l.state(t, &release.Withdrawal{Issued: testTime, Authority: l.pin, Product: "acme/ai", Target: approved, Reason: release.ReasonDefect}, release.RoleWithdraw)
	l.state(t, l.roll(4, approved), release.RoleRoll)
	l.state(t, l.roll(5, approved), release.RoleRoll)
	site := l.site(l.Log, l.cosigned(l.Log, l.Size(), testTime.Add(time.Minute))).serve(t)
	t.Chdir(t.TempDir())
	put(t, "log.policy", l.policy.Marshal())
	for _, more := range [][]string{{"--evidence", "first.fork"}, {"--evidence", "first.fork"}, nil, nil} {
		got := muster(t, append([]string{"roll", "check", "--log", site, "--policy", "log.policy"}, more...)...)
		if got.code != exitcode.Misbehaved || got.errOut != "" {
			t.Fatalf("%v: got exit code %d\n%s%s", more, got.code, got.out, got.errOut)
		}
	}
	written, err := filepath.Glob("*.fork")
	if err != nil || len(written) != 3 || written[0] != "first.fork" {
		t.Fatalf("got %v, %v", written, err)
	}
	for _, file := range written {
		want(t, exitcode.Verified, "", "verify", "fork", file, "--policy", "log.policy", "--log", site)
	}
}

// TestRollCheckAccusesNoOther: a roll that lists what was withdrawn and is nobody's
// word is false, and no evidence.
func TestRollCheckAccusesNoOther(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*release.Roll)
		role   release.RoleName
	}{
		"by a key of another role": {func(*release.Roll) {}, release.RoleRelease},
		"of another log":           {func(r *release.Roll) { r.Origin = "log.example/other" }, release.RoleRoll},
		"of another tree":          {func(r *release.Roll) { r.Root = release.Digest{1} }, release.RoleRoll},
	} {
		l, approved := newRollLog(t)
		l.state(t, &release.Withdrawal{Issued: testTime, Authority: l.pin, Product: "acme/ai", Target: approved, Reason: release.ReasonDefect}, release.RoleWithdraw)
		stated := l.roll(4, approved)
		test.change(stated)
		l.state(t, stated, test.role)
		if checked := rollChecks(t, l, exitcode.Refused); len(checked) != 1 || checked[0].True || checked[0].Evidence != "" {
			t.Errorf("%s: got %+v", name, checked)
		}
	}
}

// TestRollSignRefusesFalse: a draft that is false gets no signature, whoever signed it.
func TestRollSignRefusesFalse(t *testing.T) {
	l, approved := newRollLog(t)
	statement, err := release.NewRoll(l.roll(3, approved, release.Digest{0xff}))
	if err != nil {
		t.Fatal(err)
	}
	draft, _ := releasetest.SignStatement(t, statement, "somebody")
	directory := t.TempDir()
	path, key, policy := filepath.Join(directory, "roll.json"), filepath.Join(directory, "roll.key"), filepath.Join(directory, "log.policy")
	put(t, path, draft)
	put(t, policy, l.policy.Marshal())
	if got := muster(t, "key", "generate", "--out", key); got.code != 0 {
		t.Fatal(got.errOut)
	}
	url := l.site(l.Log, l.cosigned(l.Log, l.Size(), testTime.Add(time.Minute))).serve(t)
	got := want(t, exitcode.Refused, "roll-live", "roll", "sign", path, "--key", key, "--log", url, "--policy", policy)
	if !strings.Contains(got.errOut, "differs from what the log holds") {
		t.Errorf("got %s", got.errOut)
	}
	if kept, err := os.ReadFile(path); err != nil || string(kept) != string(draft) {
		t.Errorf("the draft was changed: %v", err)
	}
}
