package conformance

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/witnesstest"
)

// w9: lines under the witness's own name in what is submitted.
var w9 = []check{
	{name: "W9.forged-own-line-not-echoed", run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(5)
		request := log.Request(0, 5)
		forged := s.forge(request)
		got := s.submitted(request)
		for _, line := range forged {
			if strings.Contains(got, line) {
				t.Errorf("the forged line came back: %q", line)
			}
		}
		s.cosignedAt(log.Checkpoint(5), got)
		s.cosign(log.Request(5, 5))
	}},
	{name: "W9.forged-own-line-not-stored", run: func(t *T) {
		s := t.sharedSite()
		s.hasMonitorRetrieval()
		log := s.follow(5)
		request := log.Request(0, 5)
		forged := s.forge(request)
		s.submitted(request)
		shown := s.latest(log.Origin).body
		for _, line := range forged {
			if strings.Contains(shown, line) {
				t.Errorf("the forged line is shown to monitors: %q", line)
			}
		}
		s.cosignatures(log.Checkpoint(5), shown, len(s.keys()))
	}},
	{name: "W9.forged-own-line-stops-nothing", run: func(t *T) {
		s := t.ownSite()
		log := s.follow(9)
		s.cosign(log.Request(0, 5))
		// It says a larger size, and another root at its size.
		larger := log.Request(4, 9)
		s.forge(larger)
		s.refused(log, larger.Marshal(), http.StatusConflict)
		other := log.Fork(3).Request(5, 5)
		s.forge(other)
		s.refused(log, other.Marshal(), http.StatusUnprocessableEntity)
		s.cosign(log.Request(5, 9))
	}},
	{name: "W9.own-cosignature-that-it-remembers", run: func(t *T) {
		s := t.ownSite()
		log := s.follow(9)
		three, five := log.Request(0, 3), log.Request(3, 5)
		s.carry(three, s.cosign(three).body)
		s.carry(five, s.cosign(five).body)
		again := &witness.AddCheckpoint{OldSize: 5, Checkpoint: five.Checkpoint}
		s.cosignedAt(log.Checkpoint(5), s.submitted(again))
		s.refused(log, three.Marshal(), http.StatusConflict)
		s.cosign(log.Request(5, 9))
	}},
	{name: "W9.unremembered-larger-size", beyond: true, run: unrememberedLarger},
	{name: "W9.unremembered-root-at-its-size", beyond: true, run: func(t *T) {
		s := t.ownSite()
		log := s.follow(9)
		other := log.Fork(2)
		forgotten := s.forgotten(func() *witness.AddCheckpoint {
			request := log.Request(0, 5)
			return s.carry(request, s.cosign(request).body)
		})
		s.cosign(other.Request(0, 5))
		forgotten.OldSize = 5
		s.rolledBack(forgotten)
		s.signsNothing(other.Request(5, 9))
	}},
	{name: "W9.unremembered-time-stamp", beyond: true, run: func(t *T) {
		s := t.ownSite()
		log := s.follow(9)
		s.cosign(log.Request(0, 5))
		s.rolledBack(s.elsewhere(log.Request(5, 5), uint64(time.Now().Add(time.Minute).Unix())))
		s.signsNothing(log.Request(5, 9))
	}},
	{name: "W9.unremembered-of-one-key", beyond: true, run: func(t *T) {
		for keep := range t.sharedSite().keys() {
			s := t.ownSite()
			log := s.follow(9)
			request := s.elsewhere(log.Request(0, 5), uint64(time.Now().Unix()))
			lines := request.Checkpoint.Note.Signatures
			request.Checkpoint.Note.Signatures = []tlog.NoteSignature{lines[0], lines[1+keep]}
			s.rolledBack(request)
		}
	}},
	{name: "W9.unremembered-only-if-the-log-signed", beyond: true, run: func(t *T) {
		s := t.ownSite()
		log := s.follow(9)
		s.cosign(log.Request(0, 5))
		stranger := witnesstest.NewLog(t, log.Origin, 9)
		s.refused(log, s.elsewhere(stranger.Request(5, 9), uint64(time.Now().Unix())).Marshal(), http.StatusForbidden)
		s.cosign(log.Request(5, 9))
	}},
}

// forge adds lines of the right length under the witness's keys that are no
// signatures, and returns them.
func (s *site) forge(request *witness.AddCheckpoint) []string {
	var forged []string
	for _, key := range s.keys() {
		length := 8 + 64
		if key.Type == tlog.TypeCosignatureMLDSA44 {
			length = 8 + 2420
		}
		line := tlog.NoteSignature{Name: key.Name, KeyID: key.KeyID, Sig: make([]byte, length)}
		line.Sig[7] = 1 // a time stamp
		request.Checkpoint.Note.Signatures = append(request.Checkpoint.Note.Signatures, line)
		forged = append(forged, line.Line())
	}
	return forged
}

// carry adds the lines of an answer to what was asked.
func (s *site) carry(request *witness.AddCheckpoint, lines string) *witness.AddCheckpoint {
	s.t.Helper()
	signatures, err := tlog.ParseSignatureLines(lines)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Checkpoint.Note.Signatures = append(request.Checkpoint.Note.Signatures, signatures...)
	return request
}

