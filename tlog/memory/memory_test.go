package memory_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/fork"
	"github.com/muster-log/muster/tlog/memory"
	"github.com/muster-log/muster/tlog/tlogtest"
)

const origin = "log.example/acme"

var noon = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)

// grown returns a log of a number of entries.
func grown(t testing.TB, origin string, entries int) *tlogtest.Log {
	t.Helper()
	log := tlogtest.NewLog(t, origin)
	for i := range entries {
		log.Add(fmt.Append(nil, i))
	}
	return log
}

func witness(t testing.TB, name string) tlogtest.Witness {
	t.Helper()
	return tlogtest.NewWitness(t, name, "operator of "+name, tlog.TypeCosignatureEd25519)
}

// after is noon and so many minutes, and kept a checkpoint that was fresh then.
func after(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }

func kept(log *tlogtest.Log, size uint64, minutes int, by ...tlogtest.Witness) memory.Kept {
	var at []tlogtest.At
	for _, w := range by {
		at = append(at, w.At(after(minutes)))
	}
	return memory.Kept{Checkpoint: log.Checkpoint(size, at...), Fresh: uint64(after(minutes).Unix())}
}

// add adds what contradicts nothing.
func add(t testing.TB, m *memory.Memory, newest memory.Kept, proven ...memory.Kept) {
	t.Helper()
	evidence, err := m.Add(newest, proven...)
	if err != nil || len(evidence) > 0 {
		t.Fatalf("got %v, %v", evidence, err)
	}
}

// logKey is the key of every log of one origin.
func logKey(t testing.TB) []tlog.VerifierKey {
	return []tlog.VerifierKey{tlogtest.NewLog(t, origin).Key.Verifier()}
}

func sizes(m *memory.Memory) (list []uint64) {
	for _, k := range m.Checkpoints(origin) {
		list = append(list, k.Checkpoint.Size)
	}
	return list
}

func wantRelation(t testing.TB, c memory.Comparison, want memory.Relation, evidence ...fork.Kind) {
	t.Helper()
	var kinds []fork.Kind
	for _, e := range c.Evidence {
		kinds = append(kinds, e.Kind)
	}
	if c.Relation != want || !slices.Equal(kinds, evidence) {
		t.Errorf("got %s with %v, want %s with %v", c.Relation, kinds, want, evidence)
	}
}

func TestCompare(t *testing.T) {
	log := grown(t, origin, 20)
	other := log.Fork(9)
	other.Add([]byte("x"), []byte("y"), []byte("z"))
	var m memory.Memory
	wantRelation(t, m.Compare(log.Checkpoint(10), nil, logKey(t)), memory.FirstSeen)
	add(t, &m, kept(log, 10, 0))

	wantRelation(t, m.Compare(log.Checkpoint(10), nil, logKey(t)), memory.Consistent)
	wantRelation(t, m.Compare(other.Checkpoint(10), nil, logKey(t)), memory.Contradiction, fork.SameSize)
	wantRelation(t, m.Compare(other.Checkpoint(10), nil, nil), memory.Contradiction) // the kept one is signed by a key of the past
	larger := m.Compare(log.Checkpoint(12), nil, logKey(t))
	wantRelation(t, larger, memory.NotChecked)
	if larger.From != 10 || larger.To != 12 {
		t.Errorf("a proof is missing from %d to %d", larger.From, larger.To)
	}
	// Two sizes without a proof are no evidence, whoever signed them.
	wantRelation(t, m.Compare(other.Checkpoint(12), nil, logKey(t)), memory.NotChecked)
	wantRelation(t, m.Compare(log.Checkpoint(12), []*tlog.SignedCheckpoint{log.Checkpoint(10)}, logKey(t)), memory.Consistent)
	wantRelation(t, m.Compare(log.Checkpoint(12), []*tlog.SignedCheckpoint{log.Checkpoint(8)}, logKey(t)), memory.NotChecked)
	wantRelation(t, m.Compare(other.Checkpoint(12), []*tlog.SignedCheckpoint{other.Checkpoint(10)}, logKey(t)), memory.Contradiction, fork.SameSize)
	// A smaller checkpoint that is seen later may be another node's.
	wantRelation(t, m.Compare(log.Checkpoint(9), nil, logKey(t)), memory.NotChecked)
	// Another log is another history.
	wantRelation(t, m.Compare(grown(t, "log.example/other", 10).Checkpoint(10), nil, logKey(t)), memory.FirstSeen)
}

