package register

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestWhyAtIsWhyOfTheLogAtThatSize asks a whole log how every entry stood at
// every size, and a log that is only as long.
func TestWhyAtIsWhyOfTheLogAtThatSize(t *testing.T) {
	words, changed := make(map[Word]int), 0
	for seed := range uint64(12) {
		l := newRandomLog(t, 2000+seed, 160)
		prefix := New(testOrigin)
		for size := uint64(0); ; size++ {
			for index := range size {
				got, known := l.WhyAt(index, size)
				want, _ := prefix.Why(index)
				if diff := cmp.Diff(want, got); diff != "" || !known {
					t.Fatalf("seed %d, entry %d at size %d, %t: want -, got +\n%s", seed, index, size, known, diff)
				}
				words[want.Word]++
				if now, _ := l.Why(index); now.Word != want.Word {
					changed++
				}
			}
			for identity := range l.identities {
				got, known := l.OldestAt(identity, size)
				if want, logged := prefix.OldestAt(identity, prefix.Size()); got != want || known != logged {
					t.Fatalf("seed %d: the oldest of %s at size %d is %d, %t, want %d, %t", seed, identity, size, got, known, want, logged)
				}
			}
			if got, want := l.VoidAt(size), prefix.Void(); got != want {
				t.Fatalf("seed %d: %d void at size %d, want %d", seed, got, size, want)
			}
			if got, want := l.UnknownAt(size), prefix.Unknown(); got != want {
				t.Fatalf("seed %d: %d unknown at size %d, want %d", seed, got, size, want)
			}
			if got, want := l.ProductsAt(size), prefix.Products(); !slices.Equal(got, want) {
				t.Fatalf("seed %d: products %v at size %d, want %v", seed, got, size, want)
			}
			if size == l.Size() {
				break
			}
			prefix.Apply(l.entries[size])
		}
	}
	// The logs are worth something only if every word was said, and taken back.
	for _, word := range []Word{WordLive, WordNotReleased, WordWithdrawn, WordExpired, WordSuperseded, WordStruck, WordImageStruck, WordInForce, WordNewest, WordVoid, WordUnknown} {
		if words[word] < 50 {
			t.Errorf("only %d times did an entry stand %q", words[word], word)
		}
	}
	if changed < 1000 {
		t.Errorf("only %d standings differ from those of today", changed)
	}
}

func TestWhyAtASizeThatTheLogNeverHad(t *testing.T) {
	l := newLog(t)
	l.admit(l.osImage())
	for _, ask := range []struct{ index, size uint64 }{{0, l.Size() + 1}, {l.Size(), l.Size()}, {1, 1}, {0, 0}} {
		if standing, ok := l.WhyAt(ask.index, ask.size); ok {
			t.Errorf("entry %d at size %d: %v", ask.index, ask.size, standing)
		}
	}
}
