package conformance

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/witness/witnesstest"
)

// w5: the database is lost, or restored from an older copy.
var w5 = []check{
	{name: "W5.older-copy", run: func(t *T) {
		s := t.ownSite()
		log := s.follow(20)
		s.older(log)
		if err := s.start(); err != nil {
			return // it refuses to run
		}
		s.signsNoSecondHistory(log.Fork(5), 5)
	}},
	{name: "W5.gone", run: func(t *T) {
		s := t.ownSite()
		log := s.follow(20)
		s.gone(log)
		if err := s.start(); err != nil {
			return
		}
		s.add(log)
		s.signsNoSecondHistory(log.Fork(5), 0)
	}},
	{name: "W5.gone-and-log-added-again", run: func(t *T) {
		s := t.ownSite()
		log := s.follow(20)
		s.gone(log)
		s.add(log)
		if err := s.start(); err != nil {
			return
		}
		s.signsNoSecondHistory(log.Fork(5), 0)
	}},
	{name: "W5.says-which-origin-and-what-to-do", beyond: true, run: func(t *T) {
		s := t.ownSite()
		log, untouched := s.follow(20), s.follow(20)
		s.cosign(untouched.Request(0, 3))
		s.older(log)
		err := s.start()
		if err == nil {
			t.Fatal("it starts with an older copy of its database and says nothing")
		}
		for _, word := range []string{regexp.QuoteMeta(log.Origin), `\b5\b`, `\b10\b`, "recover"} {
			if !regexp.MustCompile(word).MatchString(err.Error()) {
				t.Errorf("it does not say %s: %v", word, err)
			}
		}
		if strings.Contains(err.Error(), untouched.Origin) {
			t.Errorf("it names an origin that is as it was: %v", err)
		}
	}},
	{name: "W5.anchor-on-another-disk", beyond: true, run: func(t *T) {
		if t.program.foreign() {
			t.notApplicable("it keeps nothing outside of its database")
		}
		anchor := filepath.Join(t.TempDir(), "anchor")
		s := t.ownSite("--anchor", anchor)
		log := s.follow(20)
		s.older(log)
		if err := s.start(); err == nil || !strings.Contains(err.Error(), log.Origin) {
			t.Fatalf("started with an older copy of its database: got %v, want a refusal", err)
		}
		s.recover("--origin", log.Origin, "--size", "10", "--anchor", anchor)
		s.mustStart()
		s.cosign(log.Request(10, 15))
	}},
	{name: "W5.anchor-gone", beyond: true, run: func(t *T) {
		s := t.ownSite()
		s.hasAnchor()
		log := s.follow(9)
		s.cosign(log.Request(0, 5))
		s.mustStop()
		if err := os.Remove(s.anchor()); err != nil {
			t.Fatal(err)
		}
		if err := s.start(); err == nil || !strings.Contains(err.Error(), "recover") {
			t.Errorf("started without its anchor: got %v, want a refusal that says recover", err)
		}
	}},
	{name: "W5.anchor-of-another-witness", beyond: true, run: func(t *T) {
		s, other := t.ownSite(), t.ownSite()
		s.hasAnchor()
		for _, one := range []*site{s, other} {
			one.cosign(one.follow(9).Request(0, 5))
			one.mustStop()
		}
		if err := copyFile(s.anchor(), other.anchor()); err != nil {
			t.Fatal(err)
		}
		if err := s.start(); err == nil {
			t.Error("started with the anchor of another witness")
		}
	}},
	{name: "W5.recovered-by-name", beyond: true, run: recoveredByName},
	{name: "W5.recovered-never-below", beyond: true, run: func(t *T) {
		s := t.ownSite()
		log := s.follow(20)
		s.older(log)
		for _, size := range []string{"5", "9"} {
			s.recoverRefuses("--origin", log.Origin, "--size", size)
		}
		if err := s.start(); err == nil {
			t.Error("it starts after nothing was accepted")
		}
	}},
	{name: "W5.recovered-each-origin", beyond: true, run: func(t *T) {
		s := t.ownSite()
		first, second := s.follow(20), s.follow(20)
		s.older(first, second)
		left := s.doubts("--origin", first.Origin, "--size", "10")
		if !strings.Contains(left, "\n10 "+second.Origin+"\n") || strings.Contains(left, "\n10 "+first.Origin+"\n") {
			t.Errorf("with one of two accepted, in doubt are: %s", left)
		}
		if err := s.start(); err == nil || !strings.Contains(err.Error(), second.Origin) || strings.Contains(err.Error(), first.Origin) {
			t.Fatalf("with one of two accepted: got %v, want a refusal that names %s alone", err, second.Origin)
		}
		s.recover("--origin", second.Origin, "--size", "10")
		s.mustStart()
		for _, log := range []*witnesstest.Log{first, second} {
			s.cosign(log.Request(10, 15))
		}
	}},
	{name: "W5.recovered-from-a-list", beyond: true, run: func(t *T) {
		s := t.ownSite()
		first, second := s.follow(20), s.follow(20)
		s.older(first, second)
		// What is listed is a list to accept, once somebody has looked at it.
		accept := filepath.Join(t.TempDir(), "accept")
		if err := os.WriteFile(accept, []byte(s.doubts()), 0o600); err != nil {
			t.Fatal(err)
		}
		s.recover("--accept", accept)
		s.mustStart()
		s.cosign(first.Request(10, 15))
	}},
	{name: "W5.recovered-further-than-known", beyond: true, run: func(t *T) {
		s := t.ownSite()
		log := s.follow(20)
		s.older(log)
		directory := t.TempDir()
		foreign, good := filepath.Join(directory, "foreign"), filepath.Join(directory, "good")
		stranger := witnesstest.NewLog(t, log.Origin, 20)
		for path, checkpoint := range map[string][]byte{foreign: stranger.Checkpoint(15).Marshal(), good: log.Checkpoint(15).Marshal()} {
			if err := os.WriteFile(path, checkpoint, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s.recoverRefuses("--origin", log.Origin, "--size", "15")
		s.recoverRefuses("--origin", log.Origin, "--size", "15", "--checkpoint", foreign)
		s.recover("--origin", log.Origin, "--size", "15", "--checkpoint", good)
		s.mustStart()
		s.signsNoSecondHistory(log.Fork(12), 15)
		s.cosign(log.Request(15, 20))
	}},
	{name: "W5.recover-not-while-serving", beyond: true, run: func(t *T) {
		s := t.ownSite()
		log := s.follow(9)
		s.cosign(log.Request(0, 5))
		s.recoverRefuses("--origin", log.Origin, "--size", "9")
		s.cosign(log.Request(5, 9))
	}},
}

// older leaves the stopped witness with the database from when the logs were
// at 5, after it has cosigned them at 10. What is kept outside of the database
// stays as it is.
func (s *site) older(logs ...*witnesstest.Log) {
	s.t.Helper()
	for _, log := range logs {
		s.cosign(log.Request(0, 5))
	}
	s.mustStop()
	backup := filepath.Join(s.t.TempDir(), "backup")
	copyDirectory(s.t, backup, s.database())
	s.mustStart()
	for _, log := range logs {
		s.cosign(log.Request(5, 10))
	}
	s.mustStop()
	s.restore(backup)
}

// restore puts a copy in the place of the database.
func (s *site) restore(backup string) {
	s.t.Helper()
	if err := os.RemoveAll(s.database()); err != nil {
		s.t.Fatal(err)
	}
	copyDirectory(s.t, s.database(), backup)
}

// gone leaves the stopped witness without its database, after it has cosigned
// the log at 10.
func (s *site) gone(log *witnesstest.Log) {
	s.t.Helper()
	s.cosign(log.Request(0, 10))
	s.mustStop()
	if err := os.RemoveAll(s.database()); err != nil {
		s.t.Fatal(err)
	}
}

// signsNoSecondHistory asks a witness that has cosigned the log at 10 or more
// for a cosignature of a larger fork, from the size that it may believe in.
func (s *site) signsNoSecondHistory(fork *witnesstest.Log, from int) {
	s.t.Helper()
	to := max(12, from+1)
	if got := s.submit(fork.Request(from, to).Marshal()); got.status == http.StatusOK {
		s.t.Errorf("it cosigned size %d of another history than the one it had cosigned before", to)
	}
}

// hasAnchor ends the check as not applicable if there is no anchor.
func (s *site) hasAnchor() {
	s.t.Helper()
	if s.anchor() == "" {
		s.t.notApplicable("it keeps nothing outside of its database")
	}
}

// recover runs the operator's command, which must work.
func (s *site) recover(arguments ...string) string {
	s.t.Helper()
	out, err := s.tool(append([]string{"recover"}, arguments...)...)
	s.t.can(err)
	return out
}

// doubts runs recover, which must list logs that are in doubt still, and returns
// the list.
func (s *site) doubts(arguments ...string) string {
	s.t.Helper()
	out, err := s.tool(append([]string{"recover"}, arguments...)...)
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != exitcode.Refused {
		s.t.can(err)
		s.t.Fatalf("nothing is in doubt: %s", out)
	}
	return out
}

// recoverRefuses runs the operator's command, which must refuse what it is told,
// and not because it was called wrongly.
func (s *site) recoverRefuses(arguments ...string) {
	s.t.Helper()
	out, err := s.tool(append([]string{"recover"}, arguments...)...)
	exit := (*exec.ExitError)(nil)
	switch {
	case err == nil:
		s.t.Errorf("recover %q was accepted: %s", arguments, out)
	case !errors.As(err, &exit) || exit.ExitCode() == exitcode.Usage:
		s.t.can(err)
	}
}

func (s *site) mustStop() {
	s.t.Helper()
	if err := s.stop(); err != nil {
		s.t.Fatalf("stop: %v", err)
	}
}

func (s *site) mustStart() {
	s.t.Helper()
	if err := s.start(); err != nil {
		s.t.Fatalf("start: %v", err)
	}
}

// recoveredByName: the operator names the origin and the size; then the witness
// goes on from there and from nothing below.
func recoveredByName(t *T) {
	s := t.ownSite()
	log := s.follow(20)
	s.older(log)
	listed := s.doubts()
	for _, word := range []string{regexp.QuoteMeta(log.Origin), `\b5\b`, `\b10\b`} {
		if !regexp.MustCompile(word).MatchString(listed) {
			t.Errorf("without more, recover does not say %s: %s", word, listed)
		}
	}
	if err := s.start(); err == nil {
		t.Fatal("listing alone has made it start")
	}
	s.recover("--origin", log.Origin, "--size", "10")
	s.mustStart()
	if size := s.cosignedSize(log); size != 10 {
		t.Fatalf("it goes on from %d, want 10", size)
	}
	s.refused(log, log.Fork(5).Request(10, 12).Marshal(), http.StatusUnprocessableEntity)
	s.refused(log, log.Fork(5).Request(10, 10).Marshal(), http.StatusUnprocessableEntity)
	s.cosign(log.Request(10, 15))
	s.mustStop()
	s.mustStart()
	s.cosign(log.Request(15, 20))
}

// copyDirectory copies the regular files of a directory.
func copyDirectory(t testing.TB, to, from string) {
	t.Helper()
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !entry.Type().IsRegular() {
			continue
		}
		if err := copyFile(filepath.Join(to, entry.Name()), filepath.Join(from, entry.Name())); err != nil {
			t.Fatal(err)
		}
	}
}
