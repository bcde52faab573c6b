package faultdisk_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/muster-log/muster/witness/state/faultdisk"
)

// allEffects are those that a witness has to outlive.
var allEffects = []faultdisk.Effect{faultdisk.Fail, faultdisk.Short, faultdisk.Full, faultdisk.Kill, faultdisk.Cut}

// falls are the kinds of steps on which an effect does not do what another one
// does, all if there are none.
var falls = map[faultdisk.Effect][]faultdisk.Kind{
	faultdisk.Short: {faultdisk.Write},
	faultdisk.Full:  {faultdisk.Open, faultdisk.Write, faultdisk.Allocate},
}

// TestFaultAtEachStep lets each kind of fault fall on each step of a short
// workload that it can fall on; Kill does so in TestKillOfAProcess.
//
// With each of these changes of witness/state it or one of the others here
// failed, tried one by one: the answer before the commit, or whatever becomes
// of the anchor; the anchor before the commit; synchronous OFF, and NORMAL; the
// anchor not synced, or not its directory, or not before its renaming, or
// appended to after an error; a note shown that could not be anchored.
func TestFaultAtEachStep(t *testing.T) {
	t.Parallel()
	s := newSite(t, 2, 12)
	effects := []faultdisk.Effect{faultdisk.Fail, faultdisk.Short, faultdisk.Full, faultdisk.Cut}
	s.atEachStep(t, s.ready(), effects, func(l *life) {
		l.work(1, false)
		l.operate(true)
		l.work(1, false)
	})
}

// TestFaultInSettingUp is the same of the making of the database: what an
// operator's command did not finish its repetition does.
func TestFaultInSettingUp(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1, 12)
	s.setsUp = true
	s.atEachStep(t, makeSite(t), []faultdisk.Effect{faultdisk.Fail, faultdisk.Cut}, nil)
}

// atEachStep lets the faults fall on the steps of the work, or of setting up if
// there is none.
func (s *site) atEachStep(t *testing.T, from string, effects []faultdisk.Effect, work func(*life)) {
	steps := s.stepsOf(t, from, work)
	t.Logf("%d steps", len(steps))
	for _, effect := range effects {
		t.Run(string(effect), func(t *testing.T) {
			t.Parallel()
			missed := 0
			for i, step := range steps {
				if kinds := falls[effect]; kinds != nil && !slices.Contains(kinds, step.Kind) {
					continue
				}
				c := &course{site: s.again(t), seed: uint64(i), directory: copyOf(t, from)}
				fault := faultdisk.Fault{Effect: effect, Step: i + 1}
				met, fired := c.live(fault, work).Fired()
				if !fired {
					missed++
				}
				if c.last(); t.Failed() {
					t.Fatalf("%v: %v", fault, met)
				}
			}
			// Only how connections of the pool are made may differ.
			if missed > len(steps)/10 {
				t.Errorf("%d of %d faults fell on no step", missed, len(steps))
			}
		})
	}
}

// stepsOf are the steps in which nothing goes wrong.
func (s *site) stepsOf(t *testing.T, from string, work func(*life)) []faultdisk.Step {
	t.Helper()
	disk, err := faultdisk.New(copyOf(t, from), 0, faultdisk.Fault{})
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	if work == nil {
		if err := s.setUp(disk); err != nil {
			t.Fatal(err)
		}
		return disk.Steps()
	}
	l, err := s.again(t).start(disk)
	if err != nil {
		t.Fatal(err)
	}
	defer l.serving.Close()
	work(l)
	return disk.Steps()
}

// TestLives takes witnesses through several lives, each on what was left of
// the disk by the one before and each with a fault of its own, while many
// submitters race, the database is moved from its journal into its place, and
// the clock goes both ways. What happens at which step depends on how the
// submitters are scheduled; which fault and what it leaves is the seed's.
func TestLives(t *testing.T) {
	t.Parallel()
	const courses, lives, rounds = 8, 4, 2
	s := newSite(t, 6, 60)
	ready := s.ready()
	for seed := range uint64(courses) {
		random := rand.New(rand.NewPCG(seed, 0))
		c := &course{site: s.again(t), seed: seed * 100, directory: copyOf(t, ready)}
		for range lives {
			fault := faultdisk.Fault{Effect: allEffects[random.IntN(len(allEffects))], Step: 1 + random.IntN(150)}
			c.now = firstDay.Add(time.Duration(random.IntN(600)) * time.Second)
			disk := c.live(fault, func(l *life) {
				for range rounds {
					l.work(1, true)
					l.operate(random.IntN(2) == 0)
				}
			})
			if met, _ := disk.Fired(); t.Failed() {
				t.Fatalf("seed %d: %v, %v", seed, fault, met)
			}
		}
		if c.last(); t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}
