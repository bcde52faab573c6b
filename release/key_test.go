package release_test

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/releasetest"
)

// signing lists the formats that sign and are verified here, with their files in testdata/keys.
var signing = []struct {
	format release.KeyFormat
	file   string
}{
	{release.FormatEd25519, "ed25519"},
	{release.FormatECDSAP256, "p256"},
	{release.FormatECDSAP384, "p384"},
	{release.FormatRSAPSS, "rsa"},
}

func readKey(tb testing.TB, name string) []byte {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "keys", name))
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// derOf returns the bytes in a PEM file.
func derOf(tb testing.TB, name string) []byte {
	tb.Helper()
	block, _ := pem.Decode(readKey(tb, name))
	if block == nil {
		tb.Fatalf("%s holds no PEM block", name)
		return nil
	}
	return block.Bytes
}

func wantCode(tb testing.TB, err error, code release.Code) {
	tb.Helper()
	if got := release.CodeOf(err); got != code {
		tb.Errorf("got code %q (%v), want %q", got, err, code)
	}
}

func TestKeysOfOpenSSL(t *testing.T) {
	payload := []byte("hello")
	for _, c := range signing {
		t.Run(string(c.format), func(t *testing.T) {
			private, err := release.ParsePrivateKey(readKey(t, c.file+".pem"))
			if err != nil {
				t.Fatal(err)
			}
			public, err := release.ParsePublicKeyPEM(readKey(t, c.file+".pub"))
			if err != nil {
				t.Fatal(err)
			}
			if public.Format != c.format || private.Key().Format != c.format || !bytes.Equal(private.Key().Public, public.Public) {
				t.Errorf("the private key's public half is %s %x, the public key %s %x", private.Key().Format, private.Key().Public, public.Format, public.Public)
			}
			if err := public.Verify(payload, readKey(t, c.file+".sig")); err != nil {
				t.Errorf("the signature of OpenSSL: %v", err)
			}
			want := release.Digest(sha256.Sum256(derOf(t, c.file+".pub")))
			if spki, err := public.SPKI(); err != nil || spki != want || public.ID() != want {
				t.Errorf("ID %s, SPKI %s, %v; want both %s", public.ID(), spki, err, want)
			}
			if text, err := private.MarshalPEM(); err != nil || !bytes.Equal(text, readKey(t, c.file+".pem")) {
				t.Errorf("private key written as %d bytes, want those of OpenSSL (%v)", len(text), err)
			}
			if text, err := public.MarshalPEM(); err != nil || !bytes.Equal(text, readKey(t, c.file+".pub")) {
				t.Errorf("public key written as %s, want that of OpenSSL (%v)", text, err)
			}
		})
	}
}

func TestSignAndVerify(t *testing.T) {
	payload, other := []byte("payload"), []byte("another payload")
	for _, c := range signing {
		t.Run(string(c.format), func(t *testing.T) {
			private, err := release.GenerateKey(c.format)
			if err != nil {
				t.Fatal(err)
			}
			text, err := private.MarshalPEM()
			if err != nil {
				t.Fatal(err)
			}
			if private, err = release.ParsePrivateKey(text); err != nil {
				t.Fatal(err)
			}
			key := private.Key()
			signature, err := private.Sign(payload)
			if err != nil {
				t.Fatal(err)
			}
			if signature.KeyID != key.ID() {
				t.Errorf("signed as %s, want %s", signature.KeyID, key.ID())
			}
			if err := key.Verify(payload, signature.Sig); err != nil {
				t.Fatal(err)
			}
			wantCode(t, key.Verify(other, signature.Sig), release.CodeSignatureInvalid)
			stranger, err := release.ParsePublicKeyPEM(readKey(t, c.file+".pub"))
			if err != nil {
				t.Fatal(err)
			}
			wantCode(t, stranger.Verify(payload, signature.Sig), release.CodeSignatureInvalid)

			// No other bytes: cut, longer, one bit changed, none.
			sig := signature.Sig
			for _, bad := range [][]byte{nil, {}, sig[:len(sig)-1], append(bytes.Clone(sig), 0), append([]byte{0}, sig...), bytes.Repeat(sig, 20)} {
				wantCode(t, key.Verify(payload, bad), release.CodeSignatureInvalid)
			}
			for i := range sig {
				bad := bytes.Clone(sig)
				bad[i] ^= 1 << (i % 8)
				wantCode(t, key.Verify(payload, bad), release.CodeSignatureInvalid)
			}
		})
	}
}