// elsewhere adds cosignatures of the witness's keys that this witness did not
// make, as another copy of it would.
func (s *site) elsewhere(request *witness.AddCheckpoint, at uint64) *witness.AddCheckpoint {
	s.t.Helper()
	keys, err := s.signingKeys()
	s.t.can(err)
	for _, key := range keys {
		cosignature, err := key.Cosign(request.Checkpoint.Checkpoint, at)
		if err != nil {
			s.t.Fatal(err)
		}
		request.Checkpoint.Note.Signatures = append(request.Checkpoint.Note.Signatures, cosignature)
	}
	return request
}

// submitted returns the body of an answer that must be 200.
func (s *site) submitted(request *witness.AddCheckpoint) string {
	s.t.Helper()
	got := s.submit(request.Marshal())
	if got.status != http.StatusOK {
		s.t.Fatalf("got %v, want 200", got)
	}
	return got.body
}

// forgotten lets the witness do something and then loses all memory of it: its
// database and what is kept outside of it are as before.
func (s *site) forgotten(do func() *witness.AddCheckpoint) *witness.AddCheckpoint {
	s.t.Helper()
	s.mustStop()
	backup := filepath.Join(s.t.TempDir(), "backup")
	copyDirectory(s.t, backup, s.database())
	anchor, err := os.ReadFile(s.anchor())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.t.Fatal(err)
	}
	s.mustStart()
	request := do()
	s.mustStop()
	s.restore(backup)
	if anchor == nil {
		err = os.RemoveAll(s.anchor())
	} else {
		err = os.WriteFile(s.anchor(), anchor, 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.mustStart()
	return request
}

// rolledBack submits a checkpoint with a cosignature that proves that the
// witness was rolled back: it must say so and sign nothing.
func (s *site) rolledBack(request *witness.AddCheckpoint) *witness.AddCheckpoint {
	s.t.Helper()
	got := s.submit(request.Marshal())
	if got.status != http.StatusServiceUnavailable || strings.Contains(got.body, "— ") {
		s.t.Fatalf("a checkpoint with its own cosignature that it does not remember: got %v, want 503", got)
	}
	if !strings.HasPrefix(got.body, "rolled-back") {
		s.t.Errorf("it does not say why: %v", got)
	}
	return request
}

// signsNothing: after it was found out, it cosigns no log.
func (s *site) signsNothing(request *witness.AddCheckpoint) {
	s.t.Helper()
	other := s.follow(3)
	for name, request := range map[string]*witness.AddCheckpoint{"that": request, "another": other.Request(0, 3)} {
		if got := s.submit(request.Marshal()); got.status != http.StatusServiceUnavailable {
			s.t.Errorf("afterwards, %s log: got %v, want 503", name, got)
		}
	}
}

// unrememberedLarger: the witness was restored whole, what it keeps outside of
// its database included. A log brings its own cosignature back to it.
func unrememberedLarger(t *T) {
	s := t.ownSite()
	log := s.follow(20)
	s.cosign(log.Request(0, 5))
	shown := s.latest(log.Origin)
	forgotten := s.forgotten(func() *witness.AddCheckpoint {
		request := log.Request(5, 10)
		return s.carry(request, s.cosign(request).body)
	})
	// The log has grown meanwhile, and brings the old cosignature.
	s.rolledBack(forgotten)
	s.signsNothing(log.Fork(5).Request(5, 12))
	if ready := s.do(http.MethodGet, "/readyz", nil); ready.status != http.StatusServiceUnavailable || !strings.Contains(ready.body, "rolled") {
		t.Errorf("/readyz: got %v, want 503 and why", ready)
	}
	if got := s.latest(log.Origin); got.status != shown.status || got.body != shown.body {
		t.Errorf("monitors: got %v, want %v", got, shown)
	}
	s.mustStop()
	// Durably: a restart does not make it forget.
	if err := s.start(); err == nil {
		s.signsNothing(log.Fork(5).Request(5, 12))
		s.mustStop()
	}
	listed := s.doubts()
	if !strings.Contains(listed, log.Origin) || !strings.Contains(listed, "10") {
		t.Errorf("recover does not list %s at 10: %s", log.Origin, listed)
	}
	s.recoverRefuses("--origin", log.Origin, "--size", "5")
	// All logs are in doubt, those it never cosigned, too: it may have since.
	s.recoverRefuses("--origin", log.Origin, "--size", "10")
	accept := filepath.Join(t.TempDir(), "accept")
	sizes := strings.ReplaceAll(listed, "\n? "+log.Origin+"\n", "\n10 "+log.Origin+"\n")
	if err := os.WriteFile(accept, []byte(strings.ReplaceAll(sizes, "\n? ", "\n0 ")), 0o600); err != nil {
		t.Fatal(err)
	}
	s.recover("--accept", accept)
	s.mustStart()
	s.refused(log, log.Fork(5).Request(10, 12).Marshal(), http.StatusUnprocessableEntity)
	s.cosign(log.Request(10, 15))
}
