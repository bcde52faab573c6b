package embedded_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/log/logtest"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog"
)

// The search index follows what is published, is made anew where it is another
// log's, and then answers as before.
func TestIndexFollowsAndIsMadeAnew(t *testing.T) {
	key, err := tlog.GenerateSigningKey(peerOrigin, tlog.TypeEd25519)
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, key, logtest.Policy(t, key.Verifier(), 1, logtest.NewWitnesses(t, 1, key.Verifier())...))
	s.submit(s.images(700)...) // nearly three bundles
	want := s.indexed(701)

	junk := log.Record{Status: 1, Entry: release.Digest{1}, Payload: release.Digest{2}, Predicate: "junk"}
	for _, count := range []int{1, 300, 900} { // shorter and longer than the log
		s.stopFollowing()
		if err := s.storage.Index.Reset(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i := range count {
			junk.Index = uint64(i)
			if err := s.storage.Index.Add(t.Context(), []log.Record{junk}); err != nil {
				t.Fatal(err)
			}
		}
		s.follow()
		if diff := cmp.Diff(want, s.indexed(701)); diff != "" {
			t.Errorf("after %d records of another log (-want +got):\n%s", count, diff)
		}
	}
}

// indexed waits until the index has so many entries and no junk, and lists them.
func (s *site) indexed(size uint64) []log.Record {
	s.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		got, err := s.storage.Index.Size(context.Background())
		if err != nil {
			s.t.Fatal(err)
		}
		records, err := s.storage.Index.List(context.Background(), log.Query{Before: math.MaxUint64, Limit: 1000})
		if err != nil {
			s.t.Fatal(err)
		}
		if got == size && uint64(len(records)) == size && records[0].Predicate != "junk" {
			return records
		}
		if time.Now().After(end) {
			s.t.Fatalf("the index has %d entries, want %d", got, size)
		}
	}
}
