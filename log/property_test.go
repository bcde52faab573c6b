package log_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/muster-log/muster/log/logtest"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/release/releasetest"
	"github.com/muster-log/muster/tlog"
)

// crowd submits whatever comes to its mind, valid or not, to one log.
type crowd struct {
	*fixture
	mu       sync.Mutex
	random   *rand.Rand
	versions []release.Digest        // of the authority, payload digests of those made
	known    map[release.Digest]bool // admitted
	images   []release.Digest        // of those
	releases []release.Digest
	taken    []release.Digest // withdrawals
	entries  [][]byte
	admitted map[release.Type]int
	refused  map[release.Code]int
}

// pick returns one of some digests, seldom none of them.
func (c *crowd) pick(of []release.Digest) release.Digest {
	if len(of) == 0 || c.random.IntN(20) == 0 {
		return release.Digest{byte(c.random.IntN(256))}
	}
	return of[c.random.IntN(len(of))]
}

func (c *crowd) picks(of []release.Digest, most int) []release.Digest {
	var picked []release.Digest
	for range c.random.IntN(most + 1) {
		picked = append(picked, c.pick(of))
	}
	slices.SortFunc(picked, release.Digest.Compare)
	return slices.Compact(picked)
}

// one returns one of some values.
func one[T any](c *crowd, of ...T) T { return of[c.random.IntN(len(of))] }

// authority returns the newest version, seldom an older one.
func (c *crowd) authority() release.Digest {
	if c.random.IntN(20) == 0 {
		return c.pick(c.versions)
	}
	_, digest := c.inForce()
	return digest
}

func (c *crowd) inForce() (version int, digest release.Digest) {
	c.View(func(state *register.State) {
		authority, payload := state.Authority()
		version, digest = authority.Version, payload
	})
	return version, digest
}

func (c *crowd) issued() time.Time {
	hours := one(c, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, -24, -200, 1, 3000)
	return c.issuer.Issued().Add(time.Duration(hours) * time.Hour)
}

// make makes the next entry.
func (c *crowd) make() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	var entry []byte
	switch n := c.random.IntN(100); {
	case n < 35:
		entry = c.image()
	case n < 65:
		entry = c.release()
	case n < 75:
		entry = c.issuer.Withdrawal(c.pick(slices.Concat(c.images, c.releases)), func(w *release.Withdrawal) {
			w.Authority, w.Issued, w.Note = c.authority(), c.issued(), fmt.Sprint(c.random.IntN(2))
		})
	case n < 88:
		entry = c.roll()
	case n < 90:
		entry = c.rotation()
	default:
		if len(c.entries) == 0 {
			return c.issuer.Authority
		}
		return one(c, c.entries...) // again
	}
	c.entries = append(c.entries, entry)
	return entry
}

func (c *crowd) image() []byte {
	stated := c.issuer.StateImage(func(i *release.Image) {
		if c.random.IntN(2) == 0 {
			logtest.OS(i)
		}
		i.Name, i.Version, i.SecurityVersion = one(c, "a", "b"), fmt.Sprint(c.random.IntN(20)), one[uint64](c, 1, 1, 2, 3, 2000)
		i.Product, i.Mode = one(c, logtest.Product, logtest.Product, logtest.Product, "other/product"), one(c, release.ModeProduction, release.ModeProduction, release.ModeProduction, release.ModeResearch)
		i.Authority, i.Issued = c.authority(), c.issued()
		i.PublishBy = i.Issued.AddDate(0, 0, one(c, 10, 10, 10, 0, 40))
	})
	if stated.Kind == release.KindOS && stated.Mode != release.ModeProduction {
		stated.Mode = release.ModeProduction // its command line is one of production
	}
	entry, _ := c.issuer.SignImage(stated, one(c, "ci", "ci", "ci", "ci2", "ci2", "rel1"))
	return entry
}

func (c *crowd) release() []byte {
	stated := c.issuer.StateRelease(fmt.Sprint(c.random.IntN(100)), c.picks(c.images, 2)...)
	if len(stated.Images) == 0 {
		stated.Images = []release.Digest{c.pick(c.images)}
	}
	if len(c.taken) > 0 && c.random.IntN(3) == 0 {
		stated.Reinstates = c.picks(c.taken, 3)
	}
	stated.Authority, stated.Issued = c.authority(), c.issued()
	stated.NotAfter = stated.Issued.AddDate(0, 0, one(c, 20, 40, 60, 80, 0, 100))
	entry, _ := c.issuer.SignRelease(stated, one(c, []string{"rel1", "rel2"}, []string{"rel2", "rel3"}, []string{"rel2", "rel3"}, []string{"rel1"})...)
	return entry
}

