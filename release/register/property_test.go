package register

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/muster-log/muster/release"
)

// randomLog grows a log by valid and invalid entries of every kind.
type randomLog struct {
	*testLog
	random      *rand.Rand
	images      []release.Digest
	releases    []*release.Release
	withdrawals map[release.Digest]release.Digest // withdrawal -> its target
	prepared    []*Prepared
}

func newRandomLog(tb testing.TB, seed uint64, size int) *randomLog {
	l := &randomLog{
		testLog:     newLog(tb),
		random:      rand.New(rand.NewPCG(seed, 7)),
		withdrawals: make(map[release.Digest]release.Digest),
	}
	for len(l.entries) < size {
		l.grow()
	}
	return l
}

// pick returns one of some things at random.
func pick[T any](random *rand.Rand, from ...T) T { return from[random.IntN(len(from))] }

// grow appends one random entry.
func (l *randomLog) grow() {
	l.Helper()
	if l.random.IntN(3) == 0 {
		l.now = l.now.Add(time.Duration(l.random.IntN(5*24)-24) * time.Hour)
	}
	product := func(i *release.Image) {
		i.Product = pick(l.random, testProduct, testProduct, testProduct, "acme/other")
	}
	roll := func(r *release.Roll) { r.Product = testProduct }
	switch l.random.IntN(20) {
	case 0, 1:
		l.add(l.osImage(product), "ci")
	case 2, 3, 4:
		l.add(l.image(product, func(i *release.Image) {
			i.Name = pick(l.random, "llama", "alpaca", i.Name)
			i.Version = fmt.Sprint(l.random.IntN(40))
			i.SecurityVersion = l.random.Uint64N(4)
			i.Mode = pick(l.random, release.ModeProduction, release.ModeProduction, release.ModeResearch)
		}), pick(l.random, "ci", "ci", "ci", "rel1"))
	case 5, 6, 7, 8:
		l.add(l.newRelease(), l.releasers()...)
	case 9, 10, 11:
		if len(l.releases) > 0 {
			of := pick(l.random, l.releases...)
			l.add(l.renewal(of, func(r *release.Release) {
				r.NotAfter = l.now.Add(time.Duration(1+l.random.IntN(80)) * oneDay)
				r.Reinstates = l.reinstates(r)
				r.Note = fmt.Sprint(l.made)
			}), l.releasers()...)
		}
	case 12, 13:
		target := release.Digest{1}
		if record, ok := l.Entry(l.random.Uint64N(l.Size())); ok {
			target = record.Digest
		}
		l.add(l.withdrawal(target), pick(l.random, "wd", "wd", "wd", "ci"))
	case 14, 15:
		l.add(l.roll(roll), "roll")
	case 16:
		l.add(l.roll(roll, func(r *release.Roll) {
			r.Size = l.random.Uint64N(l.Size() + 2)
			if live, ok := l.LiveAt(testProduct, r.Size); ok {
				r.Live = digests(live)
			}
		}), "roll")
	case 17:
		if l.random.IntN(6) == 0 {
			l.add(l.authority(func(a *release.Authority) {
				if l.random.IntN(2) == 0 {
					strikeKey(a, pick(l.random, "rel1", "rel2", "ci", "roll"), l.random.Uint64N(l.Size()+5))
				}
			}), pick(l.random, "root1", "root3"), "root2")
		}
	case 18:
		l.addEntry(pick(l.random, l.entries...))
	case 19:
		l.addEntry(pick(l.random, []byte{}, []byte(`{"payload":1}`), unknownTypeEntry(l)))
	}
}

func (l *randomLog) releasers() []string {
	return pick(l.random, []string{"rel1", "rel2"}, []string{"rel2", "rel3"}, []string{"rel1", "rel2", "rel3"}, []string{"rel3"})
}

func (l *randomLog) newRelease() *release.Release {
	images := make(map[release.Digest]bool)
	for range 1 + l.random.IntN(3) {
		if len(l.images) > 0 {
			images[pick(l.random, l.images...)] = true
		}
	}
	if len(images) == 0 {
		images[release.Digest{2}] = true
	}
	return l.release(slices.Collect(maps.Keys(images)), func(r *release.Release) {
		r.NotAfter = l.now.Add(time.Duration(1+l.random.IntN(80)) * oneDay)
		r.Channel = pick(l.random, "stable", "stable", "lab")
		r.Reinstates = l.reinstates(r)
		r.Version = pick(l.random, r.Version, r.Version, "1")
	})
}

