package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync"
	"syscall"
	"testing"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness/witnesstest"
)

// TestW4KillBetweenCommits kills a witness with SIGKILL while many logs grow
// at once, again and again: whatever cosignature left the process, its state
// is there afterwards.
func TestW4KillBetweenCommits(t *testing.T) {
	const logs, rounds = 8, 4
	s := newSite(t)
	keys := s.keys(t)
	grown := make([]*grower, logs)
	for i := range grown {
		grown[i] = &grower{log: witnesstest.NewLog(t, fmt.Sprintf("log.example/%d", i), 400), keys: keys}
		s.add(t, grown[i].log)
	}
	for round := range rounds {
		p := s.serve(t)
		answers := make(chan struct{})
		done := make(chan struct{})
		var group sync.WaitGroup
		for _, g := range grown {
			group.Go(func() {
				if err := g.check(p); err != nil {
					t.Errorf("round %d: %v", round, err)
					return
				}
				for g.grow(p) {
					select {
					case answers <- struct{}{}:
					case <-done:
					}
				}
			})
		}
		finished := make(chan struct{})
		go func() { group.Wait(); close(finished) }()
		// A different number of answers each round, so that the kill falls at
		// other moments of other transactions.
	count:
		for range 37 + 11*round {
			select {
			case <-answers:
			case <-finished:
				break count
			}
		}
		p.end(syscall.SIGKILL)
		close(done)
		<-finished
	}
	p := s.serve(t)
	for _, g := range grown {
		if err := g.check(p); err != nil {
			t.Error(err)
		}
		if g.size == 0 {
			t.Errorf("%s never grew", g.log.Origin)
		}
	}
}

// grower is a log that grows by one leaf a request and remembers the largest
// size and the latest time that a cosignature came back for.
type grower struct {
	log  *witnesstest.Log
	keys []tlog.VerifierKey
	size int
	time uint64
}

// grow asks for one more leaf; false means that the witness is gone.
func (g *grower) grow(p *process) bool {
	request := g.log.Request(g.size, g.size+1)
	status, answer, err := p.submit(request.Marshal())
	if err != nil {
		return false
	}
	if status != http.StatusOK {
		p.t.Errorf("%s from %d: got %d %q", g.log.Origin, g.size, status, answer)
		return false
	}
	at, err := cosignedAt(request.Checkpoint, answer, g.keys)
	if err != nil {
		p.t.Errorf("%s at %d: %v", g.log.Origin, g.size+1, err)
		return false
	}
	g.size, g.time = g.size+1, at
	return true
}

// check compares what the witness shows with what left it, and goes on from
// there: one answer may have been lost on the way, so it may be one ahead.
func (g *grower) check(p *process) error {
	if g.size == 0 {
		return g.resume(p)
	}
	note, err := g.kept(p)
	if err != nil {
		return err
	}
	kept, err := tlog.ParseCheckpoint(note)
	if err != nil {
		return fmt.Errorf("%s: got %q: %w", g.log.Origin, note, err)
	}
	if kept.Size < uint64(g.size) || kept.Size > uint64(g.size)+1 || kept.Root != g.log.Root(int(kept.Size)) {
		return fmt.Errorf("%s: cosigned up to %d, kept %d with root %v", g.log.Origin, g.size, kept.Size, kept.Root)
	}
	if err := kept.VerifySignature(g.log.Key.Verifier()); err != nil {
		return err
	}
	cosignatures, err := kept.Cosignatures(g.keys)
	if err != nil || len(cosignatures) != 2 || cosignatures[0].Time < g.time {
		return fmt.Errorf("%s: kept cosignatures %v, %v, the latest that left is of %d", g.log.Origin, cosignatures, err, g.time)
	}
	return g.resume(p)
}

// kept is what the witness shows to monitors.
func (g *grower) kept(p *process) ([]byte, error) {
	response, err := http.Get(p.url + "/" + originHash(g.log.Origin) + "/checkpoint")
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return io.ReadAll(response.Body)
}

// resume learns the size from a conflict, as a log does.
func (g *grower) resume(p *process) error {
	wrong := g.log.Request(g.size, g.size)
	wrong.OldSize = tlog.MaxSize
	wrong.Checkpoint = g.log.Sign(tlog.Checkpoint{Origin: g.log.Origin, Size: tlog.MaxSize})
	status, answer, err := p.submit(wrong.Marshal())
	if err != nil || status != http.StatusConflict {
		return fmt.Errorf("%s: got %d %q, %v, want a conflict", g.log.Origin, status, answer, err)
	}
	var size int
	if _, err := fmt.Sscanf(answer, "%d\n", &size); err != nil || size < g.size || size > g.size+1 {
		return fmt.Errorf("%s: the conflict says %q, cosigned up to %d", g.log.Origin, answer, g.size)
	}
	g.size = size
	return nil
}

// cosignedAt checks the cosignatures of an answer and returns their time.
func cosignedAt(checkpoint *tlog.SignedCheckpoint, answer string, keys []tlog.VerifierKey) (uint64, error) {
	cosigned, err := tlog.ParseCheckpoint(bytes.Join([][]byte{checkpoint.Marshal(), []byte(answer)}, nil))
	if err != nil {
		return 0, err
	}
	cosignatures, err := cosigned.Cosignatures(keys)
	if err != nil {
		return 0, err
	}
	if len(cosignatures) != 2 || cosignatures[0].Time != cosignatures[1].Time {
		return 0, fmt.Errorf("got cosignatures %v, want two of one time", cosignatures)
	}
	return cosignatures[0].Time, nil
}
