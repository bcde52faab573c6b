package audit_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/monitor/audit"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/fork"
	"github.com/muster-log/muster/tlog/tlogtest"
)

// TestHostile: what a log may answer, and what comes of it. A follower stands at
// size 600 when its log turns.
func TestHostile(t *testing.T) {
	later := start.Add(time.Minute)
	tests := []struct {
		name     string
		turn     func(s *server)
		code     audit.Code
		evidence fork.Kind
	}{
		{"another root at the same size", func(s *server) { s.become(s.log.Fork(500)); s.grow(100); s.publish(later) }, audit.CodeForkSameSize, fork.SameSize},
		{"a larger tree of another history", func(s *server) { s.become(s.log.Fork(500)); s.grow(300); s.publish(later) }, audit.CodeForkPrefix, fork.Prefix},
		{"a smaller tree of another history", func(s *server) {
			other := s.log.Fork(300)
			other.Add([]byte("another entry"))
			s.show(other.Checkpoint(301, s.witnesses[2].At(later), s.witnesses[1].At(start)))
		}, audit.CodeForkPrefix, fork.Prefix},
		{"another history that no witness saw", func(s *server) { s.become(s.log.Fork(599)); s.grow(1); s.show(s.log.Checkpoint(600)) }, audit.CodeForkSameSize, fork.SameSize},
		{"a larger history that no witness saw", func(s *server) { s.become(s.log.Fork(599)); s.grow(9); s.show(s.log.Checkpoint(608)) }, audit.CodeForkPrefix, fork.Prefix},
		{"an older checkpoint", func(s *server) { s.show(s.log.Checkpoint(300, s.witnesses[0].At(start), s.witnesses[1].At(start))) }, audit.CodeOlderCheckpoint, ""},
		{"the empty tree", func(s *server) { s.show(s.log.Checkpoint(0, s.witnesses[0].At(start), s.witnesses[1].At(start))) }, audit.CodeOlderCheckpoint, ""},
		{"too few cosignatures", func(s *server) { s.grow(1); s.show(s.log.Checkpoint(601, s.witnesses[0].At(later))) }, audit.CodeQuorum, ""},
		{"cosignatures from the future", func(s *server) { s.grow(1); s.publish(start.Add(3 * time.Hour)) }, audit.CodeQuorum, ""},
		{"no checkpoint", func(s *server) { s.checkpoint = []byte("hello") }, audit.CodeCheckpointForm, ""},
		{"another log's signature", func(s *server) { s.checkpoint = []byte(strings.Replace(string(s.checkpoint), "\n600\n", "\n601\n", 1)) }, audit.CodeCheckpointSignature, ""},
		{"a leap to 2^62", func(s *server) {
			s.show(s.log.Sign(tlog.Checkpoint{Origin: origin, Size: 1 << 62, Root: tlog.Hash{1}}, s.witnesses[0].At(later), s.witnesses[1].At(later)))
		}, audit.CodeTooLarge, ""},
		{"entries of another tree", func(s *server) {
			s.grow(100)
			s.publish(later)
			s.change = func(path string, body []byte) []byte {
				if path != tlog.EntriesPath(2, 188) {
					return body
				}
				body = append([]byte(nil), body...)
				body[len(body)-1] ^= 1
				return body
			}
		}, audit.CodeEntries, ""},
		{"tiles and entries of another tree", func(s *server) {
			s.grow(100)
			s.publish(later)
			s.become(s.log.Fork(650))
			s.grow(50)
		}, audit.CodeNoConsistency, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t, 600)
			f := s.follower(t, audit.Options{})
			if _, err := f.Update(t.Context()); err != nil {
				t.Fatal(err)
			}
			kept := f.Checkpoint()
			tt.turn(s)
			before := s.requests
			failure := refused(t, f, tt.code)
			if made := s.requests - before; made > 200 {
				t.Errorf("made %d requests", made)
			}
			if failure.Kept == nil || failure.Kept.Size != 600 {
				t.Errorf("the error does not hold the checkpoint that was followed: %v", failure.Kept)
			}
			if (failure.Evidence != nil) != (tt.evidence != "") {
				t.Fatalf("got evidence %v, want %q", failure.Evidence, tt.evidence)
			}
			if failure.Evidence != nil {
				checkEvidence(t, failure.Evidence, tt.evidence, s)
			}
			if f.State().Size() != 600 || f.Checkpoint() != kept {
				t.Errorf("what was followed changed: size %d", f.State().Size())
			}
		})
	}
}

// checkEvidence wants evidence that a stranger can check from its file.
func checkEvidence(t *testing.T, evidence *fork.Evidence, kind fork.Kind, s *server) {
	t.Helper()
	data, err := evidence.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	read, err := fork.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	keys := append(s.policy.LogKeys(origin), s.policy.WitnessKeys()...)
	if err := read.Verify(keys...); err != nil || read.Kind != kind {
		t.Errorf("evidence of kind %s, want %s: %v", read.Kind, kind, err)
	}
}

// TestForkHalfway: a log that forks while an update is unfinished is caught by the
// checkpoint that the update was for.
func TestForkHalfway(t *testing.T) {
	s := newServer(t, 3000)
	f := s.follower(t, audit.Options{})
	s.set(func(path string, body []byte) []byte {
		if path == tlog.EntriesPath(5, 256) {
			return nil
		}
		return body
	})
	if p, err := f.Update(t.Context()); err == nil || p.To != 1024 {
		t.Fatalf("got %+v, %v", p, err)
	}
	s.set(nil)
	s.become(s.log.Fork(2000))
	s.grow(2000)
	s.publish(start.Add(time.Minute))
	failure := refused(t, f, audit.CodeForkPrefix)
	if failure.Kept.Size != 3000 || failure.Shown.Size != 4000 {
		t.Errorf("got sizes %d and %d, want 3000 and 4000", failure.Kept.Size, failure.Shown.Size)
	}
	checkEvidence(t, failure.Evidence, fork.Prefix, s)
}

