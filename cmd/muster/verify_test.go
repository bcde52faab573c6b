package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
)

func matches(text, pattern string) bool {
	return regexp.MustCompile("(?m)" + pattern).MatchString(text)
}

// TestVerify: a verdict's exit code, its text and its JSON, for each way in which
// a good bundle is not good enough.
func TestVerify(t *testing.T) {
	l := newTestLog(t)
	good, err := l.bundleOf(t).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	// One bit of the last signature in the last entry.
	b := l.bundleOf(t)
	at := bytes.LastIndex(b.Entries[3].Envelope, []byte(`"sig":"`)) + 10
	b.Entries[3].Envelope[at] ^= 1
	tampered, err := b.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	hour := testTime.Add(time.Hour)
	for _, test := range []struct {
		name         string
		bundle       []byte
		requirements string
		when         time.Time
		code         int
		check        string // status and code of a check
	}{
		{"good", good, l.requirements(t), hour, exitcode.Verified, "waived +roll-age"},
		{"tampered with", tampered, l.requirements(t), hour, exitcode.Refused, "fail +inclusion"},
		{"cut", good[:len(good)-10], l.requirements(t), hour, exitcode.Refused, "fail +bundle-form"},
		{"too long", append(bytes.Clone(good), make([]byte, 8<<20)...), l.requirements(t), hour, exitcode.Refused, "fail +bundle-form"},
		{"another pin", good, l.requirements(t, "authority", `{"sha256":"`+release.Digest{1}.String()+`"}`), hour, exitcode.Refused, "fail +authority-pin"},
		{"another product", good, l.requirements(t, "products", `["acme/other"]`), hour, exitcode.Refused, "fail +product"},
		{"frozen", good, l.requirements(t), testTime.AddDate(0, 0, 2), exitcode.Refused, "fail +checkpoint-age"},
		{"expired", good, l.requirements(t, "checkpointMaxAge", `"none"`), testTime.AddDate(0, 0, 61), exitcode.Refused, "fail +not-after"},
		{"no memory to compare with", good, l.requirements(t, "consistency", `"required"`), hour, exitcode.Unknown, "not-checked +consistency .*\\(required: this makes the result unknown\\)$"},
		{"no roll where an age is asked", good, l.requirements(t, "rollMaxAge", `"1d"`), hour, exitcode.Refused, "fail +roll +got no roll in the bundle, want a roll younger than 1d"},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "release.muster")
			put(t, file, test.bundle)
			args := append([]string{"verify", file}, l.files(t, test.requirements)...)
			text := musterAt(t, test.when, args...)
			asJSON := musterAt(t, test.when, append(args, "--json")...)
			if text.code != test.code || asJSON.code != test.code || text.errOut+asJSON.errOut != "" {
				t.Fatalf("got exit codes %d and %d, want %d\n%s%s", text.code, asJSON.code, test.code, text.out, text.errOut)
			}
			if !matches(text.out, "^  "+test.check+"( |$)") {
				t.Errorf("got %s, want %q in it", text.out, test.check)
			}
			var verdict struct {
				About, Result, Assurance string
				Checks                   []struct{ Code, Status string }
			}
			if err := json.Unmarshal([]byte(asJSON.out), &verdict); err != nil {
				t.Fatal(err)
			}
			result := map[int]string{exitcode.Verified: "pass", exitcode.Refused: "fail", exitcode.Unknown: "unknown"}[test.code]
			if verdict.Result != result || verdict.About != "release" || verdict.Assurance != "none" {
				t.Errorf("got %+v", verdict)
			}
			if !strings.Contains(text.out, "\nresult: "+result) {
				t.Errorf("got %s", text.out)
			}
			if marked := strings.Count(text.out, "makes the result unknown"); (marked == 1) != (test.code == exitcode.Unknown) || marked > 1 {
				t.Errorf("%d checks are marked: %s", marked, text.out)
			}
			for _, check := range verdict.Checks {
				if !matches(text.out, "^  "+check.Status+" +"+check.Code+"( |$)") {
					t.Errorf("the text lacks %s %s", check.Status, check.Code)
				}
			}
		})
	}
}
