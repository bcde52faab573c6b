package conformance

import "time"

// w6: the clock steps back.
var w6 = []check{
	{name: "W6.repeated-never-earlier", run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(3)
		last := s.cosignedAt(log.Checkpoint(3), s.cosign(log.Request(0, 3)).body)
		for end := time.Now().Add(2500 * time.Millisecond); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			at := s.cosignedAt(log.Checkpoint(3), s.cosign(log.Request(3, 3)).body)
			if at < last {
				t.Fatalf("time stamp %d after %d", at, last)
			}
			last = at
		}
	}},
	{name: "W6.clock-behind-its-last-time-stamp", run: clockBehind},
}

// clockBehind: the witness has signed an hour ahead of the clock that it has
// now. Its clock cannot be set from outside, so its past is: another copy of it
// signed with a clock that was ahead, and its operator accepted that.
func clockBehind(t *T) {
	if t.program.foreign() {
		t.notApplicable("the clock of a static program cannot be set from outside, and it remembers no time stamp that could be")
	}
	s := t.ownSite()
	log := s.follow(9)
	s.cosign(log.Request(0, 5))
	ahead := uint64(time.Now().Add(time.Hour).Unix())
	s.rolledBack(s.elsewhere(log.Request(5, 5), ahead))
	s.mustStop()
	s.recover("--origin", log.Origin, "--size", "5")
	s.mustStart()
	for _, sizes := range [][2]int{{5, 5}, {5, 9}, {9, 9}} {
		request := log.Request(sizes[0], sizes[1])
		if at := s.cosignedAt(request.Checkpoint, s.cosign(request).body); at < ahead {
			t.Errorf("from %d to %d: time stamp %d after %d", sizes[0], sizes[1], at, ahead)
		}
	}
}
