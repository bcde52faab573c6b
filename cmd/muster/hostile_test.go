package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/fork"
	"github.com/muster-log/muster/tlog/tlogtest"
)

// TestLogCheckpoint follows a log with one file through what a log can answer.
func TestLogCheckpoint(t *testing.T) {
	l := newTestLog(t)
	policyFile := l.files(t, "{}")[1]
	forked := l.Fork(2)
	for range 3 {
		forked.Add([]byte("another history"))
	}
	later := testTime.Add(time.Hour)
	at := func(witness int, when time.Time) tlogtest.At { return l.witnesses[witness].At(when) }
	cases := []struct {
		name      string
		kept      []byte // nil: nothing is kept yet
		site      *site
		code      int
		errorCode string
		says      string
		evidence  fork.Kind
	}{
		{"first", nil, l.site(l.Log, l.cosigned(l.Log, 3, testTime)), exitcode.Verified, "", "compared +with nothing", ""},
		{"same", l.cosigned(l.Log, 3, testTime), l.site(l.Log, l.cosigned(l.Log, 3, later)), exitcode.Verified, "", "the same as in", ""},
		{"grown", l.cosigned(l.Log, 3, testTime), l.site(l.Log, l.cosigned(l.Log, 4, later)), exitcode.Verified, "", "extends size 3 in", ""},
		{"two roots of one size", l.cosigned(l.Log, 4, testTime), l.site(forked, l.cosigned(forked, 4, later)), exitcode.Misbehaved, "fork-same-size", "signed two histories", fork.SameSize},
		{"another beginning", l.cosigned(l.Log, 4, testTime), l.site(forked, l.cosigned(forked, 5, later)), exitcode.Misbehaved, "fork-prefix", "signed two histories", fork.Prefix},
		{"one witness went back, others suffice", l.Checkpoint(3, at(0, later), at(1, testTime)).Marshal(), l.site(l.Log, l.Checkpoint(4, at(0, testTime), at(1, later), at(2, later)).Marshal()), exitcode.Verified, "",
			"not counted +\"w1\", which cosigned a smaller tree after a larger one: .*evidence.fork$", fork.WitnessTime},
		{"one witness went back, others do not", l.Checkpoint(3, at(0, later), at(1, testTime)).Marshal(), l.site(l.Log, l.Checkpoint(4, at(0, testTime), at(1, later)).Marshal()), exitcode.Misbehaved, "fork-witness-time",
			"without it the policy's quorum .* is not met", fork.WitnessTime},
		{"one witness went back, and the log forked", l.Checkpoint(4, at(0, later), at(1, testTime)).Marshal(), l.site(forked, forked.Checkpoint(5, at(0, testTime), at(1, later), at(2, later)).Marshal()), exitcode.Misbehaved, "fork-prefix",
			"signed two histories", fork.Prefix},
		{"smaller, and cosigned later", l.cosigned(l.Log, 4, testTime), l.site(l.Log, l.cosigned(l.Log, 3, later)), exitcode.Misbehaved, "fork-witness-time", "cosigned a smaller tree after a larger one", fork.WitnessTime},
		{"smaller, from a cache", l.cosigned(l.Log, 4, later), l.site(l.Log, l.cosigned(l.Log, 3, testTime)), exitcode.Unknown, "older-checkpoint", "an older state", ""},
		{"without its tiles", l.cosigned(l.Log, 3, testTime), l.site(l.Fork(0), l.cosigned(l.Log, 4, later)), exitcode.Unknown, "no-consistency", "do not show whether", ""},
		{"without the quorum", nil, l.site(l.Log, l.Checkpoint(3, l.witnesses[0].At(later)).Marshal()), exitcode.Refused, "quorum", "1 good cosignature,", ""},
		{"one witness twice", nil, l.site(l.Log, l.Checkpoint(3, l.witnesses[0].At(later), l.witnesses[0].At(testTime)).Marshal()), exitcode.Refused, "quorum", "do not meet", ""},
		{"junk", nil, l.site(l.Log, []byte("no checkpoint\n")), exitcode.Refused, "checkpoint-form", "checkpoint", ""},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			directory := t.TempDir()
			kept, evidence := filepath.Join(directory, "kept"), filepath.Join(directory, "evidence.fork")
			prepare := func() {
				os.Remove(evidence)
				os.Remove(kept)
				if test.kept != nil {
					put(t, kept, test.kept)
				}
			}
			url := test.site.serve(t)
			args := []string{"log", "checkpoint", "--log", url, "--policy", policyFile, "--against", kept, "--out", kept, "--evidence", evidence}
			prepare()
			text := muster(t, args...)
			prepare()
			asJSON := muster(t, append(args, "--json")...)
			if text.code != test.code || asJSON.code != test.code {
				t.Fatalf("got exit codes %d and %d, want %d\n%s%s%s", text.code, asJSON.code, test.code, text.out, text.errOut, asJSON.out)
			}
			if !matches(text.out+text.errOut, test.says) {
				t.Errorf("got %s%s, want %q in it", text.out, text.errOut, test.says)
			}
			if test.errorCode != "" && !strings.Contains(asJSON.out, `{"error":{"code":"`+test.errorCode+`",`) {
				t.Errorf("got %s, want code %s", asJSON.out, test.errorCode)
			}
			after, _ := os.ReadFile(kept)
			if moved := test.code == exitcode.Verified; moved != slices.Equal(after, test.site.checkpoint) {
				t.Errorf("the kept checkpoint moved on: %t, want %t", !moved, moved)
			}
			data, err := os.ReadFile(evidence)
			if test.evidence == "" {
				if err == nil {
					t.Errorf("evidence was written: %s", data)
				}
				return
			}
			found, err := fork.Parse(data)
			if err != nil || found.Kind != test.evidence {
				t.Fatalf("got evidence %v, %v, want %s", found, err, test.evidence)
			}
			keys := append(l.policy.WitnessKeys(), l.policy.LogKeys(testOrigin)...)
			if err := found.Verify(keys...); err != nil {
				t.Errorf("the evidence does not hold: %v", err)
			}
			// The same by the log's key alone, which says nothing about a witness.
			want := map[fork.Kind]int{fork.SameSize: exitcode.Verified, fork.Prefix: exitcode.Verified, fork.WitnessTime: exitcode.Usage}[found.Kind]
			if got := muster(t, "verify", "fork", evidence, "--log-key", l.policy.LogKeys(testOrigin)[0].String()); got.code != want {
				t.Errorf("--log-key: got exit code %d, want %d\n%s%s", got.code, want, got.out, got.errOut)
			}
			stranger := tlogtest.Key(t, testOrigin+"/other", tlog.TypeEd25519).Verifier().String()
			if got := muster(t, "verify", "fork", evidence, "--log-key", stranger); found.Kind != fork.WitnessTime && got.code != exitcode.Refused {
				t.Errorf("a stranger's --log-key: got exit code %d\n%s%s", got.code, got.out, got.errOut)
			}
		})
	}
}