func TestGeneratedRSAKeyHas3072Bits(t *testing.T) {
	private, err := release.GenerateKey(release.FormatRSAPSS)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.ParsePKIXPublicKey(private.Key().Public)
	if err != nil {
		t.Fatal(err)
	}
	if bits := public.(*rsa.PublicKey).N.BitLen(); bits != 3072 {
		t.Errorf("got %d bits", bits)
	}
}

func TestFormatsThatAreNotVerifiedHere(t *testing.T) {
	for _, format := range []release.KeyFormat{release.FormatSSH, release.FormatMinisign, release.FormatOpenPGP, release.FormatX509, "none"} {
		key := release.Key{Format: format, Public: []byte("bytes")}
		want := release.CodeCannotJudge
		if format == release.FormatSSH || format == release.FormatMinisign {
			want = release.CodeKey // of a key that was not checked
		}
		wantCode(t, key.Verify([]byte("payload"), make([]byte, 64)), want)
		_, err := key.MarshalPEM()
		wantCode(t, err, release.CodeKey)
		_, err = release.GenerateKey(format)
		wantCode(t, err, release.CodeValue)
	}
}

func TestOpaqueKeys(t *testing.T) {
	key, err := release.ParseKey(release.FormatOpenPGP, []byte("any bytes"))
	if err != nil {
		t.Fatal(err)
	}
	if spki, err := key.SPKI(); err != nil || spki != key.ID() {
		t.Errorf("SPKI %s, %v, want the ID %s", spki, err, key.ID())
	}
}

func TestParseKeyKeepsItsOwnBytes(t *testing.T) {
	public := derOf(t, "ed25519.pub")
	key, err := release.ParseKey(release.FormatEd25519, public)
	if err != nil {
		t.Fatal(err)
	}
	id := key.ID()
	public[20] ^= 1
	if key.ID() != id {
		t.Error("the key changed with the caller's bytes")
	}
}

// rsaSPKI returns the SubjectPublicKeyInfo of a made-up RSA key.
func rsaSPKI(tb testing.TB, bits uint, exponent int, even bool) []byte {
	tb.Helper()
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	if !even {
		n.SetBit(n, 0, 1)
	}
	der, err := x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: n, E: exponent})
	if err != nil {
		tb.Fatal(err)
	}
	return der
}

