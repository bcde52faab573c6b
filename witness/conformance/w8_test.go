package conformance

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/fork"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/witnesstest"
)

// w8: a log shows two histories.
var w8 = []check{
	{name: "W8.never-cosigned", run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(20)
		s.cosign(log.Request(0, 10))
		for at := range 10 {
			other := log.Fork(at)
			s.refused(log, other.Request(10, 10).Marshal(), http.StatusUnprocessableEntity)
			s.refused(log, other.Request(10, 15).Marshal(), http.StatusUnprocessableEntity)
			s.refused(log, other.Request(0, 10).Marshal(), http.StatusConflict)
		}
		s.cosign(log.Request(10, 20))
	}},
	{name: "W8.evidence-of-the-same-size", beyond: true, run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(20)
		s.cosign(log.Request(0, 10))
		other := log.Fork(5).Request(10, 10)
		s.refused(log, other.Marshal(), http.StatusUnprocessableEntity)
		evidence := s.evidence(log, 1)[0]
		if evidence.Kind != fork.SameSize {
			t.Errorf("got evidence of kind %s", evidence.Kind)
		}
		// Both are there whole, as the log signed them: what was cosigned and what
		// was refused.
		for name, signed := range map[string]*tlog.SignedCheckpoint{"cosigned": log.Checkpoint(10), "refused": other.Checkpoint} {
			if checkpoint := string(signed.Marshal()); evidence.Checkpoints[0] != checkpoint && evidence.Checkpoints[1] != checkpoint {
				t.Errorf("the %s checkpoint %q is not in the evidence %q", name, checkpoint, evidence.Checkpoints)
			}
		}
	}},
	{name: "W8.evidence-also-with-409", beyond: true, run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(20)
		s.cosign(log.Request(0, 10))
		s.refused(log, log.Fork(5).Request(0, 10).Marshal(), http.StatusConflict)
		s.evidence(log, 1)
	}},
	{name: "W8.evidence-of-a-prefix", beyond: true, run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(20)
		// A proof from 10 holds what the root at 10 is made of: one from 8 does not.
		s.cosign(log.Request(0, 10))
		s.refused(log, log.Fork(5).Request(10, 15).Marshal(), http.StatusUnprocessableEntity)
		if evidence := s.evidence(log, 1)[0]; evidence.Kind != fork.Prefix {
			t.Errorf("got evidence of kind %s", evidence.Kind)
		}
	}},
	{name: "W8.evidence-once", beyond: true, run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(20)
		s.cosign(log.Request(0, 10))
		for range 3 {
			s.refused(log, log.Fork(5).Request(10, 10).Marshal(), http.StatusUnprocessableEntity)
		}
		s.refused(log, log.Fork(6).Request(10, 10).Marshal(), http.StatusUnprocessableEntity)
		s.evidence(log, 2)
	}},
	{name: "W8.evidence-bounded", beyond: true, run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(40)
		s.cosign(log.Request(0, 30))
		for at := range 25 {
			s.refused(log, log.Fork(at).Request(30, 30).Marshal(), http.StatusUnprocessableEntity)
		}
		s.evidence(log, 16)
	}},
	{name: "W8.no-evidence-of-nothing", beyond: true, run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(20)
		s.cosign(log.Request(0, 10))
		wrong := log.Request(10, 20)
		wrong.Proof = wrong.Proof[1:]
		s.refused(log, wrong.Marshal(), http.StatusUnprocessableEntity)
		s.refused(log, log.Request(0, 10).Marshal(), http.StatusConflict)
		stranger := witnesstest.NewLog(t, log.Origin, 20)
		s.refused(log, stranger.Fork(3).Request(10, 10).Marshal(), http.StatusForbidden)
		s.evidence(log, 0)
	}},
	{name: "W8.evidence-before-the-answer", beyond: true, run: func(t *T) {
		s := t.ownSite()
		log := s.follow(20)
		s.cosign(log.Request(0, 10))
		s.refused(log, log.Fork(5).Request(10, 10).Marshal(), http.StatusUnprocessableEntity)
		if err := s.kill(); err != nil {
			t.Fatal(err)
		}
		s.evidence(log, 1)
		s.mustStart()
		s.evidence(log, 1)
		s.refused(log, (&witness.AddCheckpoint{OldSize: 10, Checkpoint: log.Fork(5).Checkpoint(10)}).Marshal(), http.StatusUnprocessableEntity)
	}},
}

// evidenceID is how a piece of evidence is named: 16 hex digits.
var evidenceID = regexp.MustCompile(`\b[0-9a-f]{16}\b`)

// evidence returns what the operator is shown of a log, so many pieces,
// exported whole and verified offline.
func (s *site) evidence(log *witnesstest.Log, want int) []*fork.Evidence {
	s.t.Helper()
	listed, err := s.tool("evidence", "list")
	s.t.can(err)
	var found []*fork.Evidence
	for line := range strings.Lines(listed) {
		id := evidenceID.FindString(line)
		if id == "" || !strings.Contains(line, log.Origin) {
			continue
		}
		shown, err := s.tool("evidence", "show", id)
		if err != nil {
			s.t.Fatal(err)
		}
		if !strings.Contains(shown, log.Origin) {
			s.t.Errorf("evidence show %s does not name the origin: %s", id, shown)
		}
		path := filepath.Join(s.t.TempDir(), "evidence.fork")
		if _, err := s.tool("evidence", "export", id, "--out", path); err != nil {
			s.t.Fatal(err)
		}
		file, err := os.ReadFile(path)
		if err != nil {
			s.t.Fatal(err)
		}
		evidence, err := fork.Parse(file)
		if err != nil {
			s.t.Fatal(err)
		}
		if err := evidence.Verify(log.Key.Verifier()); err != nil {
			s.t.Fatal(err)
		}
		found = append(found, evidence)
	}
	if len(found) != want {
		s.t.Fatalf("the operator is shown %d pieces of evidence against %s, want %d: %s", len(found), log.Origin, want, listed)
	}
	return found
}