// TestReleaseListOfHostileLogs: a list that is not the checkpoint's tree is none,
// and no answer makes work beyond its bounds.
func TestReleaseListOfHostileLogs(t *testing.T) {
	l := newTestLog(t)
	policyFile := l.files(t, "{}")[1]
	list := func(s *site) []string {
		return []string{"release", "list", "--verified", "--log", s.serve(t), "--policy", policyFile}
	}
	entries := func(log interface{ Entry(uint64) []byte }, order ...uint64) (data []byte) {
		for _, index := range order {
			data, _ = tlog.AppendEntry(data, log.Entry(index))
		}
		return data
	}

	honest := l.site(l.Log, l.cosigned(l.Log, 4, testTime))
	if text := want(t, exitcode.Verified, "", list(honest)...); !matches(text.out, `3 +acme/ai +stable +2026\.11 .*live`) {
		t.Errorf("got %s", text.out)
	}

	withPath := func(path string, a answer) *site {
		s := l.site(l.Log, l.cosigned(l.Log, 4, testTime))
		s.answers["/"+path] = a
		return s
	}
	binary := "application/octet-stream"
	path := tlog.EntriesPath(0, 4)
	for name, body := range map[string][]byte{
		"in another order":  entries(l, 0, 2, 1, 3),
		"one left out":      entries(l, 0, 1, 2, 2),
		"a release altered": append(entries(l, 0, 1, 2), entries(l, 0)...),
	} {
		t.Run(name, func(t *testing.T) {
			text := want(t, exitcode.Refused, "entries-contradict-checkpoint", list(withPath(path, answer{200, binary, body}))...)
			if strings.Contains(text.out, "acme/ai") {
				t.Errorf("listed all the same: %s", text.out)
			}
		})
	}
	want(t, exitcode.Unknown, "failed", list(withPath(path, answer{200, binary, entries(l, 0, 1, 2)}))...)
	want(t, exitcode.Unknown, "failed", list(withPath(path, answer{200, "text/html", []byte("<html>")}))...)
	want(t, exitcode.Unknown, "log-status", list(withPath(path, answer{503, "text/plain", nil}))...)

	// A checkpoint of 2^62 entries costs one request, and no memory.
	huge := l.Sign(tlog.Checkpoint{Origin: testOrigin, Size: 1 << 62, Root: l.Root(4)}, l.witnesses[0].At(testTime), l.witnesses[1].At(testTime))
	s := l.site(l.Log, huge.Marshal())
	want(t, exitcode.Unknown, "log-too-large", list(s)...)
	if len(s.requests) != 2 {
		t.Errorf("got requests %v, want the checkpoint alone, for text and for JSON", s.requests)
	}

	// Entries that no reader can use are counted, and do not hide the others.
	for _, junk := range []string{"\x1b[31mred", "{}", strings.Repeat("[", 60_000)} {
		l.Add([]byte(junk))
	}
	text := want(t, exitcode.Verified, "", list(l.site(l.Log, l.cosigned(l.Log, 7, testTime)))...)
	if !strings.Contains(text.out, "3 void and 0 unknown entries: tell a monitor") || !strings.Contains(text.out, "2026.11") {
		t.Errorf("got %s", text.out)
	}
	if strings.Contains(text.out, "\x1b") {
		t.Errorf("an entry reached the terminal: %q", text.out)
	}

	// The log's own policy proves nothing, and the list says so.
	own := l.site(l.Log, l.cosigned(l.Log, 7, testTime))
	if text := want(t, exitcode.Verified, "", "release", "list", "--verified", "--log", own.serve(t)); !strings.Contains(text.out, "the log's own policy, which is not pinned") {
		t.Errorf("got %s", text.out)
	}
}

