package main

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/release/releasetest"
	"github.com/muster-log/muster/web/webtest"
)

// longLog is a site whose releases stand in every way, and the policy for it.
func longLog(t *testing.T) (*webtest.Site, string) {
	t.Helper()
	void, err := release.NewRelease(&release.Release{Issued: webtest.Start, Authority: release.Digest{1}, Product: webtest.Product, Channel: "stable", Version: "void",
		NotAfter: webtest.Start.AddDate(0, 0, 5), Images: []release.Digest{{2}}})
	if err != nil {
		t.Fatal(err)
	}
	entry, _ := releasetest.SignStatement(t, void, "rel1", "rel2")
	s := webtest.New(t, webtest.Options{Entries: [][]byte{entry, []byte("{}")}}) // 1, 2
	submit := func(predicate release.Predicate) release.Digest {
		entry, digest := s.Sign(predicate)
		s.Submit(entry)
		return digest
	}
	node, llama, _ := s.Recipe() // 3, 4, 5
	s.Advance(24 * time.Hour)
	submit(s.Release("2026.11", node, llama)) // 6, a renewal
	next := submit(s.OS("node-os", "1.5.0"))  // 7
	submit(s.Release("2026.12", next, llama)) // 8
	submit(s.Withdrawal(next))                // 9
	brief := s.Release("brief", node)         // 10
	brief.NotAfter = s.Now().Add(24 * time.Hour)
	submit(brief)
	s.Advance(48 * time.Hour)
	lab := s.Release("lab", node) // 11
	lab.Channel = "lab"
	submit(lab)
	submit(s.Release("2027.1", node, submit(s.Model("llama", "4")))) // 12, 13
	policyFile := filepath.Join(t.TempDir(), "log.policy")
	put(t, policyFile, s.Policy.Marshal())
	return s, policyFile
}

// TestListsAgree: what an honest log's index lists is what a replay makes of the
// same log, whatever is asked for.
func TestListsAgree(t *testing.T) {
	s, policyFile := longLog(t)
	list := func(args ...string) (l listing) {
		t.Helper()
		got := musterAt(t, s.Now(), append([]string{"release", "list", "--json", "--log", s.URL, "--policy", policyFile}, args...)...)
		if err := json.Unmarshal([]byte(got.out), &l); err != nil || got.code != exitcode.Verified {
			t.Fatalf("%v: exit code %d, %v\n%s%s", args, got.code, err, got.out, got.errOut)
		}
		return l
	}
	for _, tt := range []struct {
		args []string
		want []uint64
		more bool
	}{
		{nil, []uint64{6, 11, 13}, false},
		{[]string{"--all"}, []uint64{1, 5, 6, 8, 10, 11, 13}, false},
		{[]string{"--all", "--limit", "3"}, []uint64{10, 11, 13}, true},
		{[]string{"--all", "--limit", "7"}, []uint64{1, 5, 6, 8, 10, 11, 13}, false},
		{[]string{"--limit", "1"}, []uint64{13}, true},
		{[]string{"--all", "--channel", "lab"}, []uint64{11}, false},
		{[]string{"--channel", "lab"}, []uint64{11}, false},
		{[]string{"--product", webtest.Product}, []uint64{6, 11, 13}, false},
		{[]string{"--all", "--product", "acme/other"}, nil, false},
		{[]string{"--product", "acme/other"}, nil, false},
		{[]string{"--all", "--since", "8"}, []uint64{8, 10, 11, 13}, false},
		{[]string{"--since", "7"}, []uint64{11, 13}, false},
		{[]string{"--all", "--since", "14"}, nil, false},
		{[]string{"--all", "--since", "2026-11-03"}, []uint64{6, 8, 10, 11, 13}, false},
		{[]string{"--all", "--since", "2026-11-05T10:00:00Z"}, []uint64{11, 13}, false},
		{[]string{"--all", "--since", "2026-11-05T10:00:01Z"}, nil, false},
		{[]string{"--all", "--since", "1h"}, []uint64{11, 13}, false},
		{[]string{"--all", "--since", "3d"}, []uint64{1, 5, 6, 8, 10, 11, 13}, false},
		{[]string{"--since", "2d"}, []uint64{6, 11, 13}, false},
	} {
		indexed, replayed := list(tt.args...), list(append(tt.args, "--verified")...)
		if diff := cmp.Diff(replayed, indexed, cmpopts.IgnoreFields(listing{}, "Verified", "Void", "Unknown"), cmpopts.IgnoreUnexported(listedJSON{})); diff != "" {
			t.Errorf("%v: -replayed +indexed\n%s", tt.args, diff)
		}
		var got []uint64
		for _, r := range indexed.Releases {
			got = append(got, r.Index)
		}
		if !slices.Equal(got, tt.want) || indexed.More != tt.more {
			t.Errorf("%v: got %v, more %t, want %v, %t", tt.args, got, indexed.More, tt.want, tt.more)
		}
		if indexed.Verified || !replayed.Verified || indexed.Void != nil || *replayed.Void != 2 || *replayed.Unknown != 0 {
			t.Errorf("%v: got %+v and %+v", tt.args, indexed, replayed)
		}
	}
	standings := map[register.Word]int{}
	for _, r := range list("--all").Releases {
		standings[r.Standing]++
	}
	want := map[register.Word]int{register.WordLive: 3, register.WordSuperseded: 1, register.WordWithdrawn: 1, register.WordExpired: 1, register.WordVoid: 1}
	if diff := cmp.Diff(want, standings); diff != "" {
		t.Errorf("the log does not show what it is for: %s", diff)
	}

	// For people, too, it is the same table, under a line that says whose word it is.
	table := func(args ...string) (first, rest string) {
		got := musterAt(t, s.Now(), append([]string{"release", "list", "--all", "--log", s.URL, "--policy", policyFile}, args...)...)
		_, rows, _ := strings.Cut(got.out, "INDEX")
		return got.out[:strings.IndexByte(got.out, '\n')], rows
	}
	first, rows := table()
	verifiedFirst, verifiedRows := table("--verified")
	if rows != verifiedRows || !strings.HasSuffix(first, "as its index says: a convenience, not a proof; --verified replays the log") || !strings.HasSuffix(verifiedFirst, "replayed, verified with your policy") {
		t.Errorf("got\n%s\n%s\n%s\n%s", first, rows, verifiedFirst, verifiedRows)
	}
}