func TestParseKeyRefuses(t *testing.T) {
	p256, rsa2048, ed25519 := derOf(t, "p256.pub"), derOf(t, "rsa.pub"), derOf(t, "ed25519.pub")
	// The NULL of rsaEncryption left out (RFC 3279 wants it), with the lengths put right.
	null := bytes.Index(rsa2048, []byte{0x05, 0x00})
	withoutNull := slices.Concat(rsa2048[:null], rsa2048[null+2:])
	withoutNull[3] -= 2 // the low byte of the outer length of two bytes
	withoutNull[5] -= 2 // the length of the algorithm
	// A length of one byte written in two.
	longLength := slices.Concat([]byte{0x30, 0x81, ed25519[1]}, ed25519[2:])
	offCurve := bytes.Clone(p256)
	offCurve[len(offCurve)-1] ^= 1
	minisign := slices.Concat([]byte("Ed12345678"), ed25519[12:])

	for _, c := range []struct {
		name   string
		format release.KeyFormat
		public []byte
		code   release.Code
	}{
		{"no format", "", ed25519, release.CodeValue},
		{"a format that does not exist", "ed448", ed25519, release.CodeValue},
		{"upper case", "Ed25519", ed25519, release.CodeValue},
		{"no bytes", release.FormatX509, nil, release.CodeKey},
		{"8193 bytes", release.FormatX509, make([]byte, 8193), release.CodeKey},
		{"not DER", release.FormatEd25519, []byte("not DER"), release.CodeKey},
		{"a raw key", release.FormatEd25519, ed25519[12:], release.CodeKey},
		{"bytes behind the DER", release.FormatEd25519, append(bytes.Clone(ed25519), 0), release.CodeKey},
		{"a length that is not minimal", release.FormatEd25519, longLength, release.CodeKey},
		{"P-256 as Ed25519", release.FormatEd25519, p256, release.CodeKey},
		{"P-256 as P-384", release.FormatECDSAP384, p256, release.CodeKey},
		{"P-521", release.FormatECDSAP384, derOf(t, "p521.pub"), release.CodeKey},
		{"X25519", release.FormatEd25519, derOf(t, "x25519.pub"), release.CodeKey},
		{"a compressed point", release.FormatECDSAP256, derOf(t, "p256-compressed.pub"), release.CodeKey},
		{"explicit parameters", release.FormatECDSAP256, derOf(t, "p256-explicit.pub"), release.CodeKey},
		{"not on the curve", release.FormatECDSAP256, offCurve, release.CodeKey},
		{"RSA without NULL", release.FormatRSAPSS, withoutNull, release.CodeKey},
		{"RSA of 1024 bits", release.FormatRSAPSS, derOf(t, "rsa1024.pub"), release.CodeKeyWeak},
		{"RSA of 2047 bits", release.FormatRSAPSS, rsaSPKI(t, 2047, 65537, false), release.CodeKeyWeak},
		{"RSA of 4097 bits", release.FormatRSAPSS, rsaSPKI(t, 4097, 65537, false), release.CodeKeyWeak},
		{"RSA with an even modulus", release.FormatRSAPSS, rsaSPKI(t, 2048, 65537, true), release.CodeKeyWeak},
		{"RSA with exponent 3", release.FormatRSAPSS, derOf(t, "rsae3.pub"), release.CodeKeyWeak},
		{"RSA with exponent 1", release.FormatRSAPSS, rsaSPKI(t, 2048, 1, false), release.CodeKeyWeak},
		{"RSA with an even exponent", release.FormatRSAPSS, rsaSPKI(t, 2048, 65538, false), release.CodeKeyWeak},
		{"RSA with an exponent of 33 bits", release.FormatRSAPSS, rsaSPKI(t, 2048, 1<<32+1, false), release.CodeKeyWeak},
		{"minisign of 41 bytes", release.FormatMinisign, minisign[:41], release.CodeKey},
		{"minisign of 43 bytes", release.FormatMinisign, append(bytes.Clone(minisign), 0), release.CodeKey},
		{"minisign of another algorithm", release.FormatMinisign, append([]byte("ED"), minisign[2:]...), release.CodeKey},
		{"minisign with a key of small order", release.FormatMinisign, append([]byte("Ed12345678"), make([]byte, 32)...), release.CodeKeyWeak},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := release.ParseKey(c.format, c.public)
			wantCode(t, err, c.code)
		})
	}

	for _, bits := range []uint{2048, 3072, 4096} {
		if _, err := release.ParseKey(release.FormatRSAPSS, rsaSPKI(t, bits, 65537, false)); err != nil {
			t.Errorf("%d bits: %v", bits, err)
		}
	}
}

