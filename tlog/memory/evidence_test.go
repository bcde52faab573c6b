package memory_test

import (
	"fmt"
	"testing"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/fork"
	"github.com/muster-log/muster/tlog/memory"
	"github.com/muster-log/muster/tlog/tlogtest"
)

// TestEvidenceThatATrustedKeyBearsOut takes the place of evidence that none does:
// else a log could have the one place filled before it is found out.
func TestEvidenceThatATrustedKeyBearsOut(t *testing.T) {
	log := grown(t, origin, 20)
	forked := func(at uint64, text string) *tlogtest.Log {
		other := log.Fork(at)
		for i := range 20 {
			other.Add(fmt.Append(nil, text, i))
		}
		return other
	}
	strange := func(l *tlogtest.Log, size uint64) memory.Kept { // by another key of the log's name
		c := l.Checkpoint(size)
		key, err := tlog.GenerateSigningKey(origin, tlog.TypeEd25519)
		if err != nil {
			t.Fatal(err)
		}
		line, err := key.SignNote(c.Note.Text)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := tlog.NewSignedCheckpoint(c.Checkpoint, line)
		if err != nil {
			t.Fatal(err)
		}
		return memory.Kept{Checkpoint: signed, Fresh: 1}
	}
	var m memory.Memory
	add(t, &m, strange(forked(3, "old"), 10))
	if found, err := m.Add(kept(log, 10, 0)); err != nil || len(found) != 1 || found[0].Verify(logKey(t)...) == nil {
		t.Fatalf("got %v, %v, want evidence that the log's key does not bear out", found, err)
	}
	add(t, &m, kept(log, 15, 1))
	own := forked(2, "new")
	var learned memory.Memory
	add(t, &learned, kept(own, 15, 1))
	if found, err := reread(t, &m).Merge(&learned); err != nil || len(found) != 0 {
		t.Errorf("without keys: got %v, %v, want the first evidence to stay", found, err)
	}
	learned.Trust(logKey(t)...)
	found, err := m.Merge(&learned)
	if err != nil || len(found) != 1 || found[0].Verify(logKey(t)...) != nil {
		t.Fatalf("got %v, %v, want evidence that the log's key bears out", found, err)
	}
	// From now on that stays.
	m.Trust()
	if again, err := m.Add(kept(forked(4, "third"), 15, 1)); err != nil || len(again) != 0 {
		t.Errorf("got %v, %v", again, err)
	}
	back := reread(t, &m)
	wantRelation(t, back.Compare(log.Checkpoint(18), nil, logKey(t)), memory.Contradiction, fork.SameSize)
	if all := back.Evidence(origin); len(all) != 1 || !all[0].Equal(found[0]) {
		t.Errorf("remembered %v", all)
	}
}

// TestEvidenceAgainstStrangersGivesWay: where there is no room, evidence against
// witnesses that nobody trusts any more goes first.
func TestEvidenceAgainstStrangersGivesWay(t *testing.T) {
	log := grown(t, origin, 20)
	lie := func(w tlogtest.Witness) *fork.Evidence {
		evidence, err := fork.NewWitnessTime(kept(log, 20, 0, w).Checkpoint, kept(log, 10, 1, w).Checkpoint, w.Key.Verifier())
		if err != nil {
			t.Fatal(err)
		}
		return evidence
	}
	var m memory.Memory
	add(t, &m, kept(log, 20, 0))
	for i := range 8 {
		if err := m.Accuse(lie(witness(t, fmt.Sprint("a", i)))); err != nil {
			t.Fatal(err)
		}
	}
	last := witness(t, "z") // behind all the others in the order of keys
	accused := func() bool {
		c := m.Compare(log.Checkpoint(20), nil, []tlog.VerifierKey{last.Key.Verifier()})
		return len(c.Evidence) == 1
	}
	if err := m.Accuse(lie(last)); err != nil || accused() {
		t.Errorf("without keys: got %v, %t", err, accused())
	}
	m.Trust(last.Key.Verifier())
	if err := m.Accuse(lie(last)); err != nil || !accused() || len(m.Evidence(origin)) != 8 {
		t.Errorf("got %v, %t, %d pieces of evidence", err, accused(), len(m.Evidence(origin)))
	}
}
