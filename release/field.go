package release

import (
	"encoding/binary"
	"math/big"
	"math/bits"
)

// limbs is a number below 2^256, the lowest 64 bits first.
type limbs [4]uint64

func limbsOf(n *big.Int) limbs {
	var raw [32]byte
	n.FillBytes(raw[:])
	var out limbs
	for i := range out {
		out[i] = binary.BigEndian.Uint64(raw[24-8*i:])
	}
	return out
}

func (a *limbs) isZero() bool { return a[0]|a[1]|a[2]|a[3] == 0 }

// shift divides by 2^n, n below 64.
func (a *limbs) shift(n uint) {
	up := 64 - n
	a[0] = a[0]>>n | a[1]<<up
	a[1] = a[1]>>n | a[2]<<up
	a[2] = a[2]>>n | a[3]<<up
	a[3] >>= n
}

// minus returns a-b and whether b is greater.
func (a *limbs) minus(b *limbs) (difference limbs, below bool) {
	var borrow uint64
	difference[0], borrow = bits.Sub64(a[0], b[0], 0)
	difference[1], borrow = bits.Sub64(a[1], b[1], borrow)
	difference[2], borrow = bits.Sub64(a[2], b[2], borrow)
	difference[3], borrow = bits.Sub64(a[3], b[3], borrow)
	return difference, borrow != 0
}

// jacobi returns the Jacobi symbol (a/n) of an odd n: 1, -1, or 0 if they have a
// common factor. For a prime n it is 1 exactly if a is a square that is not 0.
// It does what big.Jacobi does, by subtractions alone, which is several times
// faster at this size. Its time depends on its arguments.
func jacobi(a, n limbs) int {
	sign := 1
	for !a.isZero() {
		for a[0] == 0 {
			// 64 zero bits: (2/n) counts an even number of times.
			a = limbs{a[1], a[2], a[3], 0}
		}
		zeros := uint(bits.TrailingZeros64(a[0]))
		a.shift(zeros)
		if residue := n[0] & 7; zeros&1 == 1 && (residue == 3 || residue == 5) {
			sign = -sign
		}
		// Both are odd now.
		difference, below := a.minus(&n)
		if below {
			if a[0]&n[0]&3 == 3 {
				sign = -sign
			}
			difference, _ = n.minus(&a)
			n = a
		}
		a = difference
	}
	if n != (limbs{1}) {
		return 0
	}
	return sign
}
