package release_test

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
	"encoding/asn1"
	"encoding/binary"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/muster-log/muster/release"
)

// signerSSH signs as ssh-keygen -Y sign does, and wrongly where its members say so.
type signerSSH struct {
	keyType     string
	private     crypto.Signer
	application string // of a security key
	flags       byte
	counter     uint32

	// What an SSHSIG blob holds besides.
	magic, namespace, reserved, hash string
	version                          uint32
	algorithm                        string // of the inner signature
	public                           []byte // the key that the blob names
}

const application = "ssh:"

// newSignerSSH returns a signer with one of the keys of testdata/keys.
func newSignerSSH(tb testing.TB, keyType string) *signerSSH {
	tb.Helper()
	file := map[string]string{"ssh-ed25519": "ed25519", "sk-ssh-ed25519@openssh.com": "ed25519", "ecdsa-sha2-nistp256": "p256",
		"sk-ecdsa-sha2-nistp256@openssh.com": "p256", "ecdsa-sha2-nistp384": "p384", "ssh-rsa": "rsa"}[keyType]
	parsed, err := x509.ParsePKCS8PrivateKey(derOf(tb, file+".pem"))
	if err != nil {
		tb.Fatal(err)
	}
	s := &signerSSH{keyType: keyType, private: parsed.(crypto.Signer), magic: "SSHSIG", version: 1, namespace: "file", hash: "sha512", algorithm: keyType}
	if keyType == "ssh-rsa" {
		s.algorithm = "rsa-sha2-512"
	}
	if strings.HasPrefix(keyType, "sk-") {
		s.application, s.flags, s.counter = application, 1, 7
	}
	s.public = s.blob(tb)
	return s
}

// mpintSSH is the shortest form of a positive integer (RFC 4251, section 5).
func mpintSSH(n *big.Int) string {
	text := string(n.Bytes())
	if len(text) > 0 && text[0] >= 0x80 {
		return "\x00" + text
	}
	return text
}

// blob is the public key blob.
func (s *signerSSH) blob(tb testing.TB) []byte {
	tb.Helper()
	fields := []string{s.keyType}
	switch key := s.private.Public().(type) {
	case ed25519.PublicKey:
		fields = append(fields, string(key))
	case *ecdsa.PublicKey:
		point, err := key.Bytes()
		if err != nil {
			tb.Fatal(err)
		}
		curve := "nistp256"
		if key.Curve == elliptic.P384() {
			curve = "nistp384"
		}
		fields = append(fields, curve, string(point))
	case *rsa.PublicKey:
		fields = append(fields, mpintSSH(big.NewInt(int64(key.E))), mpintSSH(key.N))
	}
	if s.application != "" {
		fields = append(fields, s.application)
	}
	return sshBlob(fields...)
}

func (s *signerSSH) key(tb testing.TB) release.Key {
	tb.Helper()
	key, err := release.ParseKey(release.FormatSSH, s.blob(tb))
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// signed are the bytes that the inner signature is over.
func (s *signerSSH) signed(message []byte) []byte {
	var sum []byte
	if s.hash == "sha256" {
		short := sha256.Sum256(message)
		sum = short[:]
	} else {
		long := sha512.Sum512(message)
		sum = long[:]
	}
	return append([]byte(s.magic), sshBlob(s.namespace, s.reserved, s.hash, string(sum))...)
}

// pair returns the integers of an ECDSA signature.
func (s *signerSSH) pair(tb testing.TB, signed []byte) (r, t *big.Int) {
	tb.Helper()
	key := s.private.(*ecdsa.PrivateKey)
	sum := sha256.Sum256(signed)
	digest := sum[:]
	if key.Curve == elliptic.P384() {
		long := sha512.Sum384(signed)
		digest = long[:]
	}
	der, err := ecdsa.SignASN1(rand.Reader, key, digest)
	if err != nil {
		tb.Fatal(err)
	}
	var value struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &value); err != nil {
		tb.Fatal(err)
	}
	return value.R, value.S
}

