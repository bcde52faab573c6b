package release_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"slices"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/releasetest"
)

// certificateFields are what a certificate is written of; every field with its tag.
type certificateFields struct {
	version, serial, signature, issuer, validity, subject, spki, rest []byte // of TBSCertificate
	algorithm, value, behind                                          []byte
}

func element(tag asn1.Tag, contents ...byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes(contents) })
	return b.BytesOrPanic()
}

// anyCertificate has empty fields wherever a key is not concerned.
func anyCertificate(spki []byte) certificateFields {
	empty := element(asn1.SEQUENCE)
	return certificateFields{version: element(asn1.Tag(0).ContextSpecific().Constructed(), 2, 1, 2), serial: element(asn1.INTEGER, 1),
		signature: empty, issuer: empty, validity: empty, subject: empty, spki: spki, algorithm: empty, value: element(asn1.BIT_STRING, 0)}
}

func (c certificateFields) marshal() []byte {
	tbs := element(asn1.SEQUENCE, slices.Concat(c.version, c.serial, c.signature, c.issuer, c.validity, c.subject, c.spki, c.rest)...)
	return element(asn1.SEQUENCE, slices.Concat(tbs, c.algorithm, c.value, c.behind)...)
}

// TestCertificatesOfOneKeyCountOnce: whoever holds a key, and anybody at all who
// changes the bytes of its certificate that no signature here covers, has many
// certificates, and one vote.
func TestCertificatesOfOneKeyCountOnce(t *testing.T) {
	for _, name := range []string{"ed25519", "p256", "p384", "rsa"} {
		private, err := release.ParsePrivateKey(readKey(t, name+".pem"))
		if err != nil {
			t.Fatal(err)
		}
		plain := private.Key()
		want, err := plain.SPKI()
		if err != nil {
			t.Fatal(err)
		}
		public, err := x509.ParsePKIXPublicKey(plain.Public)
		if err != nil {
			t.Fatal(err)
		}
		_, issuer, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		ids := map[release.KeyID]bool{}
		for serial := range int64(3) {
			template := &x509.Certificate{SerialNumber: big.NewInt(serial + 1), Subject: pkix.Name{CommonName: "ana"}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1000, 0)}
			der, err := x509.CreateCertificate(rand.Reader, template, template, public, issuer)
			if err != nil {
				t.Fatal(err)
			}
			for flip := range byte(3) {
				other := bytes.Clone(der)
				other[len(other)-1] ^= flip // of the issuer's signature
				key, err := release.ParseKey(release.FormatX509, other)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				ids[key.ID()] = true
				if got, err := key.SPKI(); err != nil || got != want {
					t.Errorf("%s: SPKI %s, %v, want that of the key itself, %s", name, got, err, want)
				}
				if certified, err := key.CertifiedKey(); err != nil || certified.Format != plain.Format || !bytes.Equal(certified.Public, plain.Public) {
					t.Errorf("%s: in the certificate is a key of %s, %v", name, certified.Format, err)
				}
			}
		}
		if len(ids) != 9 {
			t.Errorf("%s: %d key ids of 9 certificates", name, len(ids))
		}
	}
	_, err := release.Key{Format: release.FormatOpenPGP, Public: []byte("x")}.CertifiedKey()
	wantCode(t, err, release.CodeKey)
}

