package state_test

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/state"
	"github.com/muster-log/muster/witness/witnesstest"
)

const list = "https://lists.example/log-list.1"

// pull takes up logs of a list, and returns what became of them.
func pull(t *testing.T, db *state.DB, list string, dry bool, logs ...state.Listed) []state.Result {
	t.Helper()
	done := 0
	pulled, err := db.Pull(t.Context(), list, logs, dry, func(n int) { done = n })
	if err != nil || done != len(logs) {
		t.Fatalf("%d of %d, %v", done, len(logs), err)
	}
	var results []state.Result
	for _, one := range pulled {
		results = append(results, one.Result)
		if (one.Reason != nil) != (one.Result == state.LogRefused) {
			t.Errorf("%s: result %s, reason %v", one.Origin, one.Result, one.Reason)
		}
	}
	return results
}

func newListed(t *testing.T, origin string) state.Listed {
	return state.Listed{Origin: origin, Key: witnesstest.NewKey(t, origin, tlog.TypeEd25519).Verifier(), RequestsPerDay: 10, Contact: "a contact"}
}

func results(want ...state.Result) []state.Result { return want }

func TestPull(t *testing.T) {
	directory := t.TempDir()
	s := serve(t, directory)
	operator, err := state.Open(t.Context(), directory)
	if err != nil {
		t.Fatal(err)
	}
	defer operator.Close()
	a, b := newListed(t, "log.example/a"), newListed(t, "log.example/b")

	// A dry run says the same and does nothing.
	second := newListed(t, "log.example/a")
	for _, dry := range []bool{true, false} {
		want := results(state.LogAdded, state.LogAdded, state.KeyAdded)
		if difference := cmp.Diff(want, pull(t, operator, list, dry, a, b, second)); difference != "" {
			t.Errorf("dry %v: (- want, + got)\n%s", dry, difference)
		}
		log, _, err := s.Log(t.Context(), a.Origin)
		if dry && !errors.Is(err, witness.ErrUnknownOrigin) || !dry && (err != nil || len(log.Keys) != 2 || log.RequestsPerDay != 10) {
			t.Errorf("dry %v: the witness that serves knows %+v, %v", dry, log, err)
		}
	}
	if got := pull(t, operator, list, false, a, b, second); cmp.Diff(results(state.LogKnown, state.LogKnown, state.LogKnown), got) != "" {
		t.Errorf("once more: %v", got)
	}

	// The list may say how often, of its own logs; another one may not, and gives no key.
	often := b
	often.RequestsPerDay, often.Contact = 20, "another"
	if got := pull(t, operator, "other", false, often, newListed(t, b.Origin)); cmp.Diff(results(state.LogKnown, state.LogRefused), got) != "" {
		t.Errorf("another list: %v", got)
	}
	if got := pull(t, operator, list, false, often); cmp.Diff(results(state.LogUpdated), got) != "" {
		t.Errorf("another rate: %v", got)
	}
	if log, _, err := s.Log(t.Context(), b.Origin); err != nil || log.RequestsPerDay != 20 || len(log.Keys) != 1 {
		t.Errorf("got %+v, %v", log, err)
	}

	// What was added by hand is the operator's.
	mine := newListed(t, "log.example/mine")
	if _, err := operator.AddLog(t.Context(), mine.Origin, mine.Key); err != nil {
		t.Fatal(err)
	}
	if got := pull(t, operator, list, false, mine, newListed(t, mine.Origin)); cmp.Diff(results(state.LogKnown, state.LogRefused), got) != "" {
		t.Errorf("added by hand: %v", got)
	}
	if log, _, err := s.Log(t.Context(), mine.Origin); err != nil || log.RequestsPerDay != 0 || len(log.Keys) != 1 {
		t.Errorf("got %+v, %v", log, err)
	}

	// What the operator has disabled stays so.
	if _, err := operator.DisableKey(t.Context(), a.Origin, a.Key); err != nil {
		t.Fatal(err)
	}
	if _, err := operator.DisableLog(t.Context(), b.Origin); err != nil {
		t.Fatal(err)
	}
	if got := pull(t, operator, list, false, a, second, b); cmp.Diff(results(state.LogDisabled, state.LogKnown, state.LogDisabled), got) != "" {
		t.Errorf("disabled: %v", got)
	}
	if log, _, err := s.Log(t.Context(), a.Origin); err != nil || len(log.Keys) != 1 || !log.Keys[0].Equal(second.Key) {
		t.Errorf("got %+v, %v", log, err)
	}
	if _, _, err := s.Log(t.Context(), b.Origin); !errors.Is(err, witness.ErrUnknownOrigin) {
		t.Errorf("got %v", err)
	}

	// A log has at most so many keys, and a list ends at none of them.
	var many []state.Listed
	for range 17 {
		many = append(many, newListed(t, "log.example/many"))
	}
	got := pull(t, operator, list, false, append(many, newListed(t, "log.example/last"))...)
	if got[15] != state.KeyAdded || got[16] != state.LogRefused || got[17] != state.LogAdded {
		t.Errorf("too many keys: %v", got)
	}
	if _, err := operator.Pull(t.Context(), "", nil, false, func(int) {}); err == nil {
		t.Error("a list without a name was taken up")
	}
}

