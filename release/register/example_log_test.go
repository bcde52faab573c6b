package register

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/releasetest"
)

// exampleSigners are the names of the keys (seed: SHA-256 of the name) that
// sign the payloads of testdata/example, by index.
var exampleSigners = [][]string{
	{"root1", "root2"}, {"ci"}, {"ci"}, {"rel1", "rel2"}, {"roll"}, {"wd"},
	{"rel1", "rel2"}, {"roll"}, {"root1", "root2"}, {"rel2", "rel3"}, {"roll"},
}

// exampleLive is the index of the live release after each entry, or -1.
var exampleLive = []int{-1, -1, -1, 3, 3, -1, 6, 6, -1, 9, 9}

func examplePayload(tb testing.TB, index int) []byte {
	tb.Helper()
	payload, err := os.ReadFile(filepath.Join("testdata", "example", fmt.Sprintf("%02d.json", index)))
	if err != nil {
		tb.Fatal(err)
	}
	return payload
}

func exampleEntries(tb testing.TB) [][]byte {
	tb.Helper()
	entries := make([][]byte, len(exampleSigners))
	for i, names := range exampleSigners {
		entries[i] = releasetest.Sign(tb, examplePayload(tb, i), names...)
	}
	return entries
}

// exampleLog returns the example log after its first size entries.
func exampleLog(tb testing.TB, size int) *testLog {
	l := &testLog{TB: tb, State: New(testOrigin), now: t0}
	for _, entry := range exampleEntries(tb)[:size] {
		if outcome := l.apply(entry); outcome.Status != StatusAdmitted {
			tb.Fatalf("index %d: %v", outcome.Index, outcome.Refusal)
		}
	}
	return l
}

func TestExampleLogEntry3IsByteForByte(t *testing.T) {
	want, err := os.ReadFile(filepath.Join("testdata", "example", "03.envelope.json"))
	if err != nil {
		t.Fatal(err)
	}
	if got := exampleEntries(t)[3]; !bytes.Equal(got, want) {
		t.Fatalf("got\n%s\nwant\n%s", got, want)
	}
}

func TestExampleLogLiveAfterEveryIndex(t *testing.T) {
	entries := exampleEntries(t)
	state := New(testOrigin)
	var payloads []release.Digest
	for i, entry := range entries {
		outcome := state.Apply(entry)
		if outcome.Status != StatusAdmitted {
			t.Fatalf("index %d: %v", i, outcome.Refusal)
		}
		payloads = append(payloads, outcome.Digest)
		var want []release.Digest
		if exampleLive[i] >= 0 {
			want = append(want, payloads[exampleLive[i]])
		}
		if got := digests(state.Live(testProduct)); !slices.Equal(got, want) {
			t.Fatalf("live after index %d: got %v, want %v", i, got, want)
		}
	}
	// And looked back at from the end, at every size.
	for i := range entries {
		live, ok := state.LiveAt(testProduct, uint64(i+1))
		if !ok || len(live) != min(1, exampleLive[i]+1) || (len(live) == 1 && live[0].Index != uint64(exampleLive[i])) {
			t.Errorf("live at size %d, seen from size %d: %v", i+1, state.Size(), live)
		}
	}
	const identity = "570c7c59fc624e8656f45f81441543898940906b1acb6c960d1b3289c02c2ba6"
	if got := state.Live(testProduct)[0].Identity.String(); got != identity {
		t.Errorf("identity: got %s, want %s", got, identity)
	}
	for index, want := range []string{
		"superseded by 8", "live in release 9", "live in release 9", "superseded by 9", "superseded by 10",
		"in-force", "struck by 8", "superseded by 10", "in-force", "live", "newest",
	} {
		if got, _ := state.Why(uint64(index)); got.String() != want {
			t.Errorf("index %d stands %q, want %q", index, got, want)
		}
	}
}

// exampleStatement returns a statement of the example, to be changed.
func exampleStatement(tb testing.TB, index int) *release.Statement {
	tb.Helper()
	statement, err := release.ParseStatement(examplePayload(tb, index))
	if err != nil {
		tb.Fatal(err)
	}
	return statement
}

func TestExampleLogWhatWouldBeVoid(t *testing.T) {
	t.Run("RR with the notAfter of R", func(t *testing.T) {
		l := exampleLog(t, 6)
		rr := exampleStatement(t, 6).Predicate.(*release.Release)
		rr.NotAfter = exampleStatement(t, 3).Predicate.(*release.Release).NotAfter
		l.refuse(CodeNotAfterNotLater, rr)
	})
	t.Run("RN without reinstates", func(t *testing.T) {
		l := exampleLog(t, 9)
		rn := exampleStatement(t, 9).Predicate.(*release.Release)
		rn.Reinstates = nil
		l.refuse(CodeImageWithdrawn, rn, "rel2", "rel3")
	})
	t.Run("a roll after the withdrawal that still lists R", func(t *testing.T) {
		l := exampleLog(t, 6)
		rb := exampleStatement(t, 4).Predicate.(*release.Roll)
		rb.Size = 6
		l.refuse(CodeRollLive, rb)
	})
	t.Run("authority version 2 signed by one root", func(t *testing.T) {
		l := exampleLog(t, 8)
		l.refuse(CodePreviousRootMissed, exampleStatement(t, 8).Predicate.(*release.Authority), "root1")
	})
}