// TestHostileIndex: what an index answers that no release can be is not shown.
func TestHostileIndex(t *testing.T) {
	l := newTestLog(t)
	policyFile := l.files(t, "{}")[1]
	digest := strings.Repeat("a", 64)
	entry := func(product, digest, issued, standing string) string {
		return `{"index":3,"digest":"` + digest + `","identity":"` + strings.Repeat("b", 64) + `","type":"release","product":"` + product + `","channel":"stable","version":"1","issued":"` + issued + `","notAfter":"2026-12-01T00:00:00Z","status":"admitted","standing":"` + standing + `"}`
	}
	answers := func(entries string) *site {
		s := l.site(l.Log, l.cosigned(l.Log, 4, testTime))
		s.answers["/api/v1/entries"] = answer{200, "application/json", []byte(`{"size":4,"entries":[` + entries + `]}`)}
		s.answers["/api/v1/live"] = answer{200, "application/json", []byte(`{"size":4,"products":[{"product":"acme/ai","releases":[` + strings.ReplaceAll(entries, `"acme/ai"`, `""`) + `]}]}`)}
		return s
	}
	good := answers(entry("acme/ai", digest, "2026-11-03T12:00:00Z", "live"))
	for _, all := range [][]string{{"--all"}, nil} {
		if text := want(t, exitcode.Verified, "", append([]string{"release", "list", "--log", good.serve(t), "--policy", policyFile}, all...)...); !matches(text.out, `3 +acme/ai +stable +1 .*live`) {
			t.Errorf("got %s", text.out)
		}
	}
	for name, text := range map[string]string{
		"a product with spaces": entry("acme/ai  stable  9", digest, "2026-11-03T12:00:00Z", "live"),
		"no product":            entry("", digest, "2026-11-03T12:00:00Z", "live"),
		"no digest":             entry("acme/ai", "", "2026-11-03T12:00:00Z", "live"),
		"no time":               entry("acme/ai", digest, "yesterday", "live"),
		"no standing":           entry("acme/ai", digest, "2026-11-03T12:00:00Z", "live, truly"),
	} {
		t.Run(name, func(t *testing.T) {
			want(t, exitcode.Unknown, "index-answer", "release", "list", "--all", "--log", answers(text).serve(t), "--policy", policyFile)
		})
	}
	// An index that hides a release is found out by a replay.
	hiding := answers("")
	if text := want(t, exitcode.Verified, "", "release", "list", "--log", hiding.serve(t), "--policy", policyFile); !strings.Contains(text.out, "no releases") {
		t.Errorf("got %s", text.out)
	}
	if text := want(t, exitcode.Verified, "", "release", "list", "--verified", "--log", hiding.serve(t), "--policy", policyFile); !matches(text.out, `3 +acme/ai +stable +2026\.11 .*live`) {
		t.Errorf("got %s", text.out)
	}
	// Another log's index, or one without a quorum, is not asked at all.
	stale := l.site(l.Log, l.Checkpoint(4).Marshal())
	want(t, exitcode.Refused, "quorum", "release", "list", "--log", stale.serve(t), "--policy", policyFile)
	if slices.Contains(stale.requests, "/api/v1/live") {
		t.Error("the index is asked before the checkpoint is verified")
	}
	for _, since := range []string{"soon", "-1", "07", "none", "30", "2026-13-01"} {
		code := exitcode.Usage
		if since == "30" { // an index
			code = exitcode.Verified
		}
		if got := muster(t, "release", "list", "--since", since, "--log", good.serve(t), "--policy", policyFile); got.code != code {
			t.Errorf("--since %s: got exit code %d, want %d: %s", since, got.code, code, got.errOut)
		}
	}
}
