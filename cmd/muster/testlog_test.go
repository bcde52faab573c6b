package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/internal/command"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/releasetest"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/bundle"
	"github.com/muster-log/muster/tlog/policy"
	"github.com/muster-log/muster/tlog/tlogtest"
)

const testOrigin = "log.example/acme"

// testTime is when everything in a testLog happens.
var testTime = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)

// testLog is a log that holds an authority (entry 0), an os image (1), a model
// (2) and a release of both (3), with three witnesses of which two must cosign.
type testLog struct {
	*tlogtest.Log
	witnesses []tlogtest.Witness
	policy    *policy.Policy
	pin       release.Digest
}

func newTestLog(t *testing.T) *testLog {
	t.Helper()
	l := &testLog{Log: tlogtest.NewLog(t, testOrigin)}
	for _, name := range []string{"w1", "w2", "w3"} {
		l.witnesses = append(l.witnesses, tlogtest.NewWitness(t, name, "operator of "+name, tlog.TypeCosignatureEd25519))
	}
	l.policy = tlogtest.Policy(t, 2, l.witnesses, l.Log)

	made := func(statement *release.Statement, err error) *release.Statement {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return statement
	}
	role := func(name release.RoleName, threshold int, names ...string) (role release.Role) {
		role = release.Role{Name: name, Threshold: threshold}
		for _, name := range names {
			role.Keys = append(role.Keys, releasetest.KeyFromName(name).Key().ID())
		}
		return role
	}
	authority := &release.Authority{Version: 1, Issued: testTime, Origin: testOrigin, Expires: testTime.AddDate(1, 0, 0), Keys: map[release.KeyID]release.Key{},
		Roles:    []release.Role{role(release.RoleRoot, 1, "root1"), role(release.RoleImage, 1, "ci"), role(release.RoleRelease, 2, "rel1", "rel2")},
		Channels: []release.Channel{{Name: "stable", Mode: release.ModeProduction}}, Limits: release.Limits{PublishWithinDays: 30, ReleaseDays: 90}}
	for _, name := range []string{"root1", "ci", "rel1", "rel2"} {
		key := releasetest.KeyFromName(name).Key()
		authority.Keys[key.ID()] = key
	}
	l.pin = l.admit(t, made(release.NewAuthority(authority)), "root1")
	var images []release.Digest
	for _, name := range []string{"node-os", "llama"} {
		data, err := os.ReadFile("testdata/measurement/" + name + ".json")
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
		image := &release.Image{Issued: testTime, Authority: l.pin, Product: "acme/ai", Kind: measured.kind, Name: name, Version: "1", SecurityVersion: 1,
			Mode: release.ModeProduction, Measurements: measured.measurements, Artifacts: measured.artifacts, PublishBy: testTime.AddDate(0, 0, 7)}
		images = append(images, l.admit(t, made(release.NewImage(image)), "ci"))
	}
	stated := &release.Release{Issued: testTime, Authority: l.pin, Product: "acme/ai", Channel: "stable", Version: "2026.11", NotAfter: testTime.AddDate(0, 0, 60), Images: images}
	l.admit(t, made(release.NewRelease(stated)), "rel1", "rel2")
	return l
}

func (l *testLog) admit(t *testing.T, statement *release.Statement, signers ...string) release.Digest {
	t.Helper()
	entry, digest := releasetest.SignStatement(t, statement, signers...)
	l.Add(entry)
	return digest
}

// cosigned returns the checkpoint of a log at a size, cosigned by w1 and w2.
func (l *testLog) cosigned(log *tlogtest.Log, size uint64, when time.Time) []byte {
	return log.Checkpoint(size, l.witnesses[0].At(when), l.witnesses[1].At(when)).Marshal()
}

// site answers as the log's server: what a test sets goes before what is true.
type site struct {
	log        *tlogtest.Log
	checkpoint []byte
	answers    map[string]answer // by path
	requests   []string
}

type answer struct {
	status      int
	contentType string
	body        []byte
}

func (l *testLog) site(log *tlogtest.Log, checkpoint []byte) *site {
	return &site{log: log, checkpoint: checkpoint, answers: map[string]answer{"/api/v1/policy": {200, "text/plain", l.policy.Marshal()}}}
}

func (s *site) serve(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server.URL
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests = append(s.requests, r.URL.Path)
	found, ok := s.answers[r.URL.Path]
	if !ok {
		found = s.honest(r.URL.Path)
	}
	w.Header().Set("Content-Type", found.contentType)
	w.WriteHeader(found.status)
	w.Write(found.body)
}

