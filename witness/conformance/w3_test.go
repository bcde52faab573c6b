package conformance

import (
	"bytes"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/muster-log/muster/witness/witnesstest"
)

// w3 are races from one old size.
var w3 = []check{
	{name: "W3.one-of-a-race", run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(60)
		size := 0
		for range 3 {
			var bodies [][]byte
			for to := size + 1; to <= size+16; to++ {
				bodies = append(bodies, log.Request(size, to).Marshal())
			}
			won := s.race(bodies)
			if len(won) != 1 {
				t.Fatalf("from %d: %d requests got 200, want 1", size, len(won))
			}
			winner := size + 1 + won[0]
			if kept := s.cosignedSize(log); kept != uint64(winner) {
				t.Fatalf("from %d: it is at %d, the one that got 200 was %d", size, kept, winner)
			}
			for i, body := range bodies {
				if got := s.submit(body); got.status != http.StatusConflict {
					t.Fatalf("after it, the request to %d: got %v, want 409", size+1+i, got)
				}
			}
			size = winner
		}
	}},
	{name: "W3.one-of-identical-requests", run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(9)
		var bodies [][]byte
		for range 16 {
			bodies = append(bodies, log.Request(0, 9).Marshal())
		}
		if won := s.race(bodies); len(won) != 1 {
			t.Errorf("%d of the requests got 200, want 1", len(won))
		}
	}},
	{name: "W3.one-of-two-histories", run: func(t *T) {
		s := t.sharedSite()
		for range 5 {
			log := s.follow(9)
			var bodies [][]byte
			for at := range 8 {
				bodies = append(bodies, log.Fork(at).Request(0, 9).Marshal())
			}
			if won := s.race(bodies); len(won) != 1 {
				t.Fatalf("%d histories of one log were cosigned at size 9, want 1", len(won))
			}
		}
	}},
	{name: "W3.never-rolls-back", run: neverRollsBack},
}

// race submits all bodies at once and returns which got 200; every other must
// get 409.
func (s *site) race(bodies [][]byte) (won []int) {
	s.t.Helper()
	answers := make([]answer, len(bodies))
	errs := make([]error, len(bodies))
	var group sync.WaitGroup
	for i, body := range bodies {
		group.Go(func() {
			answers[i], errs[i] = s.try(http.MethodPost, "/add-checkpoint", bytes.NewReader(body))
		})
	}
	group.Wait()
	for i, got := range answers {
		switch {
		case errs[i] != nil:
			s.t.Fatalf("no answer: %v", errs[i])
		case got.status == http.StatusOK:
			won = append(won, i)
		case got.status != http.StatusConflict:
			s.t.Errorf("got %v, want 200 or 409", got)
		}
	}
	return won
}

// neverRollsBack grows a log while others ask for steps that it took before
// and for the same size again.
func neverRollsBack(t *T) {
	const leaves, others = 40, 6
	s := t.sharedSite()
	log := s.follow(leaves)
	var reached atomic.Int64
	done := make(chan struct{})
	var group sync.WaitGroup
	strange := make(chan answer, others)
	for i := range others {
		group.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				at := int(reached.Load())
				from := max(0, at-1-i%3)
				got, err := s.try(http.MethodPost, "/add-checkpoint", bytes.NewReader(stepFrom(log, from, i%2 == 0).Marshal()))
				if err != nil || got.status != http.StatusOK && got.status != http.StatusConflict {
					strange <- got
					return
				}
			}
		})
	}
	for size := range leaves {
		got := s.submit(log.Request(size, size+1).Marshal())
		if got.status == http.StatusConflict && got.body == sizeLine(size+1) {
			got.status = http.StatusOK // one of the others took this step
		}
		if got.status != http.StatusOK {
			t.Errorf("from %d: got %v, want 200", size, got)
			break
		}
		reached.Store(int64(size + 1))
	}
	close(done)
	group.Wait()
	select {
	case got := <-strange:
		t.Errorf("an older request got %v, want 200 or 409", got)
	default:
	}
	if size := s.cosignedSize(log); size != leaves {
		t.Errorf("it is at %d, want %d", size, leaves)
	}
}

// stepFrom is a request for one more leaf, or for the same size again.
func stepFrom(log *witnesstest.Log, from int, more bool) *witnessRequest {
	if more {
		return log.Request(from, from+1)
	}
	return log.Request(from, from)
}