// raw is the signature without its algorithm, over the bytes that the key signs.
func (s *signerSSH) raw(tb testing.TB, message []byte) string {
	tb.Helper()
	signed := s.signed(message)
	if s.application != "" {
		hashed, sum := sha256.Sum256([]byte(s.application)), sha256.Sum256(signed)
		signed = slices.Concat(hashed[:], s.tail(), sum[:])
	}
	switch key := s.private.(type) {
	case ed25519.PrivateKey:
		return string(ed25519.Sign(key, signed))
	case *ecdsa.PrivateKey:
		r, t := s.pair(tb, signed)
		return string(sshBlob(mpintSSH(r), mpintSSH(t)))
	case *rsa.PrivateKey:
		hash, sum := crypto.SHA512, sha512.Sum512(signed)
		digest := sum[:]
		if s.algorithm == "rsa-sha2-256" {
			short := sha256.Sum256(signed)
			hash, digest = crypto.SHA256, short[:]
		}
		sig, err := rsa.SignPKCS1v15(rand.Reader, key, hash, digest)
		if err != nil {
			tb.Fatal(err)
		}
		return string(sig)
	}
	tb.Fatalf("no signer %T", s.private)
	return ""
}

// tail is what stands behind a security key's signature.
func (s *signerSSH) tail() []byte {
	if s.application == "" {
		return nil
	}
	return binary.BigEndian.AppendUint32([]byte{s.flags}, s.counter)
}

// wrap makes an SSHSIG blob around an inner signature.
func (s *signerSSH) wrap(inner []byte) []byte {
	head := binary.BigEndian.AppendUint32([]byte(s.magic), s.version)
	return append(head, sshBlob(string(s.public), s.namespace, s.reserved, s.hash, string(inner))...)
}

func (s *signerSSH) sign(tb testing.TB, message []byte) []byte {
	tb.Helper()
	return s.wrap(append(sshBlob(s.algorithm, s.raw(tb, message)), s.tail()...))
}

func TestSSHSignatures(t *testing.T) {
	payload := []byte("payload")
	for keyType := range sshKeys {
		t.Run(keyType, func(t *testing.T) {
			signer := newSignerSSH(t, keyType)
			key := signer.key(t)
			sig := signer.sign(t, release.PAE(payload))
			if err := key.Verify(payload, sig); err != nil {
				t.Fatal(err)
			}
			if named, err := release.KeyOfSignatureSSH(sig); err != nil || named.ID() != key.ID() {
				t.Errorf("the signature names %v, %v", named, err)
			}
			wantCode(t, key.Verify([]byte("another payload"), sig), release.CodeSignatureInvalid)
			wantCode(t, key.VerifyMessage(payload, sig), release.CodeSignatureInvalid)
			if err := key.VerifyMessage(release.PAE(payload), sig); err != nil {
				t.Error(err)
			}
			// No other bytes: cut, longer, one bit changed.
			for n := range sig {
				wantCode(t, key.Verify(payload, sig[:n]), release.CodeSignatureInvalid)
				bad := bytes.Clone(sig)
				bad[n] ^= 1 << (n % 8)
				wantCode(t, key.Verify(payload, bad), release.CodeSignatureInvalid)
			}
			for _, more := range []string{"\x00", "\x00\x00\x00\x00", "\n"} {
				wantCode(t, key.Verify(payload, append(bytes.Clone(sig), more...)), release.CodeSignatureInvalid)
			}
		})
	}
}