// reinstates lists, mostly, every withdrawal that covers the release.
func (l *randomLog) reinstates(r *release.Release) []release.Digest {
	var list []release.Digest
	for w, target := range l.withdrawals {
		covered := slices.Contains(r.Images, target)
		if index, ok := l.Lookup(target); ok {
			record, _ := l.Entry(index)
			covered = covered || record.Identity == r.Identity()
		}
		if covered && l.random.IntN(8) != 0 {
			list = append(list, w)
		}
	}
	slices.SortFunc(list, release.Digest.Compare)
	return list
}

func (l *randomLog) add(predicate release.Predicate, signers ...string) {
	l.Helper()
	slices.Sort(signers)
	outcome := l.addEntry(l.entry(predicate, slices.Compact(signers)...))
	if outcome.Status != StatusAdmitted {
		return
	}
	switch p := predicate.(type) {
	case *release.Image:
		l.images = append(l.images, outcome.Digest)
	case *release.Release:
		l.releases = append(l.releases, p)
	case *release.Withdrawal:
		l.withdrawals[outcome.Digest] = p.Target
	}
}

func (l *randomLog) addEntry(entry []byte) Outcome {
	l.Helper()
	outcome := l.apply(entry)
	l.prepared = append(l.prepared, outcome.Prepared)
	return outcome
}

// sameState compares two states in all their parts.
func sameState(t *testing.T, what string, got, want *State) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		for i := range want.records {
			if i >= len(got.records) || !reflect.DeepEqual(got.records[i].refusal, want.records[i].refusal) || got.records[i].status != want.records[i].status || got.records[i].struck != want.records[i].struck {
				t.Fatalf("%s: first differs at index %d", what, i)
			}
		}
		t.Fatalf("%s: the states differ", what)
	}
}

// TestAppliedInOneGoEqualsAppliedInPieces: however a log is cut, prepared, and
// asked about in between, the state after the same entries is the same.
func TestAppliedInOneGoEqualsAppliedInPieces(t *testing.T) {
	statuses := make(map[Status]int)
	codes := make(map[release.Code]bool)
	for seed := range uint64(12) {
		l := newRandomLog(t, seed, 180)
		whole := New(testOrigin)
		for _, outcome := range whole.ApplyAll(l.entries) {
			statuses[outcome.Status]++
			if outcome.Refusal != nil {
				codes[outcome.Refusal.Code] = true
			}
		}
		sameState(t, fmt.Sprintf("seed %d: in one go", seed), whole, l.State)

		pieces := New(testOrigin)
		random := rand.New(rand.NewPCG(seed, 8))
		for rest := l.entries; len(rest) > 0; {
			piece := rest[:1+random.IntN(min(20, len(rest)))]
			rest = rest[len(piece):]
			switch random.IntN(3) {
			case 0:
				pieces.ApplyAll(piece)
			case 1:
				for _, entry := range piece {
					pieces.Apply(entry)
				}
			default:
				// Prepared under an authority of any age, some asked about
				// before they are applied.
				known, _ := l.AuthorityAt(random.Uint64N(l.Size()))
				for _, entry := range piece {
					p, err := Prepare(entry, known)
					if err != nil {
						pieces.Apply(entry)
						continue
					}
					if random.IntN(2) == 0 {
						_ = pieces.Admit(p, l.now)
					}
					pieces.ApplyPrepared(p)
				}
			}
		}
		sameState(t, fmt.Sprintf("seed %d: in pieces", seed), pieces, l.State)
	}
	// The logs are worth something only if they hold some of everything.
	for _, status := range []Status{StatusAdmitted, StatusVoid, StatusUnknown} {
		if statuses[status] < 20 {
			t.Errorf("%d entries are %s", statuses[status], status)
		}
	}
	if len(codes) < 15 {
		t.Errorf("the logs break only %d rules: %v", len(codes), codes)
	}
}