// roll says what is live at some size, or something else.
func (c *crowd) roll() []byte {
	newest, _ := c.Checkpoint()
	at := newest.Checkpoint
	if c.random.IntN(4) == 0 {
		at = tlog.Checkpoint{Size: c.random.Uint64N(at.Size + 3)}
		if anchor, err := c.CheckpointAt(context.Background(), at.Size); err == nil {
			at = anchor.Checkpoint
		}
	}
	var live []release.Digest
	c.View(func(state *register.State) {
		list, _ := state.LiveAt(logtest.Product, at.Size)
		for _, entry := range list {
			live = append(live, entry.Digest)
		}
	})
	if c.random.IntN(6) == 0 {
		live = c.picks(c.releases, 3)
	}
	return c.issuer.Roll(at, live, func(r *release.Roll) { r.Authority, r.Issued = c.authority(), c.issued() })
}

// rotation makes a version that follows the newest, or another.
func (c *crowd) rotation() []byte {
	newest, previous := c.inForce()
	version := newest + 1
	good := c.random.IntN(2) == 0 && version <= 32
	signers := []string{"root1", "root2"}
	if !good {
		signers = one(c, []string{"root1"}, []string{"ci", "ci2"}, []string{"root1", "root2"})
		version = 1 + c.random.IntN(32)
		previous = c.pick(c.versions)
	}
	return c.issuer.RotateSigned(signers, func(a *release.Authority) {
		a.Version, a.Previous = version, &previous
		if version == 1 {
			a.Previous = nil
		}
		if c.random.IntN(3) == 0 {
			a.Compromised = []release.Compromised{{KeyID: releasetest.KeyFromName(one(c, "ci", "ci2", "rel1", "roll")).Key().ID(), Origin: origin, From: c.random.Uint64N(100)}}
		}
	})
}

func (c *crowd) count(entry []byte, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		p, err := register.Decode(entry)
		if err != nil {
			c.t.Error(err)
			return
		}
		if c.admitted[p.Statement.Type]++; c.known[p.Digest] {
			return
		}
		c.known[p.Digest] = true
		switch p.Statement.Type {
		case release.TypeImage:
			c.images = append(c.images, p.Digest)
		case release.TypeRelease:
			c.releases = append(c.releases, p.Digest)
		case release.TypeAuthority:
			c.versions = append(c.versions, p.Digest)
		case release.TypeWithdrawal:
			c.taken = append(c.taken, p.Digest)
		}
		return
	}
	refusal, ok := errors.AsType[*release.Refusal](err)
	if !ok {
		c.t.Errorf("no refusal: %v", err)
		return
	}
	c.refused[refusal.Code]++
}

// Whatever is submitted by whomever in whatever order, everyone who replays the
// log from its entries finds none that breaks a rule, and the same live releases.
func TestWhateverIsSubmittedNothingIsVoid(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			f := newFixture(t).open()
			c := &crowd{fixture: f, known: make(map[release.Digest]bool), random: rand.New(rand.NewPCG(seed, 8)), versions: []release.Digest{f.issuer.Digest}, admitted: make(map[release.Type]int), refused: make(map[release.Code]int)}
			f.published(0)
			var group sync.WaitGroup
			for range 6 {
				group.Go(func() {
					for range 250 {
						entry := c.make()
						_, err := f.Submit(context.Background(), entry)
						c.count(entry, err)
					}
				})
			}
			group.Wait()
			f.noneVoid()
			replayed := register.New(origin)
			replayed.ApplyAll(f.storage.Entries())
			f.View(func(state *register.State) {
				got, want := replayed.Live(logtest.Product), state.Live(logtest.Product)
				if replayed.Size() != state.Size() || len(got) != len(want) || !slices.EqualFunc(got, want, func(a, b register.LiveRelease) bool { return a.Digest == b.Digest }) {
					t.Errorf("a replay has %d entries and %d live releases, the log %d and %d", replayed.Size(), len(got), state.Size(), len(want))
				}
			})
			t.Logf("admitted %v, refused %v", c.admitted, c.refused)
			for _, of := range []release.Type{release.TypeAuthority, release.TypeImage, release.TypeRelease, release.TypeWithdrawal, release.TypeRoll} {
				if c.admitted[of] < 3 {
					t.Errorf("only %d of type %s were admitted: the test says little", c.admitted[of], of)
				}
			}
			if len(c.refused) < 15 {
				t.Errorf("only %d rules refused something: %v", len(c.refused), slices.Sorted(maps.Keys(c.refused)))
			}
		})
	}
}