// TestCertificateFields: what of a certificate decides for ever whether it is a key.
func TestCertificateFields(t *testing.T) {
	spki := derOf(t, "p256.pub")
	good := anyCertificate(spki)
	with := func(change func(*certificateFields)) []byte {
		changed := good
		change(&changed)
		return changed.marshal()
	}
	whole := good.marshal()
	for name, der := range map[string][]byte{
		"empty fields":                 whole,
		"version 1":                    with(func(c *certificateFields) { c.version = nil }),
		"no version that exists":       with(func(c *certificateFields) { c.version = element(asn1.Tag(0).ContextSpecific().Constructed(), 9) }),
		"a negative serial number":     with(func(c *certificateFields) { c.serial = element(asn1.INTEGER, 0xff, 0xff) }),
		"anything behind the key":      with(func(c *certificateFields) { c.rest = []byte("anything") }),
		"two algorithms of signatures": with(func(c *certificateFields) { c.algorithm = element(asn1.SEQUENCE, 5, 0) }),
		"an issuer of other bytes":     with(func(c *certificateFields) { c.issuer = element(asn1.SEQUENCE, 0xff) }),
		"a signature of no bytes":      with(func(c *certificateFields) { c.value = element(asn1.BIT_STRING) }),
	} {
		key, err := release.ParseKey(release.FormatX509, der)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, err := key.SPKI(); err != nil || got != sha256.Sum256(spki) {
			t.Errorf("%s: SPKI %s, %v", name, got, err)
		}
	}
	indefinite := slices.Concat([]byte{0x30, 0x80}, whole[2:], []byte{0, 0})
	for name, c := range map[string]struct {
		der  []byte
		code release.Code
	}{
		"bytes behind":             {append(bytes.Clone(whole), 0), release.CodeKey},
		"cut off":                  {whole[:len(whole)-1], release.CodeKey},
		"bytes in its sequence":    {with(func(c *certificateFields) { c.behind = []byte{5, 0} }), release.CodeKey},
		"no signature":             {with(func(c *certificateFields) { c.value = nil }), release.CodeKey},
		"no serial number":         {with(func(c *certificateFields) { c.serial = nil }), release.CodeKey},
		"a version of another tag": {with(func(c *certificateFields) { c.version = element(asn1.Tag(1).ContextSpecific().Constructed(), 2, 1, 2) }), release.CodeKey},
		"a set as issuer":          {with(func(c *certificateFields) { c.issuer = element(asn1.SET) }), release.CodeKey},
		"no key":                   {with(func(c *certificateFields) { c.spki = nil }), release.CodeKey},
		"a key before its place":   {with(func(c *certificateFields) { c.subject = nil }), release.CodeKey},
		"an indefinite length":     {indefinite, release.CodeKey},
		"a length that is long":    {slices.Concat([]byte{0x30, 0x81}, whole[1:]), release.CodeKey},
		"the key alone":            {spki, release.CodeKey},
		"a compressed point":       {anyCertificate(derOf(t, "p256-compressed.pub")).marshal(), release.CodeKey},
		"explicit parameters":      {anyCertificate(derOf(t, "p256-explicit.pub")).marshal(), release.CodeKey},
		"P-521":                    {anyCertificate(derOf(t, "p521.pub")).marshal(), release.CodeKey},
		"X25519":                   {anyCertificate(derOf(t, "x25519.pub")).marshal(), release.CodeKey},
		"RSA of 1024 bits":         {anyCertificate(derOf(t, "rsa1024.pub")).marshal(), release.CodeKeyWeak},
		"RSA of 4097 bits":         {anyCertificate(rsaSPKI(t, 4097, 65537, false)).marshal(), release.CodeKeyWeak},
		"RSA with exponent 3":      {anyCertificate(derOf(t, "rsae3.pub")).marshal(), release.CodeKeyWeak},
		"Ed25519 of small order":   {anyCertificate(slices.Concat(derOf(t, "ed25519.pub")[:12], []byte{1}, make([]byte, 31))).marshal(), release.CodeKeyWeak},
	} {
		_, err := release.ParseKey(release.FormatX509, c.der)
		if release.CodeOf(err) != c.code {
			t.Errorf("%s: got %v, want %s", name, err, c.code)
		}
		if _, err := (release.Key{Format: release.FormatX509, Public: c.der}).SPKI(); release.CodeOf(err) != c.code {
			t.Errorf("%s: SPKI: got %v, want %s", name, err, c.code)
		}
	}
	if whole[1] >= 0x80 {
		t.Errorf("the certificate's length takes more than a byte, %#x: the cases above are made for one", whole[1])
	}
}

// TestCertificatesInRolesCountByTheirKey: a key and two certificates of it are one of
// a role's threshold.
func TestCertificatesInRolesCountByTheirKey(t *testing.T) {
	root, plain := releasetest.KeyFromName("root1").Key(), releasetest.KeyFromName("wd").Key()
	first, second := anyCertificate(plain.Public), anyCertificate(plain.Public)
	second.serial = element(asn1.INTEGER, 2)
	authority := &release.Authority{Version: 1, Issued: time.Unix(0, 0).UTC(), Origin: "log.example/acme", Expires: time.Unix(1000, 0).UTC(),
		Keys:   map[release.KeyID]release.Key{root.ID(): root},
		Limits: release.Limits{PublishWithinDays: 30, ReleaseDays: 90},
		Roles:  []release.Role{{Name: release.RoleRoot, Keys: []release.KeyID{root.ID()}, Threshold: 1}, {Name: release.RoleWithdraw}}}
	withdraw := &authority.Roles[1]
	for _, key := range []release.Key{plain, {Format: release.FormatX509, Public: first.marshal()}, {Format: release.FormatX509, Public: second.marshal()}} {
		authority.Keys[key.ID()] = key
		withdraw.Keys = append(withdraw.Keys, key.ID())
	}
	slices.SortFunc(withdraw.Keys, release.KeyID.Compare)
	withdraw.Threshold = 1
	if _, err := release.NewAuthority(authority); err != nil || len(withdraw.Keys) != 3 {
		t.Errorf("%d keys: %v", len(withdraw.Keys), err)
	}
	withdraw.Threshold = 2
	_, err := release.NewAuthority(authority)
	wantCode(t, err, release.CodeThreshold)
}
