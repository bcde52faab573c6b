package conformance

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/witnesstest"
)

// w4: no cosignature leaves for a state that is not durable. That every write
// and every fsync can fail is tested with a fault-injecting layer in
// witness/state; from outside a kill and a full disk are seen.
var w4 = []check{
	{name: "W4.kill-9", run: killRounds},
	{name: "W4.full-disk", run: fullDisk},
}

type witnessRequest = witness.AddCheckpoint

func sizeLine(size int) string { return strconv.Itoa(size) + "\n" }

// grower is a log that grows by one leaf a request.
type grower struct {
	log *witnesstest.Log
	// size is the largest that a cosignature came back for.
	size int
}

// killRounds kills the witness while logs grow, again and again: what left it
// is there afterwards.
func killRounds(t *T) {
	const logs, rounds = 6, 4
	s := t.ownSite()
	var growing []*grower
	for range logs {
		growing = append(growing, &grower{log: s.follow(300)})
	}
	for round := range rounds {
		var answers atomic.Int64
		enough := make(chan struct{})
		// Another number of answers each round: the kill falls at other moments.
		limit := int64(29 + 11*round)
		var group sync.WaitGroup
		for _, g := range growing {
			group.Go(func() {
				for g.size < 300 {
					got, err := s.try(http.MethodPost, "/add-checkpoint", bytes.NewReader(g.log.Request(g.size, g.size+1).Marshal()))
					if err != nil {
						return // killed
					}
					if got.status != http.StatusOK {
						t.Errorf("%s from %d: got %v", g.log.Origin, g.size, got)
						return
					}
					g.size++
					if answers.Add(1) == limit {
						close(enough)
					}
				}
			})
		}
		all := make(chan struct{})
		go func() { group.Wait(); close(all) }()
		select {
		case <-enough:
		case <-all: // every one of them failed
		}
		if err := s.kill(); err != nil {
			t.Fatal(err)
		}
		<-all
		if t.Failed() {
			return
		}
		if err := s.start(); err != nil {
			t.Fatalf("after kill -9: %v", err)
		}
		for _, g := range growing {
			s.wentOn(g)
		}
	}
}

// wentOn checks that the witness is where the last cosignature was that left
// it: or one further, because an answer may have been lost on the way.
func (s *site) wentOn(g *grower) {
	s.t.Helper()
	size := int(s.cosignedSize(g.log))
	if size < g.size || size > g.size+1 {
		s.t.Fatalf("%s: a cosignature of size %d has left, afterwards it is at %d", g.log.Origin, g.size, size)
	}
	g.size = size
	// The root is that of the log, too: it grows on.
	s.cosign(g.log.Request(size, size+1))
	g.size++
}

// fullDisk lets the witness write to no file any more, as a full disk does.
func fullDisk(t *T) {
	s := t.ownSite()
	log := s.follow(20)
	g := &grower{log: log}
	for g.size < 3 {
		s.cosign(log.Request(g.size, g.size+1))
		g.size++
	}
	if err := limitFileSize(s.pid(), 0); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		got := s.submit(log.Request(g.size, g.size+1).Marshal())
		if got.status < 500 && got.status != http.StatusConflict || strings.Contains(got.body, "— ") {
			t.Fatalf("with a full disk: got %v, want 5xx and no cosignature", got)
		}
	}
	if err := s.kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.start(); err != nil {
		t.Fatalf("after the disk had room again: %v", err)
	}
	s.wentOn(g)
}
