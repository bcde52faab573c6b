package release_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"math/big"
	"slices"
	"testing"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/releasetest"
)

// The curve edwards25519 (RFC 8032, section 5.1) in affine coordinates, slow and
// plain, to find what the code must know without asking the code.
var (
	fieldPrime = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	curveD     = mod(new(big.Int).Mul(big.NewInt(-121665), new(big.Int).ModInverse(big.NewInt(121666), fieldPrime)))
	// groupOrder is L, the order of the base point.
	groupOrder, _ = new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
)

func mod(n *big.Int) *big.Int { return n.Mod(n, fieldPrime) }

type point struct{ x, y *big.Int }

// pointAt returns a point with that y, if the curve has one.
func pointAt(y *big.Int) (point, bool) {
	yy := mod(new(big.Int).Mul(y, y))
	u := mod(new(big.Int).Sub(yy, big.NewInt(1)))
	v := mod(new(big.Int).Add(new(big.Int).Mul(curveD, yy), big.NewInt(1)))
	x := new(big.Int).ModSqrt(mod(new(big.Int).Mul(u, new(big.Int).ModInverse(v, fieldPrime))), fieldPrime)
	return point{x, y}, x != nil
}

func (p point) add(q point) point {
	xy, yx := new(big.Int).Mul(p.x, q.y), new(big.Int).Mul(p.y, q.x)
	yy, xx := new(big.Int).Mul(p.y, q.y), new(big.Int).Mul(p.x, q.x)
	product := mod(new(big.Int).Mul(curveD, mod(new(big.Int).Mul(xx, yy))))
	one := big.NewInt(1)
	x := mod(new(big.Int).Mul(xy.Add(xy, yx), new(big.Int).ModInverse(mod(new(big.Int).Add(one, product)), fieldPrime)))
	y := mod(new(big.Int).Mul(yy.Add(yy, xx), new(big.Int).ModInverse(mod(new(big.Int).Sub(one, product)), fieldPrime)))
	return point{x, y}
}

func (p point) times(n *big.Int) point {
	sum := point{big.NewInt(0), big.NewInt(1)}
	for i := n.BitLen() - 1; i >= 0; i-- {
		sum = sum.add(sum)
		if n.Bit(i) == 1 {
			sum = sum.add(p)
		}
	}
	return sum
}

// encodePoint encodes y, also one that is not below the prime, and a sign.
func encodePoint(y *big.Int, sign uint) []byte {
	out := y.FillBytes(make([]byte, 32))
	slices.Reverse(out)
	out[31] |= byte(sign) << 7
	return out
}

func parseEd25519(tb testing.TB, raw []byte) error {
	tb.Helper()
	prefix := releasetest.KeyFromName("any").Key().Public[:12]
	_, err := release.ParseKey(release.FormatEd25519, slices.Concat(prefix, raw))
	return err
}

func TestEd25519SmallOrderKeysAreRefused(t *testing.T) {
	found := map[string]bool{}
	for n := int64(2); len(found) < 8 && n < 200; n++ {
		p, ok := pointAt(big.NewInt(n))
		if !ok {
			continue
		}
		torsion := p.times(groupOrder)
		for _, q := range []point{torsion, {mod(new(big.Int).Neg(torsion.x)), torsion.y}, torsion.add(torsion)} {
			found[string(encodePoint(q.y, q.x.Bit(0)))] = true
		}
	}
	if len(found) != 8 {
		t.Fatalf("found %d points whose order divides 8", len(found))
	}
	for encoded := range found {
		wantCode(t, parseEd25519(t, []byte(encoded)), release.CodeKeyWeak)
	}
	// x = 0 with the sign set: a second encoding of two of them.
	wantCode(t, parseEd25519(t, encodePoint(big.NewInt(1), 1)), release.CodeKeyWeak)
	wantCode(t, parseEd25519(t, encodePoint(new(big.Int).Sub(fieldPrime, big.NewInt(1)), 1)), release.CodeKeyWeak)
}

func TestEd25519OtherEncodingsAreRefused(t *testing.T) {
	limit := new(big.Int).Lsh(big.NewInt(1), 255)
	for y := new(big.Int).Set(fieldPrime); y.Cmp(limit) < 0; y.Add(y, big.NewInt(1)) {
		for sign := range uint(2) {
			wantCode(t, parseEd25519(t, encodePoint(y, sign)), release.CodeKey)
		}
	}
}

// A key is a point of the curve exactly if the slow arithmetic says so.
func TestEd25519KeysAreOnTheCurve(t *testing.T) {
	on := 0
	for n := int64(2); n < 100; n++ {
		y := big.NewInt(n)
		_, ok := pointAt(y)
		for sign := range uint(2) {
			if err := parseEd25519(t, encodePoint(y, sign)); ok != (err == nil) {
				t.Errorf("y = %d: on the curve %v, got %v", n, ok, err)
			} else if !ok {
				wantCode(t, err, release.CodeKey)
			}
		}
		if ok {
			on++
		}
	}
	if on < 30 || on > 70 {
		t.Errorf("%d of 98 are on the curve, want about half", on)
	}
}

// cases.md C6: S + L is the same scalar, and no signature.
func TestEd25519NonCanonicalS(t *testing.T) {
	private := releasetest.KeyFromName("root1")
	payload := []byte("payload")
	signature, err := private.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	s := bytes.Clone(signature.Sig[32:])
	slices.Reverse(s)
	for multiple := new(big.Int).SetBytes(s); ; {
		multiple.Add(multiple, groupOrder)
		if multiple.BitLen() > 256 {
			break
		}
		bad := multiple.FillBytes(make([]byte, 32))
		slices.Reverse(bad)
		wantCode(t, private.Key().Verify(payload, slices.Concat(signature.Sig[:32], bad)), release.CodeSignatureInvalid)
	}
}

// RFC 8032, section 7.1, test 3: the key is read, and its own signature is over
// other bytes than ours, which are PAE's.
func TestEd25519SignsThePreAuthenticationEncoding(t *testing.T) {
	public, _ := hex.DecodeString("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025")
	sig, _ := hex.DecodeString("6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a")
	message := []byte{0xaf, 0x82}
	if !ed25519.Verify(public, message, sig) {
		t.Fatal("the vector is not that of RFC 8032")
	}
	key, err := release.ParseKey(release.FormatEd25519, slices.Concat(releasetest.KeyFromName("any").Key().Public[:12], public))
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, key.Verify(message, sig), release.CodeSignatureInvalid)
}

// BenchmarkEd25519Bare is what BenchmarkVerify/ed25519 is measured against.
func BenchmarkEd25519Bare(b *testing.B) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		b.Fatal(err)
	}
	message := bytes.Repeat([]byte("0123456789abcdef"), 64)
	sig := ed25519.Sign(private, message)
	for b.Loop() {
		if !ed25519.Verify(public, message, sig) {
			b.Fatal("does not verify")
		}
	}
}
