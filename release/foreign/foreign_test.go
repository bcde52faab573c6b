package foreign_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/foreign"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/release/releasetest"
)

// Verify is what a register takes.
var _ register.Verifier = foreign.Verify

var payload = []byte("payload")

func wantCode(tb testing.TB, err error, code release.Code) {
	tb.Helper()
	if got := release.CodeOf(err); got != code {
		tb.Errorf("got code %q (%v), want %q", got, err, code)
	}
}

// certificate returns a certificate of the key, long expired, by an issuer that
// nobody knows.
func certificate(tb testing.TB, signer crypto.Signer) []byte {
	tb.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ana"},
		NotBefore: time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2002, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	if err != nil {
		tb.Fatal(err)
	}
	return der
}

// signX509 signs as openssl dgst and pkeyutl do.
func signX509(tb testing.TB, signer crypto.Signer, message []byte) []byte {
	tb.Helper()
	var sig []byte
	var err error
	switch key := signer.(type) {
	case ed25519.PrivateKey:
		sig = ed25519.Sign(key, message)
	case *ecdsa.PrivateKey:
		sum := sha256.Sum256(message)
		digest := sum[:]
		if key.Curve == elliptic.P384() {
			long := sha512.Sum384(message)
			digest = long[:]
		}
		sig, err = ecdsa.SignASN1(rand.Reader, key, digest)
	case *rsa.PrivateKey:
		sum := sha256.Sum256(message)
		sig, err = rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	}
	if err != nil {
		tb.Fatal(err)
	}
	return sig
}

// signers are keys of every kind that a certificate may be of.
func signers(tb testing.TB) map[string]crypto.Signer {
	tb.Helper()
	made := map[string]crypto.Signer{}
	for name, make := range map[string]func() (crypto.Signer, error){
		"Ed25519": func() (crypto.Signer, error) { _, key, err := ed25519.GenerateKey(rand.Reader); return key, err },
		"P-256":   func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) },
		"P-384":   func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P384(), rand.Reader) },
		"RSA":     func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) },
	} {
		key, err := make()
		if err != nil {
			tb.Fatal(err)
		}
		made[name] = key
	}
	return made
}

func TestX509Signatures(t *testing.T) {
	for name, signer := range signers(t) {
		t.Run(name, func(t *testing.T) {
			der := certificate(t, signer)
			key, err := foreign.ParseCertificate(der)
			if err != nil {
				t.Fatal(err)
			}
			if key.Format != release.FormatX509 || !bytes.Equal(key.Public, der) {
				t.Errorf("the key is %s, %d bytes, want the certificate's DER", key.Format, len(key.Public))
			}
			text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
			if again, err := foreign.ParseCertificate(text); err != nil || again.ID() != key.ID() {
				t.Errorf("from PEM: %v, %v", again.ID(), err)
			}
			sig := signX509(t, signer, release.PAE(payload))
			if err := foreign.Verify(key, payload, sig); err != nil {
				t.Fatal(err)
			}
			wantCode(t, key.Verify(payload, sig), release.CodeCannotJudge)
			wantCode(t, foreign.Verify(key, []byte("another payload"), sig), release.CodeSignatureInvalid)
			wantCode(t, foreign.VerifyMessage(key, payload, sig), release.CodeSignatureInvalid)
			for n := range sig {
				bad := bytes.Clone(sig)
				bad[n] ^= 1 << (n % 8)
				wantCode(t, foreign.Verify(key, payload, bad), release.CodeSignatureInvalid)
				wantCode(t, foreign.Verify(key, payload, sig[:n]), release.CodeSignatureInvalid)
			}
			wantCode(t, foreign.Verify(key, payload, append(bytes.Clone(sig), 0)), release.CodeSignatureInvalid)
		})
	}
}

// TestECDSAOfCertificatesHasOneForm: rekor reads other encodings of a signature, too.
func TestECDSAOfCertificatesHasOneForm(t *testing.T) {
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := foreign.ParseCertificate(certificate(t, signer))
	if err != nil {
		t.Fatal(err)
	}
	sig := signX509(t, signer, release.PAE(payload))
	long := slices.Concat([]byte{0x30, 0x81, sig[1]}, sig[2:])
	wantCode(t, foreign.Verify(key, payload, long), release.CodeSignatureInvalid)
	var pair struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(sig, &pair); err != nil {
		t.Fatal(err)
	}
	pair.S.Sub(elliptic.P256().Params().N, pair.S)
	other, err := asn1.Marshal(pair)
	if err != nil {
		t.Fatal(err)
	}
	if err := foreign.Verify(key, payload, other); err != nil {
		t.Errorf("(r, n-s): %v", err) // as everywhere: a signature's bytes are no name
	}
}