// TestPullMany: a list of many transactions, of which a dry run keeps none.
func TestPullMany(t *testing.T) {
	operator, err := state.Create(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer operator.Close()
	one := newListed(t, "log.example/key")
	var logs []state.Listed
	for i := range 1234 {
		one.Origin = fmt.Sprintf("log.example/%04d", i)
		logs = append(logs, one)
	}
	for _, dry := range []bool{true, false} {
		for i, result := range pull(t, operator, list, dry, logs...) {
			if result != state.LogAdded {
				t.Fatalf("log %d: %s", i, result)
			}
		}
		followed, err := operator.Followed(t.Context(), "", math.MaxInt32)
		if want := map[bool]int{true: 0, false: len(logs)}[dry]; err != nil || len(followed) != want {
			t.Errorf("dry %v: %d logs are followed, want %d, %v", dry, len(followed), want, err)
		}
	}
}

// TestTakenOver: a log of a list that the operator adds is the operator's own. The list
// gives it no key, limits it no more, and misses neither the log nor the keys.
func TestTakenOver(t *testing.T) {
	operator, err := state.Create(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer operator.Close()
	listed, mine, third := newListed(t, "log.example/a"), newListed(t, "log.example/a"), newListed(t, "log.example/a")
	other, key := newListed(t, "log.example/b"), newListed(t, "log.example/b")
	pull(t, operator, list, false, listed, other, key)
	for _, want := range []bool{true, false} {
		if changed, err := operator.AddLog(t.Context(), mine.Origin, mine.Key); changed != want || err != nil {
			t.Errorf("got %v, %v, want %v", changed, err, want)
		}
	}
	// A key that it has already is the operator's word, too.
	again := newListed(t, "log.example/c")
	pull(t, operator, list, false, again)
	if changed, err := operator.AddLog(t.Context(), again.Origin, again.Key); !changed || err != nil {
		t.Errorf("got %v, %v", changed, err)
	}
	third.RequestsPerDay = 1
	if got := pull(t, operator, list, false, third); cmp.Diff(results(state.LogRefused), got) != "" {
		t.Errorf("a third key: %v", got)
	}
	gone := []state.Gone{{Origin: mine.Origin}, {Origin: mine.Origin, Key: &mine.Key}, {Origin: again.Origin}, {Origin: "log.example/never"},
		{Origin: other.Origin, Key: &key.Key}}
	for _, test := range []struct {
		list string
		want int
	}{{"other", 0}, {list, 1}, {list, 0}} {
		if disabled, err := operator.DisableGone(t.Context(), test.list, gone); disabled != test.want || err != nil {
			t.Errorf("%s: got %d, %v, want %d", test.list, disabled, err, test.want)
		}
	}
	if disabled, err := operator.DisableGone(t.Context(), "", gone); disabled != 0 || err == nil {
		t.Errorf("a list without a name: got %d, %v", disabled, err)
	}
	followed, err := operator.Followed(t.Context(), "", math.MaxInt32)
	if err != nil || len(followed) != 3 {
		t.Fatalf("got %+v, %v", followed, err)
	}
	for i, want := range []struct {
		keys   int
		perDay uint64
		list   string
	}{{2, 0, ""}, {1, 10, list}, {1, 0, ""}} {
		if got := followed[i]; got.Disabled || len(got.Keys) != want.keys || got.RequestsPerDay != want.perDay || got.List != want.list {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	if disabled, err := operator.DisableGone(t.Context(), list, []state.Gone{{Origin: other.Origin}}); disabled != 1 || err != nil {
		t.Errorf("the list's own: got %d, %v", disabled, err)
	}
}