// TestLinks: what was proven once stays proven, by way of what extends both.
func TestLinks(t *testing.T) {
	log := grown(t, origin, 40)
	var m memory.Memory
	add(t, &m, kept(log, 20, 2), kept(log, 10, 1))
	add(t, &m, kept(log, 15, 3))
	wantRelation(t, m.Compare(log.Checkpoint(10), nil, logKey(t)), memory.Consistent)
	wantRelation(t, m.Compare(log.Checkpoint(15), nil, logKey(t)), memory.NotChecked)
	add(t, &m, kept(log, 30, 4), kept(log, 15, 3))
	// 15 is extended by 30, and nothing proves either to be of one history with 20.
	wantRelation(t, m.Compare(log.Checkpoint(15), nil, logKey(t)), memory.NotChecked)
	wantRelation(t, m.Compare(log.Checkpoint(30), nil, logKey(t)), memory.NotChecked)
	wantRelation(t, m.Compare(log.Checkpoint(20), nil, logKey(t)), memory.Consistent)
	if diff := cmp.Diff([]memory.Gap{{From: 20, To: 30}}, m.Gaps(origin)); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
	wantRelation(t, m.Compare(log.Checkpoint(10), nil, logKey(t)), memory.Consistent)
	wantProven(t, &m, 20)
	if evidence, err := m.Reconcile(origin, 20, 30, log.Root(20), log.Consistency(20, 30)); err != nil || evidence != nil {
		t.Fatalf("got %v, %v", evidence, err)
	}
	for _, size := range []uint64{10, 15, 20, 30} {
		wantRelation(t, m.Compare(log.Checkpoint(size), nil, logKey(t)), memory.Consistent)
	}
	wantProven(t, &m, 30)
	if gaps := m.Gaps(origin); len(gaps) != 0 {
		t.Errorf("gaps are left: %v", gaps)
	}
}

func wantProven(t testing.TB, m *memory.Memory, size uint64) {
	t.Helper()
	if got := provenSize(t, m); got != size {
		t.Errorf("the largest proven is of size %d, want %d", got, size)
	}
}

// TestWhatIsNotProvenVouchesForNothing: a checkpoint that was taken without a proof
// is kept, is not proven by being shown again, and is in nobody's way.
func TestWhatIsNotProvenVouchesForNothing(t *testing.T) {
	log := grown(t, origin, 400)
	other := log.Fork(15)
	for i := range 300 {
		other.Add(fmt.Append(nil, "other", i))
	}
	var m memory.Memory
	add(t, &m, kept(log, 20, 1), kept(log, 10, 0))
	add(t, &m, kept(other, 30, 2), kept(log, 10, 0)) // it leads on from 10, and away from 20
	add(t, &m, kept(log, 5, 3))
	for range 2 {
		wantProven(t, &m, 20)
		for size, want := range map[uint64]memory.Relation{5: memory.NotChecked, 10: memory.Consistent, 20: memory.Consistent} {
			wantRelation(t, m.Compare(log.Checkpoint(size), nil, logKey(t)), want)
		}
		wantRelation(t, m.Compare(other.Checkpoint(30), nil, logKey(t)), memory.NotChecked)
		wantRelation(t, m.Compare(other.Checkpoint(30), []*tlog.SignedCheckpoint{other.Checkpoint(10)}, logKey(t)), memory.NotChecked)
		wantRelation(t, m.Compare(log.Checkpoint(40), []*tlog.SignedCheckpoint{log.Checkpoint(20)}, logKey(t)), memory.Consistent)
		wantRelation(t, m.Compare(log.Checkpoint(40), []*tlog.SignedCheckpoint{log.Checkpoint(10)}, logKey(t)), memory.NotChecked)
		m = *reread(t, &m)
	}
	// However many of them come, and however fresh.
	for size := uint64(31); size < 131; size++ {
		add(t, &m, kept(other, size, int(size)))
	}
	wantProven(t, &m, 20)
	if got := sizes(&m); len(got) != memory.MaxCheckpoints || got[0] != 20 || got[len(got)-1] != 130 {
		t.Errorf("kept %v", got)
	}
	add(t, &m, kept(log, 25, 200), kept(log, 20, 199))
	wantProven(t, &m, 25)
	wantRelation(t, m.Compare(log.Checkpoint(20), nil, logKey(t)), memory.Consistent)
}

