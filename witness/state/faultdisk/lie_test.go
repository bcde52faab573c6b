package faultdisk_test

import (
	"errors"
	"testing"

	"github.com/muster-log/muster/witness/state"
	"github.com/muster-log/muster/witness/state/faultdisk"
)

// TestLyingDisk: the database's disk says that it kept what it did not, the
// anchor's is another one. When the power is gone the witness goes on where
// nothing was lost, and refuses to start where something was; it never signs a
// second history. A disk that lies about both at once is beyond what a witness
// can see by itself.
func TestLyingDisk(t *testing.T) {
	t.Parallel()
	s := newSite(t, 2, 12)
	ready := s.ready()
	refused, recovered, served := 0, 0, 0
	for seed := range uint64(30) {
		c := &course{site: s.again(t), seed: seed, directory: copyOf(t, ready)}
		disk, err := faultdisk.New(c.directory, seed, faultdisk.Fault{Effect: faultdisk.Lie, Step: 1 + 2*int(seed), Within: "data"})
		if err != nil {
			t.Fatal(err)
		}
		l, err := c.start(disk)
		if err != nil {
			t.Fatal(err)
		}
		l.work(2, false)
		c.directory = makeSite(t)
		if err := disk.Leave(c.directory); err != nil {
			t.Fatal(err)
		}
		l.serving.Close()
		disk.Close()
		c.leftAnchored()

		well, err := faultdisk.New(c.directory, seed, faultdisk.Fault{})
		if err != nil {
			t.Fatal(err)
		}
		after, err := c.start(well)
		switch {
		case err == nil:
			served++
			if err := c.remembers(after.serving); err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
			after.attack(true)
			after.serving.Close()
		default:
			refused++
			doubt, ok := errors.AsType[*state.DoubtError](err)
			if !ok {
				t.Logf("seed %d: the database cannot be read: %v", seed, err)
				break
			}
			recovered++
			c.recover(well, doubt)
		}
		well.Close()
		if c.consistent(); t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Logf("refused %d times, recovered %d times, served %d times", refused, recovered, served)
	if recovered == 0 || served == 0 {
		t.Errorf("recovered %d times, served %d times: want both to occur", recovered, served)
	}
}

// recover is what an operator does about a doubt, and then the witness goes on
// where it was.
func (c *course) recover(disk *faultdisk.Disk, doubt *state.DoubtError) {
	c.tb.Helper()
	var accepted []state.Accepted
	for _, one := range doubt.Doubts {
		if one.Anchor == nil {
			c.tb.Fatalf("%s is in doubt, and the anchor says nothing of it", one.Origin)
		}
		accepted = append(accepted, state.Accepted{Origin: one.Origin, Size: one.Anchor.Size})
	}
	remaining, err := state.Accept(c.tb.Context(), c.options(disk), accepted)
	if err != nil || remaining != nil || len(accepted) == 0 {
		c.tb.Fatalf("accepted %d logs: remaining %v, %v", len(accepted), remaining, err)
	}
	// The logs may be gone with the database.
	if err := c.setUp(disk); err != nil {
		c.tb.Fatal(err)
	}
	l, err := c.start(disk)
	if err != nil {
		c.tb.Fatal(err)
	}
	defer l.serving.Close()
	if err := c.remembers(l.serving); err != nil {
		c.tb.Error(err)
	}
	l.attack(false)
	c.goesOn(l)
	l.attack(true)
}

// TestLyingAnchor: of an anchor that is behind, or gone, the database knows.
func TestLyingAnchor(t *testing.T) {
	t.Parallel()
	s := newSite(t, 2, 12)
	ready := s.ready()
	for seed := range uint64(15) {
		c := &course{site: s.again(t), seed: seed, directory: copyOf(t, ready)}
		disk, err := faultdisk.New(c.directory, seed, faultdisk.Fault{Effect: faultdisk.Lie, Step: 1 + int(seed), Within: "keys"})
		if err != nil {
			t.Fatal(err)
		}
		l, err := c.start(disk)
		if err != nil {
			t.Fatal(err)
		}
		l.work(2, false)
		c.directory = makeSite(t)
		if err := disk.Leave(c.directory); err != nil {
			t.Fatal(err)
		}
		l.serving.Close()
		disk.Close()

		well, err := faultdisk.New(c.directory, seed, faultdisk.Fault{})
		if err != nil {
			t.Fatal(err)
		}
		// It may be damaged, which is refused as well; if it serves it serves
		// from the database.
		if after, err := c.start(well); err == nil {
			if err := c.remembers(after.serving); err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
			c.goesOn(after)
			after.attack(true)
			after.serving.Close()
		}
		well.Close()
		if c.consistent(); t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}
