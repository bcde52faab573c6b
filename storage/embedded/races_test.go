package embedded

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/log/cosign"
	"github.com/muster-log/muster/log/logtest"
	"github.com/muster-log/muster/release/register"
)

// TestL10RacesAreDecidedByTheIndex on this storage, and everyone who opens the
// directory again agrees.
func TestL10RacesAreDecidedByTheIndex(t *testing.T) {
	key, dir, logger := newKey(t), t.TempDir(), slog.New(slog.DiscardHandler)
	witnesses := logtest.NewWitnesses(t, 1, key.Verifier())
	run := func(do func(l *log.Log)) {
		t.Helper()
		s, err := Open(context.Background(), filepath.Join(dir, "data"), key, logger, WithHighWater(filepath.Join(dir, "high-water")))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		group, err := cosign.NewGroup(logtest.Policy(t, key.Verifier(), 1, witnesses...), cosign.Options{Logger: logger})
		if err != nil {
			t.Fatal(err)
		}
		l, err := log.Open(context.Background(), log.Config{Origin: "log.example/test", Key: key, Appender: s.Appender, Anchors: s.Anchors, HighWater: s.HighWater, Cosigner: group, Logger: logger})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		do(l)
	}
	issuer := logtest.NewIssuer(t, "log.example/test")
	var size uint64
	run(func(l *log.Log) {
		if _, err := l.Submit(t.Context(), issuer.Authority); err != nil {
			t.Fatal(err)
		}
		logtest.Races(t, l, issuer)
		size = l.Status().Size
	})
	run(func(l *log.Log) {
		if status := l.Status(); status.Size != size || status.Void != 0 || status.Authority.Version != 2 {
			t.Errorf("opened again: %+v, want %d entries", status, size)
		}
		l.View(func(state *register.State) {
			if standing, ok := state.Why(size - 1); !ok || standing.Word != register.WordNotReleased {
				t.Errorf("the last image stands %v", standing)
			}
		})
	})
}
