package memory_test

import (
	"math/rand/v2"
	"testing"

	"github.com/muster-log/muster/tlog/memory"
)

// TestProvenByALinkFromBefore: what is proven at last proves what extends it by a
// link that was kept while neither was.
func TestProvenByALinkFromBefore(t *testing.T) {
	log := grown(t, origin, 30)
	unproven := func() *memory.Memory {
		m := &memory.Memory{}
		add(t, m, kept(log, 30, 3), kept(log, 20, 2))
		m.Disclaim()
		return m
	}
	wantProven := func(m *memory.Memory, want uint64) {
		t.Helper()
		if got := provenSize(t, reread(t, m)); got != want {
			t.Errorf("size %d is proven, want %d", got, want)
		}
	}

	m := unproven()
	add(t, m, kept(log, 20, 4))
	wantProven(m, 30)

	m = unproven()
	if _, err := m.Merge(new(memory.Memory)); err != nil {
		t.Fatal(err)
	}
	var first memory.Memory
	add(t, &first, kept(log, 20, 1))
	if _, err := m.Merge(&first); err != nil {
		t.Fatal(err)
	}
	wantProven(m, 30)
}

// TestEveryMemoryCanBeReadBack: whatever is learnt, disclaimed and joined, in
// whatever order, what is written is read.
func TestEveryMemoryCanBeReadBack(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	log := grown(t, origin, 40)
	for range 300 {
		memories := []*memory.Memory{{}, {}}
		for range 12 {
			m := memories[random.IntN(2)]
			switch random.IntN(5) {
			case 0:
				m.Disclaim()
			case 1:
				if _, err := m.Merge(memories[random.IntN(2)]); err != nil {
					t.Fatal(err)
				}
			default:
				size := 1 + random.Uint64N(40)
				var proven []memory.Kept
				for range random.IntN(3) {
					proven = append(proven, kept(log, 1+random.Uint64N(size), random.IntN(9)))
				}
				add(t, m, kept(log, size, random.IntN(9)), proven...)
			}
			reread(t, m)
		}
	}
}