// TestSubmitToALogThatLies: what is not proved is not called submitted.
func TestSubmitToALogThatLies(t *testing.T) {
	l := newTestLog(t)
	policyFile := l.files(t, "{}")[1]
	directory := t.TempDir()
	file := filepath.Join(directory, "release.json")
	put(t, file, l.Entry(3))
	proof := func(index, of, size uint64, checkpoint []byte) []byte {
		p := tlog.Proof{Index: index, Inclusion: l.Inclusion(of, size), Checkpoint: checkpoint}
		return p.Marshal()
	}
	good := l.cosigned(l.Log, 4, testTime)
	forked := l.Fork(3)
	forked.Add([]byte("not the release"))
	cases := []struct {
		name, receipt string
		proof         []byte
		code          int
		errorCode     string
	}{
		{"it tells the truth", `{"index":3,"digest":"x"}`, proof(3, 3, 4, good), exitcode.Verified, ""},
		{"the index of another entry", `{"index":2}`, proof(2, 2, 4, good), exitcode.Refused, "inclusion"},
		{"the proof of another entry", `{"index":3}`, proof(2, 2, 4, good), exitcode.Refused, "proof-of-other-entry"},
		{"a tree without the entry", `{"index":3}`, proof(3, 3, 4, l.cosigned(forked, 4, testTime)), exitcode.Refused, "inclusion"},
		{"no quorum", `{"index":3}`, proof(3, 3, 4, l.Checkpoint(4).Marshal()), exitcode.Refused, "quorum"},
		{"no proof", `{"index":3}`, []byte("it is there\n"), exitcode.Refused, "proof-form"},
		{"a duplicate that is none", `{"index":2,"duplicate":true}`, proof(2, 2, 4, good), exitcode.Refused, "entry-of-other-payload"},
		{"no receipt", `{"index":-1}`, nil, exitcode.Unknown, "failed"},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			s := l.site(l.Log, good)
			s.answers["/api/v1/entries"] = answer{201, "application/json", []byte(test.receipt)}
			s.answers["/api/v1/entries/2"] = answer{200, "application/vnd.dsse.envelope.v1+json", l.Entry(2)}
			for _, index := range []string{"2", "3"} {
				s.answers["/api/v1/entries/"+index+"/proof"] = answer{200, "text/plain", test.proof}
			}
			args := []string{"release", "submit", file, "--log", s.serve(t), "--policy", policyFile, "--timeout", "2s"}
			text := want(t, test.code, test.errorCode, args...)
			if said := strings.Contains(text.out, "submitted: release"); said != (test.code == exitcode.Verified) {
				t.Errorf("got %s", text.out)
			}
		})
	}
}

// TestBundleGetFromALogThatLies: what is not proved is not written.
func TestBundleGetFromALogThatLies(t *testing.T) {
	l := newTestLog(t)
	policyFile := l.files(t, "{}")[1]
	good, err := l.bundleOf(t).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	moved := l.bundleOf(t)
	moved.Entries[1].Inclusion = moved.Entries[2].Inclusion
	unproved, err := moved.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	lonely := l.bundleOf(t)
	lonely.Checkpoint = string(l.Checkpoint(4).Marshal())
	uncosigned, err := lonely.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name      string
		body      []byte
		code      int
		errorCode string
	}{
		{"good", good, exitcode.Verified, ""},
		{"a false inclusion proof", unproved, exitcode.Refused, "inclusion"},
		{"no quorum", uncosigned, exitcode.Refused, "quorum"},
		{"bytes after it", append(slices.Clone(good), '\n', '\n'), exitcode.Refused, "bundle-form"},
		{"cut", good[:len(good)-1], exitcode.Refused, "bundle-form"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := l.site(l.Log, nil)
			s.answers["/api/v1/entries/3/bundle"] = answer{200, "application/vnd.muster.proof-bundle.v1+json", test.body}
			out := filepath.Join(t.TempDir(), "release.muster")
			want(t, test.code, test.errorCode, "bundle", "get", "3", "--log", s.serve(t), "--policy", policyFile, "--out", out, "--force")
			if written, err := os.ReadFile(out); (err == nil) != (test.code == exitcode.Verified) {
				t.Errorf("written: %d bytes, %v", len(written), err)
			}
		})
	}
}
