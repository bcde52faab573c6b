package attest_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"testing"

	"github.com/muster-log/muster/attest"
)

func digest(text string) attest.Digest { return sha256.Sum256([]byte(text)) }

func ledger(t testing.TB, identity attest.Digest, images ...attest.Digest) attest.Ledger {
	t.Helper()
	l, err := attest.NewLedger(identity, images)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// extend is TPM2_PCR_Extend, written down here a second time.
func extend(register []byte, digest []byte) []byte {
	sum := sha256.Sum256(append(bytes.Clone(register), digest...))
	return sum[:]
}

// TestLedger spells the events out by the specification and not by the package.
func TestLedger(t *testing.T) {
	identity, first, second := digest("release"), digest("a"), digest("b")
	if bytes.Compare(first[:], second[:]) > 0 {
		first, second = second, first
	}
	zero := make([]byte, 32)
	register := make([]byte, 32)
	for _, event := range []struct {
		op     string
		digest []byte
	}{{"open", identity[:]}, {"image", first[:]}, {"image", second[:]}, {"lock", zero}} {
		text := append([]byte("muster-ledger/v1\x00"+event.op+"\x00"), event.digest...)
		sum := sha256.Sum256(text)
		register = extend(register, sum[:])
	}
	// The order in which images are given says nothing.
	for _, images := range [][]attest.Digest{{first, second}, {second, first}} {
		if got := ledger(t, identity, images...).SHA256(); !bytes.Equal(got[:], register) {
			t.Errorf("got %s, want %x", got, register)
		}
	}
	open := sha512.Sum384(append([]byte("muster-ledger/v1\x00open\x00"), identity[:]...))
	lock := sha512.Sum384(append([]byte("muster-ledger/v1\x00lock\x00"), zero...))
	value := sha512.Sum384(append(make([]byte, 48), open[:]...))
	value = sha512.Sum384(append(value[:], lock[:]...))
	if got := ledger(t, identity).SHA384(); got != value {
		t.Errorf("SHA-384: got %x, want %x", got, value)
	}
}

// TestLedgerFixed is a value that must never change: machines have shown it.
func TestLedgerFixed(t *testing.T) {
	const want = "77725a55d7a9ea028009e8ea529482a1f2d8bef3c73d31a25fd5d48997157862"
	got := ledger(t, digest("release"), digest("model"), digest("config")).SHA256()
	if got.String() != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestLedgerRefuses(t *testing.T) {
	if _, err := attest.NewLedger(digest("r"), []attest.Digest{digest("a"), digest("a")}); err == nil {
		t.Error("an image twice: not refused")
	}
}

func TestDescribe(t *testing.T) {
	l := ledger(t, digest("release"), digest("model"))
	var value attest.Digest
	want := []string{"opened for the release, and not locked", "opened for the release, and not locked", "the locked ledger of the release"}
	if got := l.Describe(value); got != "zero: no gate opened a ledger" {
		t.Errorf("zero: %q", got)
	}
	for i, event := range l.Events() {
		value = attest.Extend(value, event.SHA256())
		if got := l.Describe(value); got != want[i] {
			t.Errorf("after %d events: %q, want %q", i+1, got, want[i])
		}
	}
	if got := l.Describe(attest.Extend(value, attest.Refused.SHA256())); got != "locked for the release, then refused by the gate" {
		t.Errorf("refused after the lock: %q", got)
	}
	if got := l.Describe(digest("else")); !bytes.Contains([]byte(got), []byte("another release")) {
		t.Errorf("another: %q", got)
	}
}

// TestBinding spells the bytes out.
func TestBinding(t *testing.T) {
	nonce, spki, value := digest("nonce"), digest("key"), digest("ledger")
	want := append([]byte("muster-evidence/v1\x00\x00\x0c"), "tpm2-uki/v1x"...)
	want = append(append(append(want, nonce[:]...), spki[:]...), value[:]...)
	b := attest.Binding{Profile: "tpm2-uki/v1x", Nonce: nonce, SPKI: spki, Ledger: value[:]}
	got, err := b.Bytes()
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %x (%v), want %x", got, err, want)
	}
	sum, err := b.SHA256()
	if err != nil || sum != sha256.Sum256(want) {
		t.Errorf("got %s (%v)", sum, err)
	}
	if sum, err := b.SHA512(); err != nil || sum != sha512.Sum512(want) {
		t.Errorf("SHA-512: got %x (%v)", sum, err)
	}
	for name, bad := range map[string]attest.Binding{
		"no profile":      {Nonce: nonce, SPKI: spki, Ledger: value[:]},
		"a short ledger":  {Profile: "p", Ledger: value[:31]},
		"no ledger":       {Profile: "p"},
		"a profile of 65": {Profile: string(make([]byte, 65)), Ledger: value[:]},
		"a ledger of 64":  {Profile: "p", Ledger: make([]byte, 64)},
	} {
		if _, err := bad.SHA256(); err == nil {
			t.Errorf("%s: not refused", name)
		}
	}
}

// TestPCR11 compares with what systemd-measure printed for an image of two sections:
// the value of a real boot stands in package attest/tpm's tests.
func TestPCR11(t *testing.T) {
	name, content := sha256.Sum256([]byte(".linux\x00")), digest("kernel")
	phase := sha256.Sum256([]byte("enter-initrd"))
	want := extend(extend(extend(make([]byte, 32), name[:]), content[:]), phase[:])
	got := attest.PCR11([]attest.Section{{Name: ".linux", Digest: content}}, []string{"enter-initrd"})
	if hex.EncodeToString(want) != got.String() {
		t.Errorf("got %s, want %x", got, want)
	}
}
