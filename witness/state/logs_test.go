package state_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/muster-log/muster/tlog/fork"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/state"
	"github.com/muster-log/muster/witness/witnesstest"
)

// TestDisabledLog: a log that the operator disables is not advanced from that
// moment, not even for a request that found it enabled, and is not forgotten.
func TestDisabledLog(t *testing.T) {
	directory := t.TempDir()
	db, operator := serve(t, directory), operate(t, directory)
	key := newKey(t, origin)
	add(t, operator, origin, key)
	if err := advance(t, db, origin, witness.Latest{}, at(5)); err != nil {
		t.Fatal(err)
	}
	log, from, err := db.Log(t.Context(), origin)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []bool{true, false} {
		if changed, err := operator.DisableLog(t.Context(), origin); changed != want || err != nil {
			t.Errorf("got %v, %v, want %v", changed, err, want)
		}
	}
	if err := db.Advance(t.Context(), log, from, at(6), nil); !errors.Is(err, witness.ErrConflict) {
		t.Errorf("a request under way: got %v, want %v", err, witness.ErrConflict)
	}
	if _, _, err := db.Log(t.Context(), origin); !errors.Is(err, witness.ErrUnknownOrigin) {
		t.Errorf("got %v", err)
	}
	followed, err := db.Followed(t.Context(), "", 9)
	if err != nil || len(followed) != 1 || !followed[0].Disabled || followed[0].Latest != at(5) {
		t.Errorf("got %v, %v", followed, err)
	}
	add(t, operator, origin, key)
	if got := latest(t, db, origin); got != at(5) {
		t.Errorf("enabled again: got %v", got)
	}
	if _, err := operator.DisableLog(t.Context(), "log.example/never"); !errors.Is(err, witness.ErrUnknownOrigin) {
		t.Errorf("got %v", err)
	}
}

// TestDisabledKey: a key that is no longer trusted is not, at once.
func TestDisabledKey(t *testing.T) {
	directory := t.TempDir()
	db, operator := serve(t, directory), operate(t, directory)
	old, next := newKey(t, origin), newKey(t, origin)
	add(t, operator, origin, old)
	add(t, operator, origin, next)
	log, from, err := db.Log(t.Context(), origin)
	if err != nil || len(log.Keys) != 2 {
		t.Fatalf("got %v, %v", log, err)
	}
	for _, want := range []bool{true, false} {
		if changed, err := operator.DisableKey(t.Context(), origin, old); changed != want || err != nil {
			t.Errorf("got %v, %v, want %v", changed, err, want)
		}
	}
	if err := db.Advance(t.Context(), log, from, at(1), nil); !errors.Is(err, witness.ErrConflict) {
		t.Errorf("a request judged by the old keys: got %v, want %v", err, witness.ErrConflict)
	}
	if log, _, err = db.Log(t.Context(), origin); err != nil || len(log.Keys) != 1 || !log.Keys[0].Equal(next) {
		t.Errorf("got %v, %v", log, err)
	}
	if _, err := operator.DisableKey(t.Context(), origin, newKey(t, origin)); !errors.Is(err, state.ErrUnknownKey) {
		t.Errorf("got %v", err)
	}
	add(t, operator, origin, old)
	if log, _, err = db.Log(t.Context(), origin); err != nil || len(log.Keys) != 2 {
		t.Errorf("trusted again: got %v, %v", log, err)
	}
}

func TestEvidenceIsKeptWholeAndBounded(t *testing.T) {
	directory := t.TempDir()
	db := serve(t, directory)
	log := witnesstest.NewLog(t, origin, 5)
	add(t, db, origin, log.Key.Verifier())
	newest := make(map[string]string)
	for i := range 20 {
		evidence, err := fork.NewSameSize(log.Checkpoint(5), log.Fork(4).Checkpoint(5, fmt.Sprintf("extension %d", i)))
		if err != nil {
			t.Fatal(err)
		}
		data, err := evidence.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		for repeat := range 2 {
			isNew, err := db.KeepEvidence(t.Context(), evidence)
			if want := repeat == 0 && i < 16; isNew != want || err != nil {
				t.Errorf("%d: got %v, %v, want %v", i, isNew, err, want)
			}
			if isNew {
				newest[string(data)] = ""
			}
		}
	}
	db.Close()
	operator := operate(t, directory)
	list, err := operator.EvidenceList(t.Context())
	if err != nil || len(list) != 16 {
		t.Fatalf("got %d, %v, want 16", len(list), err)
	}
	for _, one := range list {
		whole, err := operator.Evidence(t.Context(), one.ID[:16])
		if err != nil {
			t.Fatal(err)
		}
		if _, kept := newest[string(whole.Data)]; !kept || whole.Origin != origin || whole.Kind != fork.SameSize || whole.ID != one.ID {
			t.Errorf("got %+v", whole)
		}
		evidence, err := fork.Parse(whole.Data)
		if err != nil {
			t.Fatal(err)
		}
		if err := evidence.Verify(log.Key.Verifier()); err != nil {
			t.Error(err)
		}
	}
	for _, prefix := range []string{"", "abc", "zzzz", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0"} {
		if _, err := operator.Evidence(t.Context(), prefix); err == nil {
			t.Errorf("%q found something", prefix)
		}
	}
}
