package release

import (
	"math/big"
	"math/rand/v2"
	"testing"
)

// TestJacobiAgreesWithTheStandardLibrary for every small pair, and for large
// numbers of all lengths, with factors in common and with long runs of zeros.
func TestJacobiAgreesWithTheStandardLibrary(t *testing.T) {
	check := func(a, n *big.Int) {
		t.Helper()
		if got, want := jacobi(limbsOf(a), limbsOf(n)), big.Jacobi(a, n); got != want {
			t.Fatalf("(%v/%v): got %d, want %d", a, n, got, want)
		}
	}
	for n := int64(1); n < 130; n += 2 {
		for a := range int64(130) {
			check(big.NewInt(a), big.NewInt(n))
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	number := func() *big.Int {
		n := new(big.Int)
		for range 4 {
			n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(r.Uint64()))
		}
		n.Rsh(n, uint(r.IntN(256)))
		return n.Rsh(n, uint(r.IntN(3))).Lsh(n, uint(r.IntN(256-n.BitLen()+1)))
	}
	p, _ := edwards25519()
	for range 20000 {
		a, n := number(), number()
		n.SetBit(n, 0, 1)
		check(a, n)
		check(a, p)
	}
}

func BenchmarkCheckEd25519(b *testing.B) {
	key, err := GenerateKey(FormatEd25519)
	if err != nil {
		b.Fatal(err)
	}
	public := key.Key().Public[len(ed25519SPKIPrefix):]
	for b.Loop() {
		if err := checkEd25519(public); err != nil {
			b.Fatal(err)
		}
	}
}