func TestPEMRefuses(t *testing.T) {
	public, private := string(readKey(t, "p256.pub")), string(readKey(t, "p256.pem"))
	block := func(blockType string, bytes []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: blockType, Bytes: bytes}))
	}
	parse := map[string]func([]byte) error{
		"public":  func(data []byte) error { _, err := release.ParsePublicKeyPEM(data); return err },
		"private": func(data []byte) error { _, err := release.ParsePrivateKey(data); return err },
	}
	for _, c := range []struct{ name, kind, text, says string }{
		{"nothing", "public", "", "one PEM block"},
		{"DER", "public", string(derOf(t, "p256.pub")), "one PEM block"},
		{"text before", "public", "key:\n" + public, "one PEM block"},
		{"text behind", "public", public + "end\n", "text behind"},
		{"two keys", "public", public + public, "2 PEM blocks"},
		{"a broken key before a good one", "public", "-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----\n" + public, "2 PEM blocks"},
		{"a header", "public", strings.Replace(public, "KEY-----\n", "KEY-----\nA: b\n\n", 1), "headers"},
		{"cut off", "public", public[:len(public)-5], "malformed"},
		{"a private key", "public", private, "pkey -pubout"},
		{"a certificate", "public", block("CERTIFICATE", []byte("x")), "CERTIFICATE"},
		{"X25519", "public", string(readKey(t, "x25519.pub")), "want an Ed25519"},
		{"too long", "public", public + strings.Repeat("\n", 16384), "at most 16384 bytes"},
		{"a public key", "private", public, "PRIVATE KEY"},
		{"two keys", "private", private + private, "2 PEM blocks"},
		{"PKCS #1", "private", block("RSA PRIVATE KEY", []byte("x")), "pkcs8 -topk8"},
		{"SEC 1", "private", block("EC PRIVATE KEY", []byte("x")), "pkcs8 -topk8"},
		{"encrypted", "private", block("ENCRYPTED PRIVATE KEY", []byte("x")), "pass phrase"},
		{"OpenSSH", "private", block("OPENSSH PRIVATE KEY", []byte("x")), "ssh-keygen -p -m PKCS8"},
		{"not PKCS #8", "private", block("PRIVATE KEY", []byte("x")), "PKCS#8"},
		{"bytes behind PKCS #8", "private", block("PRIVATE KEY", append(derOf(t, "ed25519.pem"), 0)), "PKCS#8"},
	} {
		t.Run(c.kind+" "+c.name, func(t *testing.T) {
			err := parse[c.kind]([]byte(c.text))
			wantCode(t, err, release.CodeKey)
			if err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %q, want it to say %q", err, c.says)
			}
		})
	}

	for _, text := range []string{"\n \t" + public + " \n\n", strings.TrimSpace(public), strings.ReplaceAll(public, "\n", "\r\n")} {
		if err := parse["public"]([]byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// What is wrong with a private key is told without the key.
func TestPrivateKeyErrorsRepeatNothing(t *testing.T) {
	text := string(readKey(t, "rsa.pem"))
	lines := strings.Split(text, "\n")
	for _, bad := range []string{text[1:], text + text, text[:len(text)/2], strings.Replace(text, lines[3], lines[4], 1), "-----BEGIN PRIVATE KEY-----\nSecret: " + lines[1] + "\n\n" + strings.Join(lines[1:], "\n")} {
		_, err := release.ParsePrivateKey([]byte(bad))
		if err == nil {
			t.Fatalf("accepted %q", bad)
		}
		for _, line := range lines[1 : len(lines)-2] {
			if strings.Contains(err.Error(), line[:16]) {
				t.Errorf("the error repeats the key: %v", err)
			}
		}
	}
}

func TestEmptyPrivateKeyDoesNotSign(t *testing.T) {
	key := new(release.PrivateKey)
	if signature, err := key.Sign([]byte("payload")); err == nil {
		t.Errorf("signed %x", signature.Sig)
	}
	if text, err := key.MarshalPEM(); err == nil {
		t.Errorf("marshalled as %s", text)
	}
}

// One Ed25519 key in all formats that can hold it counts once.
func TestSPKIIsOnePerKey(t *testing.T) {
	// The key of minisign's author (jedisct1.github.io/minisign).
	minisign, err := base64.StdEncoding.DecodeString("RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3")
	if err != nil {
		t.Fatal(err)
	}
	raw := minisign[10:]
	spki := slices.Concat(derOf(t, "ed25519.pub")[:12], raw)
	ssh := sshBlob("ssh-ed25519", string(raw))
	want := release.Digest(sha256.Sum256(spki))
	ids := map[release.KeyID]bool{}
	for _, c := range []struct {
		format release.KeyFormat
		public []byte
	}{
		{release.FormatEd25519, spki}, {release.FormatMinisign, minisign}, {release.FormatSSH, ssh},
		{release.FormatSSH, sshBlob("sk-ssh-ed25519@openssh.com", string(raw), "ssh:")},
		{release.FormatSSH, sshBlob("sk-ssh-ed25519@openssh.com", string(raw), "ssh:another")},
	} {
		key, err := release.ParseKey(c.format, c.public)
		if err != nil {
			t.Fatalf("%s: %v", c.format, err)
		}
		if got, err := key.SPKI(); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", c.format, got, err, want)
		}
		ids[key.ID()] = true
	}
	if len(ids) != 5 {
		t.Errorf("%d key ids, want 5: each format has its own bytes", len(ids))
	}
}

func FuzzParsePublicKeyPEM(f *testing.F) {
	for _, name := range []string{"ed25519.pub", "p256.pub", "p384.pub", "rsa.pub", "p256-compressed.pub", "p256-explicit.pub", "rsa1024.pub", "x25519.pub"} {
		f.Add(readKey(f, name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		key, err := release.ParsePublicKeyPEM(data)
		if err != nil {
			if release.CodeOf(err) == "" {
				t.Fatalf("not a refusal: %v", err)
			}
			return
		}
		text, err := key.MarshalPEM()
		if err != nil {
			t.Fatal(err)
		}
		again, err := release.ParsePublicKeyPEM(text)
		if err != nil || again.ID() != key.ID() || again.Format != key.Format {
			t.Fatalf("read again as %v, %v", again, err)
		}
		wantCode(t, key.Verify([]byte("payload"), data), release.CodeSignatureInvalid)
	})
}

func FuzzParsePrivateKey(f *testing.F) {
	for _, name := range []string{"ed25519.pem", "p256.pem", "p384.pem"} {
		f.Add(readKey(f, name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		key, err := release.ParsePrivateKey(data)
		if err != nil {
			return
		}
		signature, err := key.Sign([]byte("payload"))
		if err != nil {
			t.Fatal(err)
		}
		if err := key.Key().Verify([]byte("payload"), signature.Sig); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzVerify(f *testing.F) {
	var keys []release.Key
	for i, c := range signing {
		key, err := release.ParsePublicKeyPEM(readKey(f, c.file+".pub"))
		if err != nil {
			f.Fatal(err)
		}
		keys = append(keys, key)
		f.Add(byte(i), readKey(f, c.file+".sig"))
	}
	good := map[string]bool{}
	for _, c := range signing {
		good[string(readKey(f, c.file+".sig"))] = true
	}
	f.Fuzz(func(t *testing.T, i byte, sig []byte) {
		key := keys[int(i)%len(keys)]
		if err := key.Verify([]byte("hello"), sig); err == nil && !good[string(sig)] {
			t.Errorf("%s accepts %x", key.Format, sig)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	payload := bytes.Repeat([]byte("0123456789abcdef"), 64) // 1 KiB
	for _, c := range signing {
		private, err := release.ParsePrivateKey(readKey(b, c.file+".pem"))
		if err != nil {
			b.Fatal(err)
		}
		signature, err := private.Sign(payload)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(string(c.format), func(b *testing.B) {
			key := private.Key()
			for b.Loop() {
				if err := key.Verify(payload, signature.Sig); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCheckKey(b *testing.B) {
	key := releasetest.KeyFromName("root1").Key()
	for b.Loop() {
		if err := key.Check(); err != nil {
			b.Fatal(err)
		}
	}
}