// TestDisclaim: what a memory learnt about a log that another knows is proven by
// links to what that one holds proven, and by nothing else.
func TestDisclaim(t *testing.T) {
	log := grown(t, origin, 40)
	other := log.Fork(15)
	for range 20 {
		other.Add([]byte("other"))
	}
	learn := func(newest memory.Kept, proven ...memory.Kept) *memory.Memory {
		var learned memory.Memory
		add(t, &learned, newest, proven...)
		learned.Disclaim()
		return &learned
	}
	var m memory.Memory
	add(t, &m, kept(log, 20, 1))
	for _, step := range []struct {
		learned *memory.Memory
		proven  uint64
	}{
		{learn(kept(log, 30, 2)), 20},
		{learn(kept(log, 25, 2), kept(log, 20, 1)), 25},
		{learn(kept(log, 30, 2), kept(log, 25, 2)), 30},
		{learn(kept(log, 35, 2), kept(log, 25, 2)), 30},
	} {
		if _, err := m.Merge(step.learned); err != nil {
			t.Fatal(err)
		}
		wantProven(t, &m, step.proven)
	}
	// Where nothing is proven, whoever comes next is first.
	var fresh memory.Memory
	for _, learned := range []*memory.Memory{{}, learn(kept(log, 30, 2), kept(log, 25, 2)), learn(kept(log, 25, 2))} {
		if _, err := fresh.Merge(learned); err != nil {
			t.Fatal(err)
		}
		fresh = *reread(t, &fresh)
		if k, ok := fresh.Proven(origin); ok {
			t.Errorf("size %d is proven", k.Checkpoint.Size)
		}
		wantRelation(t, fresh.Compare(log.Checkpoint(20), nil, logKey(t)), memory.FirstSeen)
	}
	wantRelation(t, fresh.Compare(other.Checkpoint(25), nil, logKey(t)), memory.Contradiction, fork.SameSize)
	add(t, &fresh, kept(log, 20, 3))
	wantProven(t, &fresh, 20)
	wantRelation(t, fresh.Compare(log.Checkpoint(30), nil, logKey(t)), memory.NotChecked)
	add(t, &fresh, kept(log, 25, 3), kept(log, 20, 3))
	wantProven(t, &fresh, 30) // which extends 25
}

func TestReconcileFindsTheFork(t *testing.T) {
	log := grown(t, origin, 40)
	other := log.Fork(9)
	for i := range 20 {
		other.Add(fmt.Append(nil, "other", i))
	}
	var m memory.Memory
	add(t, &m, kept(log, 10, 1))
	add(t, &m, kept(other, 20, 2))
	if _, err := m.Reconcile(origin, 10, 20, log.Root(10), log.Consistency(10, 20)); !errors.Is(err, tlog.ErrProof) {
		t.Errorf("a proof of another history: got %v", err)
	}
	if _, err := m.Reconcile(origin, 10, 21, log.Root(10), nil); err == nil {
		t.Error("a size that is not kept: accepted")
	}
	evidence, err := m.Reconcile(origin, 10, 20, other.Root(10), other.Consistency(10, 20))
	if err != nil || evidence == nil || evidence.Kind != fork.Prefix {
		t.Fatalf("got %v, %v", evidence, err)
	}
	if err := evidence.Verify(log.Key.Verifier()); err != nil {
		t.Error(err)
	}
	if got := m.Compare(log.Checkpoint(40), nil, nil); got.Relation != memory.NotChecked {
		t.Errorf("a key that is trusted no more: got %s", got.Relation)
	}
	// For good, and for whatever the log shows from now on.
	for range 3 {
		wantRelation(t, m.Compare(log.Checkpoint(40), nil, logKey(t)), memory.Contradiction, fork.Prefix)
		m = *reread(t, &m)
	}
}

// TestContradictionIsKept: what contradicts something is not kept, and that it did is.
func TestContradictionIsKept(t *testing.T) {
	log := grown(t, origin, 400)
	other := log.Fork(5)
	for range 20 {
		other.Add([]byte("other"))
	}
	var m memory.Memory
	add(t, &m, kept(log, 10, 0))
	evidence, err := m.Add(kept(other, 12, 1), kept(other, 10, 0))
	if err != nil || len(evidence) != 1 || evidence[0].Verify(log.Key.Verifier()) != nil {
		t.Fatalf("got %v, %v", evidence, err)
	}
	for size := uint64(13); size < 400; size++ {
		add(t, &m, kept(log, size, int(size)))
	}
	wantRelation(t, m.Compare(log.Checkpoint(400), nil, logKey(t)), memory.Contradiction, fork.SameSize)
	if again, err := m.Add(kept(other, 10, 0)); err != nil || len(again) != 0 {
		t.Errorf("found again: %v, %v", again, err)
	}
}