// honest serves the checkpoint, and the tiles of a log of less than 256 entries.
func (s *site) honest(path string) answer {
	if path == "/checkpoint" {
		return answer{200, "text/plain", s.checkpoint}
	}
	var tile, entries []byte
	for width := uint64(1); width <= s.log.Size(); width++ {
		entry := s.log.Entry(width - 1)
		leaf := tlog.LeafHash(entry)
		tile = append(tile, leaf[:]...)
		entries, _ = tlog.AppendEntry(entries, entry)
		switch path {
		case "/" + tlog.TilePath(0, 0, int(width)):
			return answer{200, "application/octet-stream", tile}
		case "/" + tlog.EntriesPath(0, int(width)):
			return answer{200, "application/octet-stream", entries}
		}
	}
	return answer{404, "text/plain", nil}
}

// files writes a relying party's two files into a directory, and returns the
// flags that name them.
func (l *testLog) files(t *testing.T, requirements string) []string {
	t.Helper()
	directory := t.TempDir()
	flags := []string{"--policy", filepath.Join(directory, "log.policy"), "--requirements", filepath.Join(directory, "requirements.json")}
	put(t, flags[1], l.policy.Marshal())
	put(t, flags[3], []byte(requirements))
	return flags
}

// requirements are what accepts the release of a testLog, with changes as pairs
// of a member and its JSON.
func (l *testLog) requirements(t *testing.T, changes ...string) string {
	t.Helper()
	members := map[string]json.RawMessage{
		"authority": json.RawMessage(`{"sha256":"` + l.pin.String() + `"}`), "products": json.RawMessage(`["acme/ai"]`), "channels": json.RawMessage(`["stable"]`),
		"rollMaxAge": json.RawMessage(`"none"`), "checkpointMaxAge": json.RawMessage(`"1d"`), "minimumAge": json.RawMessage(`"none"`), "logOperator": json.RawMessage(`"Acme"`),
	}
	operators, err := json.Marshal(tlogtest.Operators(l.witnesses...))
	if err != nil {
		t.Fatal(err)
	}
	members["operators"] = operators
	for i := 0; i < len(changes); i += 2 {
		members[changes[i]] = json.RawMessage(changes[i+1])
	}
	data, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// bundleOf is the proof bundle of the release.
func (l *testLog) bundleOf(t *testing.T) *bundle.Bundle {
	t.Helper()
	checkpoint, err := tlog.ParseCheckpoint(l.cosigned(l.Log, l.Size(), testTime.Add(time.Minute)))
	if err != nil {
		t.Fatal(err)
	}
	return l.Bundle(checkpoint, nil, 0, 1, 2, 3)
}

func put(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// result is what a command line came to.
type result struct {
	code        int
	out, errOut string
}

// muster runs a command line in this process an hour after testTime.
func muster(t *testing.T, args ...string) result {
	return musterAt(t, testTime.Add(time.Hour), args...)
}

func musterAt(t *testing.T, when time.Time, args ...string) result {
	t.Helper()
	var out, errOut bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	code := run(ctx, args, func() time.Time { return when }, strings.NewReader(""), &out, &errOut)
	return result{code, out.String(), errOut.String()}
}

// want checks the exit code in text and under --json, the code of an error, and
// that both say the same.
func want(t *testing.T, code int, errorCode string, args ...string) result {
	t.Helper()
	text := muster(t, args...)
	asJSON := muster(t, append(args, "--json")...)
	if text.code != code || asJSON.code != code {
		t.Fatalf("%v: got exit codes %d and %d, want %d\n%s%s%s", args, text.code, asJSON.code, code, text.out, text.errOut, asJSON.out)
	}
	var failure command.Explained
	if err := json.Unmarshal([]byte(asJSON.out), &failure); err != nil {
		t.Fatalf("%v: stdout under --json is not one JSON object: %v\n%s", args, err, asJSON.out)
	}
	if failure.Error.Code != errorCode {
		t.Errorf("%v: got code %q, want %q\n%s", args, failure.Error.Code, errorCode, text.errOut)
	}
	if errorCode != "" && (failure.Exit != code || !strings.HasPrefix(text.errOut[strings.LastIndex(text.errOut, "muster: "):], fmt.Sprintf("muster: %s\n", failure.Error.Message))) {
		t.Errorf("%v: text and JSON differ:\n%s%s", args, text.errOut, asJSON.out)
	}
	return text
}