// TestLyingWitness: a witness that cosigned a smaller tree after a larger one is told,
// once, and counts no more.
func TestLyingWitness(t *testing.T) {
	s := newServer(t, 10)
	f := s.follower(t, audit.Options{})
	if _, err := f.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.grow(5)
	w := s.witnesses
	s.show(s.log.Checkpoint(15, w[0].At(start.Add(-time.Minute)), w[1].At(start.Add(time.Minute)), w[2].At(start.Add(time.Minute))))
	p, err := f.Update(t.Context())
	if err != nil || p.To != 15 || len(p.Witnesses) != 1 {
		t.Fatalf("got %+v, %v, want one lying witness and size 15", p, err)
	}
	checkEvidence(t, p.Witnesses[0], fork.WitnessTime, s)
	s.grow(5)
	s.show(s.log.Checkpoint(20, w[0].At(start.Add(2*time.Minute)), w[1].At(start.Add(2*time.Minute))))
	refused(t, f, audit.CodeQuorum)
	s.show(s.log.Checkpoint(20, w[1].At(start.Add(2*time.Minute)), w[2].At(start.Add(2*time.Minute))))
	if p, err := f.Update(t.Context()); err != nil || p.To != 20 || len(p.Witnesses) != 0 {
		t.Fatalf("got %+v, %v", p, err)
	}

	// One that begins anew is told.
	s.show(s.log.Checkpoint(20, w[0].At(start.Add(2*time.Minute)), w[1].At(start.Add(2*time.Minute))))
	again := s.follower(t, audit.Options{Accused: p.Witnesses})
	refused(t, again, audit.CodeQuorum)
	if want := []string{w[0].Key.Verifier().String()}; !slices.Equal(again.Accused(), want) || !slices.Equal(f.Accused(), want) {
		t.Errorf("got %v and %v, want %v", again.Accused(), f.Accused(), want)
	}
	if _, err := s.follower(t, audit.Options{}).Update(t.Context()); err != nil {
		t.Errorf("not told: %v", err)
	}
	others := tlogtest.Policy(t, 2, []tlogtest.Witness{w[1], w[2]}, s.log)
	if f, err := audit.New(s.client, others, audit.Options{Accused: p.Witnesses}); err != nil || len(f.Accused()) != 0 {
		t.Errorf("a witness that the policy does not have: %v", err)
	}
	broken := *p.Witnesses[0]
	broken.Checkpoints[0], broken.Checkpoints[1] = broken.Checkpoints[1], broken.Checkpoints[0]
	if _, err := audit.New(s.client, s.policy, audit.Options{Accused: []*fork.Evidence{&broken}}); err == nil {
		t.Error("evidence that does not hold was believed")
	}
}

// TestBounds: a log that grows without end is read as far as the caller wants.
func TestBounds(t *testing.T) {
	s := newServer(t, 600)
	refused(t, s.follower(t, audit.Options{MaxEntries: 599}), audit.CodeTooLarge)
	f := s.follower(t, audit.Options{MaxBytes: 100})
	refused(t, f, audit.CodeTooLarge)
	if f.State().Size() != 0 {
		t.Errorf("%d entries over the bound were applied", f.State().Size())
	}
	f = s.follower(t, audit.Options{MaxEntries: 600})
	if got := f.Filled(); got != 0 {
		t.Errorf("filled before it was read: got %v", got)
	}
	if _, err := f.Update(t.Context()); err != nil {
		t.Error(err)
	}
	if got := f.Filled(); got != 1 {
		t.Errorf("filled: got %v of 600 entries, want 1", got)
	}
	f = s.follower(t, audit.Options{MaxEntries: 6000, MaxBytes: 50_000})
	if _, err := f.Update(t.Context()); err != nil {
		t.Error(err)
	}
	if got := f.Filled(); got <= 0.1 || got > 1 {
		t.Errorf("filled: got %v, want that of the bytes", got)
	}
}

// TestOperators: one operator's witnesses are one vote.
func TestOperators(t *testing.T) {
	s := newServer(t, 1)
	refused(t, s.follower(t, audit.Options{Operators: map[string]string{"w1": "same", "w2": "same", "w3": "other"}}), audit.CodeQuorum)
	refused(t, s.follower(t, audit.Options{Operators: map[string]string{"w1": "a", "w2": "b", "w3": "c"}, LogOperator: "b"}), audit.CodeQuorum)
}

// TestKept: a follower that begins anew holds the log to what was kept.
func TestKept(t *testing.T) {
	s := newServer(t, 1500)
	kept := s.log.Checkpoint(1300, s.witnesses[0].At(start))
	f := s.follower(t, audit.Options{Kept: kept})
	if p, err := f.Update(t.Context()); err != nil || p.To != 1500 {
		t.Fatalf("got %+v, %v", p, err)
	}
	s.show(s.log.Checkpoint(1200, s.witnesses[0].At(start), s.witnesses[1].At(start)))
	refused(t, s.follower(t, audit.Options{Kept: kept}), audit.CodeOlderCheckpoint)
	s.become(s.log.Fork(1299))
	s.grow(500)
	s.publish(start.Add(time.Minute))
	failure := refused(t, s.follower(t, audit.Options{Kept: kept}), audit.CodeForkPrefix)
	checkEvidence(t, failure.Evidence, fork.Prefix, s)
	if _, err := audit.New(s.client, s.policy, audit.Options{Kept: tlogtest.NewLog(t, "log.example/other").Checkpoint(0)}); err == nil {
		t.Error("a checkpoint of another log was kept")
	}
}