// TestWitnessTime: a witness that lies about time is accused, and the log is not.
func TestWitnessTime(t *testing.T) {
	log := grown(t, origin, 20)
	w1, w2 := witness(t, "w1"), witness(t, "w2")
	if m := (&memory.Memory{}); m.Newest() != 0 {
		t.Errorf("nothing remembered is from %d", m.Newest())
	}
	keys := []tlog.VerifierKey{w1.Key.Verifier(), w2.Key.Verifier()}
	var m memory.Memory
	add(t, &m, kept(log, 10, 5, w1, w2))
	two := func(size uint64, first, second int) *tlog.SignedCheckpoint {
		return log.Checkpoint(size, w1.At(after(first)), w2.At(after(second)))
	}
	wantRelation(t, m.Compare(two(9, 5, 4), nil, keys), memory.NotChecked)
	wantRelation(t, m.Compare(two(11, 5, 6), nil, keys), memory.NotChecked)
	for _, c := range []*tlog.SignedCheckpoint{two(9, 6, 4), two(11, 4, 6)} {
		got := m.Compare(c, nil, keys)
		wantRelation(t, got, memory.NotChecked, fork.WitnessTime)
		if err := got.Evidence[0].Verify(w1.Key.Verifier()); err != nil {
			t.Error(err)
		}
	}
	// Of another origin, by another witness, by nobody's key: nothing.
	wantRelation(t, m.Compare(two(9, 6, 6), nil, logKey(t)), memory.NotChecked)
	// A checkpoint that is cosigned anew keeps its earliest time, too.
	add(t, &m, kept(log, 10, 50, w1, w2))
	wantRelation(t, m.Compare(two(9, 6, 4), nil, keys), memory.NotChecked, fork.WitnessTime)
	if m.Newest() != uint64(after(50).Unix()) {
		t.Errorf("the newest fresh time is %d", m.Newest())
	}
	if lines := len(m.Checkpoints(origin)[0].Checkpoint.Note.Signatures); lines != 5 {
		t.Errorf("%d lines are kept, want the log's and two of each witness", lines)
	}
	if err := m.Accuse(m.Compare(two(9, 6, 4), nil, keys).Evidence[0]); err != nil {
		t.Fatal(err)
	}
	wantRelation(t, reread(t, &m).Compare(two(12, 60, 60), nil, keys), memory.NotChecked, fork.WitnessTime)
	if err := (&memory.Memory{}).Accuse(m.Evidence(origin)[0]); err == nil {
		t.Error("evidence about a log that is not remembered: accepted")
	}
}