// TestAdmitChangesNothing compares the whole state before and after asking.
func TestAdmitChangesNothing(t *testing.T) {
	l := newRandomLog(t, 99, 120)
	twin := New(testOrigin)
	twin.ApplyAll(l.entries)
	for i, p := range l.prepared {
		if p != nil {
			_ = l.Admit(p, l.now)
			_ = l.Admit(p, p.Statement.Issued())
		}
		if i%20 == 0 {
			sameState(t, fmt.Sprint("asked ", i), l.State, twin)
		}
	}
	sameState(t, "asked all", l.State, twin)
}

// TestLiveIsWhatTheRulesSay finds what is live from the statements alone, by
// the words of the rules and without any of the register's bookkeeping.
func TestLiveIsWhatTheRulesSay(t *testing.T) {
	sometimes := 0
	for seed := range uint64(12) {
		l := newRandomLog(t, 1000+seed, 160)
		admitted := admittedOf(l.entries)
		for _, product := range []string{testProduct, "acme/other"} {
			for size := range uint64(len(l.entries) + 1) {
				got, _ := l.LiveAt(product, size)
				want := plainLive(admitted, size, product)
				if !slices.Equal(digests(got), want) {
					t.Fatalf("seed %d, %s at size %d: got %v, want %v", seed, product, size, digests(got), want)
				}
				if len(want) > 1 {
					sometimes++
				}
			}
		}
	}
	if sometimes < 100 {
		t.Errorf("only %d times was more than one release live", sometimes)
	}
}

// logged is an admitted entry with what the rules need to know of it.
type logged struct {
	index     uint64
	statement *release.Statement
	digest    release.Digest
	signers   []release.KeyID
	authority *release.Authority // in force at its index
}

func admittedOf(entries [][]byte) []logged {
	s := New(testOrigin)
	var all []logged
	for _, entry := range entries {
		authority, _ := s.Authority()
		if outcome := s.Apply(entry); outcome.Status == StatusAdmitted {
			all = append(all, logged{outcome.Index, outcome.Prepared.Statement, outcome.Digest, outcome.Prepared.signers(), authority})
		}
	}
	return all
}

// plainLive is the definition of what is live at a size, over what is admitted.
func plainLive(admitted []logged, size uint64, product string) []release.Digest {
	var logTime time.Time
	var all []logged
	var compromised []release.Compromised
	for _, e := range admitted {
		if e.index >= size {
			break
		}
		if e.statement.Issued().After(logTime) {
			logTime = e.statement.Issued()
		}
		all = append(all, e)
		if next, ok := e.statement.Predicate.(*release.Authority); ok {
			compromised = append(compromised, next.Compromised...)
		}
	}
	struck := func(e logged, name release.RoleName) bool {
		good := slices.DeleteFunc(slices.Clone(e.signers), func(id release.KeyID) bool {
			return slices.ContainsFunc(compromised, func(c release.Compromised) bool { return c.KeyID == id && c.From <= e.index })
		})
		i := slices.IndexFunc(e.authority.Roles, func(r release.Role) bool { return r.Name == name })
		return len(good) < e.authority.Roles[i].Threshold
	}
	struckImages := make(map[release.Digest]bool)
	withdrawals := make(map[release.Digest]release.Digest)
	identities := make(map[release.Digest]release.Digest)
	latest := make(map[release.Digest]logged)
	for _, e := range all {
		switch p := e.statement.Predicate.(type) {
		case *release.Image:
			struckImages[e.digest] = struck(e, release.RoleImage)
		case *release.Withdrawal:
			withdrawals[e.digest] = p.Target
		case *release.Release:
			identities[e.digest] = p.Identity()
			if p.Product == product && !struck(e, release.RoleRelease) {
				latest[p.Identity()] = e
			}
		}
	}
	live := []release.Digest{}
	for identity, e := range latest {
		p := e.statement.Predicate.(*release.Release)
		isLive := p.NotAfter.After(logTime)
		for w, target := range withdrawals {
			if (slices.Contains(p.Images, target) || identities[target] == identity) && !slices.Contains(p.Reinstates, w) {
				isLive = false
			}
		}
		for _, image := range p.Images {
			isLive = isLive && !struckImages[image]
		}
		if isLive {
			live = append(live, e.digest)
		}
	}
	slices.SortFunc(live, release.Digest.Compare)
	return live
}