func TestCertificatesRefused(t *testing.T) {
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der := certificate(t, signer)
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GODEBUG", "rsa1024min=0")
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	public, err := releasetest.KeyFromName("root1").Key().MarshalPEM()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		data []byte
		code release.Code
		says string
	}{
		{"nothing", nil, release.CodeKey, "public key of 1 to"},
		{"P-521", certificate(t, p521), release.CodeKey, "P-384"},
		{"RSA of 1024 bits", certificate(t, weak), release.CodeKeyWeak, "1024 bits"},
		{"bytes behind the DER", append(bytes.Clone(der), 0), release.CodeKey, "DER of one X.509 certificate"},
		{"cut off", der[:len(der)-1], release.CodeKey, "DER of one X.509 certificate"},
		{"a chain", slices.Concat(text, text), release.CodeKey, "without its chain"},
		{"text behind", append(bytes.Clone(text), "x"...), release.CodeKey, "one X.509 certificate"},
		{"a header", bytes.Replace(text, []byte("-----\n"), []byte("-----\nA: b\n\n"), 1), release.CodeKey, "one X.509 certificate"},
		{"a public key", public, release.CodeKey, "one X.509 certificate"},
		{"too long", make([]byte, 70_000), release.CodeKey, "at most 65536 bytes"},
	} {
		_, err := foreign.ParseCertificate(c.data)
		wantCode(t, err, c.code)
		if err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %q, want it to say %q", c.name, err, c.says)
		}
	}
	// A key that Check refuses verifies nothing, whatever an authority says.
	sum := sha256.Sum256(release.PAE(payload))
	sig, err := rsa.SignPKCS1v15(rand.Reader, weak, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	key := release.Key{Format: release.FormatX509, Public: certificate(t, weak)}
	wantCode(t, key.Check(), release.CodeKeyWeak)
	wantCode(t, foreign.Verify(key, payload, sig), release.CodeSignatureInvalid)
}

// TestCertificatesThatGoReadsOtherwise: crypto/x509 refuses a serial number below
// zero in one version and takes it in another. No rule for ever follows it.
func TestCertificatesThatGoReadsOtherwise(t *testing.T) {
	_, signer, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der := certificate(t, signer)
	at := bytes.Index(der, []byte{2, 1, 1}) // serial number 1
	der[at+2] = 0xff
	if _, err := x509.ParseCertificate(der); err == nil {
		t.Fatal("this version of Go takes it: the test needs another certificate")
	}
	key, err := foreign.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	if err := foreign.Verify(key, payload, signX509(t, signer, release.PAE(payload))); err != nil {
		t.Error(err)
	}
}

// TestOtherFormatsAreThoseOfRelease: one function verifies every format.
func TestOtherFormatsAreThoseOfRelease(t *testing.T) {
	private := releasetest.KeyFromName("root1")
	sig, err := private.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	if err := foreign.Verify(private.Key(), payload, sig.Sig); err != nil {
		t.Error(err)
	}
	if err := foreign.Check(private.Key()); err != nil {
		t.Error(err)
	}
	ssh := releasetest.SignSSH(t, payload, "root1")
	if err := foreign.Verify(releasetest.SSHKeyFromName("root1"), payload, ssh.Sig); err != nil {
		t.Error(err)
	}
	wantCode(t, foreign.Verify(release.Key{Format: "none", Public: []byte("x")}, payload, sig.Sig), release.CodeCannotJudge)
	wantCode(t, foreign.Check(release.Key{Format: "none", Public: []byte("x")}), release.CodeValue)
}

func FuzzCertificate(f *testing.F) {
	_, signer, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	der := certificate(f, signer)
	f.Add(der, signX509(f, signer, release.PAE(payload)))
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), []byte("x"))
	f.Fuzz(func(t *testing.T, data, sig []byte) {
		key, err := foreign.ParseCertificate(data)
		if err != nil {
			if release.CodeOf(err) == "" {
				t.Fatalf("not a refusal: %v", err)
			}
			return
		}
		if again, err := foreign.ParseCertificate(key.Public); err != nil || again.ID() != key.ID() {
			t.Fatalf("read again as %s, %v", again.ID(), err)
		}
		if err := foreign.Verify(key, payload, sig); err != nil {
			wantCode(t, err, release.CodeSignatureInvalid)
		}
	})
}