// TestBounds: the largest, the largest proven, and the 62 newest of the others,
// whatever comes.
func TestBounds(t *testing.T) {
	log := grown(t, origin, 300)
	var m memory.Memory
	for size := uint64(1); size <= 200; size++ {
		add(t, &m, kept(log, size, int(size)))
	}
	add(t, &m, kept(log, 300, 0))
	for size := uint64(201); size < 220; size++ {
		add(t, &m, kept(log, size, int(size)))
	}
	got := sizes(&m)
	if len(got) != memory.MaxCheckpoints || got[0] != 1 || got[1] != 158 || got[62] != 219 || got[63] != 300 {
		t.Errorf("kept %v", got)
	}
	// Notes as long as notes can be are kept as far as there is room.
	long := func(size uint64) memory.Kept {
		k := kept(log, size, 1000+int(size))
		k.Checkpoint = log.Sign(tlog.Checkpoint{Origin: origin, Size: size, Root: log.Root(size), Extensions: []string{strings.Repeat(`"`, 900_000)}})
		return k
	}
	for size := uint64(290); size <= 300; size++ {
		add(t, &m, long(size))
	}
	got = sizes(reread(t, &m))
	if got[len(got)-1] != 300 || len(got) < 2 {
		t.Errorf("kept %v", got)
	}
	if evidence := m.Compare(long(300).Checkpoint, nil, logKey(t)); evidence.Relation != memory.NotChecked {
		t.Errorf("got %v", evidence)
	}
	// A log whose notes are long does not get away with another history.
	forked := log.Fork(5)
	for range 300 {
		forked.Add([]byte("forked"))
	}
	other := long(295)
	other.Checkpoint = log.Sign(tlog.Checkpoint{Origin: origin, Size: 300, Root: forked.Root(300), Extensions: []string{strings.Repeat(`\`, 900_000)}})
	if evidence, err := m.Add(other); err != nil || len(evidence) != 1 || len(reread(t, &m).Evidence(origin)) != 1 {
		t.Errorf("got %d pieces of evidence, %v", len(evidence), err)
	}
	m = memory.Memory{}
	add(t, &m, kept(log, 300, 0))
	// An empty log says nothing.
	add(t, &m, kept(grown(t, "log.example/empty", 0), 0, 1))
	if origins := m.Origins(); len(origins) != 1 {
		t.Errorf("got %v", origins)
	}
	for i := range memory.MaxLogs - 1 {
		add(t, &m, kept(grown(t, fmt.Sprint("log.example/", i), 1), 1, 1))
	}
	if _, err := m.Add(kept(grown(t, "log.example/more", 1), 1, 1)); !errors.Is(err, memory.ErrFull) {
		t.Errorf("got %v, want %v", err, memory.ErrFull)
	}
}

func provenSize(t testing.TB, m *memory.Memory) uint64 {
	t.Helper()
	k, known := m.Proven(origin)
	if !known {
		t.Fatal("nothing is proven")
	}
	return k.Checkpoint.Size
}

func TestAddRefusesMistakes(t *testing.T) {
	log := grown(t, origin, 9)
	for name, test := range map[string]struct{ newest, proven memory.Kept }{
		"another log's anchor": {kept(log, 9, 0), kept(grown(t, "log.example/other", 3), 3, 0)},
		"a larger anchor":      {kept(log, 5, 0), kept(log, 9, 0)},
		"a time past counting": {memory.Kept{Checkpoint: log.Checkpoint(9), Fresh: 1 << 53}, kept(log, 5, 0)},
	} {
		var m memory.Memory
		if _, err := m.Add(test.newest, test.proven); err == nil || len(m.Origins()) != 0 {
			t.Errorf("%s: got %v, %v", name, err, m.Origins())
		}
	}
}

// TestNeverGoesBack: in whatever order two memories come to know and to join, they
// keep the same checkpoints of an honest log, of any log the largest ever, and call
// nothing linked that is not of one history.
func TestNeverGoesBack(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	log := grown(t, origin, 300)
	other := log.Fork(100)
	for i := range 200 {
		other.Add(fmt.Append(nil, "other", i))
	}
	for round := range 20 {
		forked := round%2 == 1 // of two roots at one size the one that came first is kept
		var one, two, both memory.Memory
		largest := uint64(0)
		for range 90 {
			at := log
			if forked && random.IntN(4) == 0 {
				at = other
			}
			size := 1 + random.Uint64N(300)
			newest := kept(at, size, random.IntN(100))
			var proven []memory.Kept
			if random.IntN(2) == 0 {
				proven = append(proven, kept(at, 1+random.Uint64N(size), random.IntN(100)))
			}
			m := &one
			if random.IntN(2) == 0 {
				m = &two
			}
			before, _ := m.Largest(origin)
			if _, err := m.Add(newest, proven...); err != nil {
				t.Fatal(err)
			}
			if now, _ := m.Largest(origin); before.Checkpoint != nil && now.Checkpoint.Size < before.Checkpoint.Size {
				t.Fatalf("the largest went back from %d to %d", before.Checkpoint.Size, now.Checkpoint.Size)
			}
			largest = max(largest, size)
		}
		for _, m := range []*memory.Memory{&one, &two} {
			if _, err := both.Merge(m); err != nil {
				t.Fatal(err)
			}
		}
		back := reread(t, &two)
		if _, err := back.Merge(&one); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(sizes(&both), sizes(back)); diff != "" && !forked {
			t.Fatalf("the order matters:\n%s", diff)
		}
		if forth, back := provenSize(t, &both), provenSize(t, back); forth != back && !forked {
			t.Fatalf("the order matters: %d is proven, or %d", forth, back)
		}
		if k, _ := both.Largest(origin); k.Checkpoint.Size != largest {
			t.Fatalf("largest %d, want %d", k.Checkpoint.Size, largest)
		}
		again := reread(t, &both)
		if evidence, err := again.Merge(&both); err != nil || len(evidence) != 0 || text(t, again) != text(t, &both) {
			t.Fatalf("joined with itself it changes: %v, %v", evidence, err)
		}
		soundLinks(t, &both, log, other)
	}
}

// soundLinks: what a link says is true in one of the histories.
func soundLinks(t *testing.T, m *memory.Memory, logs ...*tlogtest.Log) {
	t.Helper()
	of := func(size uint64) memory.Kept {
		all := m.Checkpoints(origin)
		return all[slices.IndexFunc(all, func(k memory.Kept) bool { return k.Checkpoint.Size == size })]
	}
	for _, k := range m.Checkpoints(origin) {
		if k.ExtendedBy == 0 {
			continue
		}
		by := of(k.ExtendedBy).Checkpoint
		if !slices.ContainsFunc(logs, func(l *tlogtest.Log) bool {
			return l.Root(k.Checkpoint.Size) == k.Checkpoint.Root && l.Root(by.Size) == by.Root
		}) {
			t.Fatalf("size %d is said to be extended by %d, of another history", k.Checkpoint.Size, by.Size)
		}
	}
}
