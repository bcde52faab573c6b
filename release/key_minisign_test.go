package release_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/blake2b"

	"github.com/muster-log/muster/release"
)

// signerMinisign returns a key of minisign and what signs with it: with algorithm
// ED the BLAKE2b-512 of the message, else the message itself.
func signerMinisign(tb testing.TB, name string) (release.Key, func(algorithm string, message []byte) []byte) {
	tb.Helper()
	seed := sha256.Sum256([]byte(name))
	private := ed25519.NewKeyFromSeed(seed[:])
	const id = "\x01\x02\x03\x04\x05\x06\x07\x08"
	key, err := release.ParseKey(release.FormatMinisign, slices.Concat([]byte("Ed"+id), private.Public().(ed25519.PublicKey)))
	if err != nil {
		tb.Fatal(err)
	}
	return key, func(algorithm string, message []byte) []byte {
		if algorithm == "ED" {
			sum := blake2b.Sum512(message)
			message = sum[:]
		}
		return slices.Concat([]byte(algorithm+id), ed25519.Sign(private, message))
	}
}

func TestMinisignSignatures(t *testing.T) {
	payload := []byte("payload")
	key, sign := signerMinisign(t, "root1")
	for _, algorithm := range []string{"ED", "Ed"} {
		t.Run(algorithm, func(t *testing.T) {
			sig := sign(algorithm, release.PAE(payload))
			if err := key.Verify(payload, sig); err != nil {
				t.Fatal(err)
			}
			wantCode(t, key.Verify([]byte("another payload"), sig), release.CodeSignatureInvalid)
			wantCode(t, key.VerifyMessage(payload, sig), release.CodeSignatureInvalid)
			for n := range sig {
				wantCode(t, key.Verify(payload, sig[:n]), release.CodeSignatureInvalid)
				bad := bytes.Clone(sig)
				bad[n] ^= 1 << (n % 8)
				wantCode(t, key.Verify(payload, bad), release.CodeSignatureInvalid)
			}
			wantCode(t, key.Verify(payload, append(bytes.Clone(sig), 0)), release.CodeSignatureInvalid)
		})
	}
	for _, c := range []struct {
		name, says string
		sig        []byte
	}{
		{"the algorithm of the other mode", "does not hold", slices.Concat([]byte("Ed"), sign("ED", release.PAE(payload))[2:])},
		{"and the reverse", "does not hold", slices.Concat([]byte("ED"), sign("Ed", release.PAE(payload))[2:])},
		{"another algorithm", `algorithm "eD"`, sign("eD", release.PAE(payload))},
		{"another key id", "key id 08070605040302FE, the key's is 0807060504030201", slices.Concat([]byte("ED\xfe"), sign("ED", release.PAE(payload))[3:])},
		{"no signature", "0 bytes, a signature line has 74", nil},
		{"an S that is not below the group's order", "does not hold", highS(sign("ED", release.PAE(payload)))},
	} {
		err := key.Verify(payload, c.sig)
		wantCode(t, err, release.CodeSignatureInvalid)
		if err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %q, want it to say %q", c.name, err, c.says)
		}
	}
}

// highS adds the group's order to the S at the end of an Ed25519 signature: the
// same number to whoever does not look.
func highS(sig []byte) []byte {
	order := []byte{0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 31: 0x10}
	high := bytes.Clone(sig)
	carry := 0
	for i, b := range order {
		at := len(high) - 32 + i
		carry += int(high[at]) + int(b)
		high[at] = byte(carry)
		carry >>= 8
	}
	return high
}

// TestEd25519InThreeFormats: a signature of minisign's old mode, without its head,
// is one of format ed25519, and the reverse; as their keys count once, nobody
// gains a vote. SSH signs something else.
func TestEd25519InThreeFormats(t *testing.T) {
	payload := []byte("payload")
	minisign, sign := signerMinisign(t, "root1")
	plain, err := release.ParseKey(release.FormatEd25519, slices.Concat(derOf(t, "ed25519.pub")[:12], minisign.Public[10:]))
	if err != nil {
		t.Fatal(err)
	}
	ssh, err := release.ParseKey(release.FormatSSH, sshBlob("ssh-ed25519", string(minisign.Public[10:])))
	if err != nil {
		t.Fatal(err)
	}
	old, prehashed := sign("Ed", release.PAE(payload)), sign("ED", release.PAE(payload))
	if err := plain.Verify(payload, old[10:]); err != nil {
		t.Error(err)
	}
	wantCode(t, plain.Verify(payload, prehashed[10:]), release.CodeSignatureInvalid)
	for _, sig := range [][]byte{old, old[10:], prehashed, prehashed[10:]} {
		wantCode(t, ssh.Verify(payload, sig), release.CodeSignatureInvalid)
	}
	for _, key := range []release.Key{plain, ssh} {
		if got, err := key.SPKI(); err != nil || got != spkiOf(t, minisign) {
			t.Errorf("%s counts as %s, %v", key.Format, got, err)
		}
	}
}

func spkiOf(tb testing.TB, key release.Key) release.Digest {
	tb.Helper()
	spki, err := key.SPKI()
	if err != nil {
		tb.Fatal(err)
	}
	return spki
}

func FuzzMinisignSignature(f *testing.F) {
	payload := []byte("payload")
	key, sign := signerMinisign(f, "root1")
	good := map[string]bool{}
	for _, algorithm := range []string{"ED", "Ed"} {
		sig := sign(algorithm, release.PAE(payload))
		good[string(sig)] = true
		f.Add(sig)
		f.Add(sig[10:])
	}
	f.Fuzz(func(t *testing.T, sig []byte) {
		err := key.Verify(payload, sig)
		if err == nil && !good[string(sig)] {
			t.Fatalf("%x holds", sig)
		}
		if err != nil && release.CodeOf(err) != release.CodeSignatureInvalid {
			t.Fatalf("not a refusal of the signature: %v", err)
		}
	})
}

// TestMinisignModeIsNotSigned: known, and said in keys.md and signing.md. Whoever has
// somebody sign 64 chosen bytes in the old mode has a signature over a payload.
func TestMinisignModeIsNotSigned(t *testing.T) {
	payload := []byte("payload")
	key, sign := signerMinisign(t, "root1")
	file := blake2b.Sum512(release.PAE(payload))
	sig := sign("Ed", file[:])
	if err := key.VerifyMessage(file[:], sig); err != nil {
		t.Fatal(err)
	}
	sig[1] = 'D'
	if err := key.Verify(payload, sig); err != nil {
		t.Errorf("relabelled: %v: if this is refused now, say so in keys.md and signing.md", err)
	}
}