func TestSSHSignaturesRefused(t *testing.T) {
	message := release.PAE([]byte("payload"))
	for _, c := range []struct {
		name, keyType string
		change        func(*signerSSH)
		says          string
	}{
		{"namespace git", "ssh-ed25519", func(s *signerSSH) { s.namespace = "git" }, `namespace "git", not "file"`},
		{"no namespace", "ssh-ed25519", func(s *signerSSH) { s.namespace = "" }, `namespace ""`},
		{"a namespace that begins with file", "ssh-ed25519", func(s *signerSSH) { s.namespace = "file\x00" }, `namespace "file\x00"`},
		{"reserved bytes", "ssh-ed25519", func(s *signerSSH) { s.reserved = "x" }, "reserved"},
		{"SHA-256", "ssh-ed25519", func(s *signerSSH) { s.hash = "sha256" }, `hash "sha256", not "sha512"`},
		{"version 2", "ssh-ed25519", func(s *signerSSH) { s.version = 2 }, "version 1"},
		{"version 0", "ssh-ed25519", func(s *signerSSH) { s.version = 0 }, "version 1"},
		{"another magic", "ssh-ed25519", func(s *signerSSH) { s.magic = "sshsig" }, "no SSHSIG blob"},
		{"another key named", "ssh-ed25519", func(s *signerSSH) { s.public = sshBlob("ssh-ed25519", strings.Repeat("a", 32)) }, "another key"},
		{"the key's algorithm in other words", "ssh-ed25519", func(s *signerSSH) { s.algorithm = "ssh-ed448" }, `algorithm "ssh-ed448"`},
		{"SHA-1", "ssh-rsa", func(s *signerSSH) { s.algorithm = "ssh-rsa" }, `algorithm "ssh-rsa", not "rsa-sha2-512"`},
		{"RSA with SHA-256", "ssh-rsa", func(s *signerSSH) { s.algorithm = "rsa-sha2-256" }, `algorithm "rsa-sha2-256"`},
		{"nobody touched it", "sk-ssh-ed25519@openssh.com", func(s *signerSSH) { s.flags = 0 }, "nobody touched"},
		{"a PIN and no touch", "sk-ecdsa-sha2-nistp256@openssh.com", func(s *signerSSH) { s.flags = 4 }, "nobody touched"},
		{"for another application", "sk-ssh-ed25519@openssh.com", func(s *signerSSH) { s.application = "ssh:other" }, "does not hold"},
		{"for a web site", "sk-ecdsa-sha2-nistp256@openssh.com", func(s *signerSSH) { s.application = "example.com" }, "does not hold"},
		{"in a browser", "sk-ecdsa-sha2-nistp256@openssh.com", func(s *signerSSH) { s.algorithm = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com" }, "algorithm"},
	} {
		t.Run(c.name, func(t *testing.T) {
			signer := newSignerSSH(t, c.keyType)
			key := signer.key(t)
			c.change(signer)
			err := key.Verify([]byte("payload"), signer.sign(t, message))
			wantCode(t, err, release.CodeSignatureInvalid)
			if err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %q, want it to say %q", err, c.says)
			}
		})
	}
	// A touch counts with a PIN, too.
	signer := newSignerSSH(t, "sk-ecdsa-sha2-nistp256@openssh.com")
	signer.flags, signer.counter = 5, 0
	if err := signer.key(t).Verify([]byte("payload"), signer.sign(t, message)); err != nil {
		t.Error(err)
	}
	// The counter and the flags are signed.
	sig := signer.sign(t, message)
	for back := 1; back <= 5; back++ {
		bad := bytes.Clone(sig)
		bad[len(bad)-back] ^= 2
		wantCode(t, signer.key(t).Verify([]byte("payload"), bad), release.CodeSignatureInvalid)
	}
}

// TestSSHInnerSignatureHasOneForm: of the bytes around a signature no others will do.
func TestSSHInnerSignatureHasOneForm(t *testing.T) {
	payload := []byte("payload")
	message := release.PAE(payload)
	for _, keyType := range []string{"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384"} {
		signer := newSignerSSH(t, keyType)
		key := signer.key(t)
		order := signer.private.Public().(*ecdsa.PublicKey).Curve.Params().N
		r, s := signer.pair(t, signer.signed(message))
		with := func(fields ...string) []byte {
			return signer.wrap(sshBlob(signer.algorithm, string(sshBlob(fields...))))
		}
		if err := key.Verify(payload, with(mpintSSH(r), mpintSSH(s))); err != nil {
			t.Fatal(err)
		}
		// Whoever sees (r, s) can make (r, n-s): a signature's bytes are no name.
		if err := key.Verify(payload, with(mpintSSH(r), mpintSSH(new(big.Int).Sub(order, s)))); err != nil {
			t.Error(err)
		}
		for name, bad := range map[string][]byte{
			"r with a zero before it":      with("\x00"+mpintSSH(r), mpintSSH(s)),
			"r plus the order":             with(mpintSSH(new(big.Int).Add(r, order)), mpintSSH(s)),
			"s plus the order":             with(mpintSSH(r), mpintSSH(new(big.Int).Add(s, order))),
			"r negative":                   with("\xff", mpintSSH(s)),
			"r zero":                       with("", mpintSSH(s)),
			"s zero":                       with(mpintSSH(r), ""),
			"s the order":                  with(mpintSSH(r), mpintSSH(order)),
			"a third integer":              with(mpintSSH(r), mpintSSH(s), "\x01"),
			"r alone":                      with(mpintSSH(r)),
			"bytes behind the signature":   signer.wrap(append(sshBlob(signer.algorithm, string(sshBlob(mpintSSH(r), mpintSSH(s)))), 1, 0, 0, 0, 7)),
			"an application's flags alone": signer.wrap(append(sshBlob(signer.algorithm, string(sshBlob(mpintSSH(r), mpintSSH(s)))), 1)),
		} {
			if err := key.Verify(payload, bad); release.CodeOf(err) != release.CodeSignatureInvalid {
				t.Errorf("%s, %s: %v", keyType, name, err)
			}
		}
	}
	// RSA: as long as the modulus, and below it.
	signer := newSignerSSH(t, "ssh-rsa")
	key := signer.key(t)
	raw := signer.raw(t, message)
	n := signer.private.Public().(*rsa.PublicKey).N
	more := new(big.Int).Add(new(big.Int).SetBytes([]byte(raw)), n)
	for _, bad := range []string{"\x00" + raw, raw[1:], string(more.Bytes())} {
		wantCode(t, key.Verify(payload, signer.wrap(sshBlob(signer.algorithm, bad))), release.CodeSignatureInvalid)
	}
	// Security keys: flags and counter, no more and no less.
	sk := newSignerSSH(t, "sk-ssh-ed25519@openssh.com")
	inner := sshBlob(sk.algorithm, sk.raw(t, message))
	for _, tail := range [][]byte{nil, {1}, {1, 0, 0, 7}, {1, 0, 0, 0, 7, 0}, append([]byte{0, 0, 0, 1}, sk.tail()...)} {
		wantCode(t, sk.key(t).Verify(payload, sk.wrap(slices.Concat(inner, tail))), release.CodeSignatureInvalid)
	}
}

// TestKeyOfSignatureSSH: what a signature says of itself is judged as any key is.
func TestKeyOfSignatureSSH(t *testing.T) {
	signer := newSignerSSH(t, "ssh-ed25519")
	signer.public = sshBlob("ssh-ed25519", strings.Repeat("\x00", 32))
	_, err := release.KeyOfSignatureSSH(signer.wrap([]byte("x")))
	wantCode(t, err, release.CodeKeyWeak)
	_, err = release.KeyOfSignatureSSH([]byte("SSHSIG"))
	wantCode(t, err, release.CodeSignatureInvalid)
}

// FuzzSSHSignature: what holds is by the key it names, over this payload alone,
// and its fields are all there is.
func FuzzSSHSignature(f *testing.F) {
	payload := []byte("payload")
	var keys []release.Key
	for i, keyType := range slices.Sorted(maps.Keys(sshKeys)) {
		signer := newSignerSSH(f, keyType)
		keys = append(keys, signer.key(f))
		f.Add(byte(i), signer.sign(f, release.PAE(payload)))
		signer.namespace = "git"
		f.Add(byte(i), signer.sign(f, release.PAE(payload)))
	}
	f.Fuzz(func(t *testing.T, i byte, sig []byte) {
		key := keys[int(i)%len(keys)]
		named, namedErr := release.KeyOfSignatureSSH(sig)
		if err := key.Verify(payload, sig); err != nil {
			wantCode(t, err, release.CodeSignatureInvalid)
			return
		}
		if namedErr != nil || named.ID() != key.ID() {
			t.Fatalf("by %s, and names %s, %v", key.ID(), named.ID(), namedErr)
		}
		const head = "SSHSIG\x00\x00\x00\x01"
		var fields []string
		for rest := sig[len(head):]; len(rest) > 0; {
			n := binary.BigEndian.Uint32(rest)
			fields = append(fields, string(rest[4:4+n]))
			rest = rest[4+n:]
		}
		if len(fields) != 5 || !bytes.Equal(append([]byte(head), sshBlob(fields...)...), sig) {
			t.Fatalf("%x has another encoding", sig)
		}
		wantCode(t, key.Verify([]byte("another payload"), sig), release.CodeSignatureInvalid)
	})
}
