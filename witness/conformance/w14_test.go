package conformance

import (
	"errors"

	"github.com/muster-log/muster/witness/witnesstest"
)

// w14: one database and one key have one process.
var w14 = []check{
	{name: "W14.second-process-on-the-database", beyond: true, run: secondProcess(sameDatabase)},
	{name: "W14.second-process-with-the-key", beyond: true, run: secondProcess(sameKey)},
	{name: "W14.second-process-with-a-copy-of-the-key", beyond: true, run: secondProcess(copiedKey)},
	{name: "W14.killed-one-leaves-nothing-locked", run: func(t *T) {
		s := t.ownSite()
		log := s.follow(9)
		s.cosign(log.Request(0, 5))
		if err := s.kill(); err != nil {
			t.Fatal(err)
		}
		s.mustStart()
		s.cosign(log.Request(5, 9))
	}},
}

// secondProcess is the check that a second process refuses to start, and that
// the first one goes on.
func secondProcess(same second) func(*T) {
	return func(t *T) {
		s := t.ownSite()
		log := s.follow(9)
		s.cosign(log.Request(0, 5))
		if err := s.second(same); err == nil {
			t.Errorf("a second process with %s serves", same)
		} else {
			t.refusal(err)
		}
		s.cosign(log.Request(5, 9))
	}
}

// refusal demands that a witness has refused to start, and not that it could
// not be asked to.
func (t *T) refusal(err error) {
	t.Helper()
	if !errors.Is(err, witnesstest.ErrRefused) {
		t.can(err)
	}
}
