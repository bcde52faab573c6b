package modelsigning

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/muster-log/muster/release/modelsigning/modelsigningtest"
)

// certified makes a certificate under parent; nil: under itself.
func certified(tb testing.TB, template *x509.Certificate, public crypto.PublicKey, parent *x509.Certificate, parentKey crypto.Signer) *x509.Certificate {
	tb.Helper()
	template.SerialNumber = big.NewInt(1)
	if template.NotBefore.IsZero() {
		template.NotBefore = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
		template.NotAfter = template.NotBefore.AddDate(1, 0, 0) // long over
	}
	template.BasicConstraintsValid = true
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, parentKey)
	if err != nil {
		tb.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return made
}

func pemOf(certificates ...*x509.Certificate) (text []byte) {
	for _, c := range certificates {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return text
}

func authority(name string) *x509.Certificate {
	return &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, KeyUsage: x509.KeyUsageCertSign}
}

func TestCertificates(t *testing.T) {
	rootKey, _ := modelsigningtest.Key(t, elliptic.P256())
	betweenKey, _ := modelsigningtest.Key(t, elliptic.P256())
	key, public := modelsigningtest.Key(t, elliptic.P384())
	root := certified(t, authority("root"), rootKey.Public(), nil, rootKey)
	between := certified(t, authority("between"), betweenKey.Public(), root, rootKey)
	otherRoot := certified(t, authority("root"), betweenKey.Public(), nil, betweenKey)
	signer := func(change func(*x509.Certificate), public crypto.PublicKey) *x509.Certificate {
		template := &x509.Certificate{Subject: pkix.Name{CommonName: "Model team"}, KeyUsage: x509.KeyUsageDigitalSignature}
		if change != nil {
			change(template)
		}
		return certified(t, template, public, between, betweenKey)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	smallKey, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := signer(nil, key.Public())
	logged := modelsigningtest.Chain(good.Raw, between.Raw)
	logged["tlogEntries"] = []any{object{"logIndex": "1"}}
	fulcioIssuer := pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 8}, Value: []byte{12, 1, 'x'}}
	payload := modelsigningtest.Marshal(t, modelsigningtest.Statement("llama", nil, modelFiles()...))
	for name, c := range map[string]struct {
		material object
		roots    *x509.Certificate // nil: the public key is given instead
		code     Code
		text     string
	}{
		"a chain":               {modelsigningtest.Chain(good.Raw, between.Raw), root, "", ""},
		"with its root":         {modelsigningtest.Chain(good.Raw, between.Raw, root.Raw), root, "", ""},
		"up to the one between": {modelsigningtest.Chain(good.Raw), between, "", ""},
		"one certificate":       {object{"certificate": object{"rawBytes": base64.StdEncoding.EncodeToString(good.Raw)}}, between, "", ""},
		"for code signing": {modelsigningtest.Chain(signer(func(c *x509.Certificate) {
			c.KeyUsage, c.ExtKeyUsage = 0, []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}
		}, key.Public()).Raw, between.Raw), root, "", ""},
		"another root":          {modelsigningtest.Chain(good.Raw, between.Raw), otherRoot, CodeCertificate, "Model team"},
		"its own root":          {modelsigningtest.Chain(good.Raw, between.Raw, otherRoot.Raw), otherRoot, CodeCertificate, "Model team"},
		"one missing":           {modelsigningtest.Chain(good.Raw), root, CodeCertificate, "unknown authority"},
		"not for signing":       {modelsigningtest.Chain(signer(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }, key.Public()).Raw, between.Raw), root, CodeCertificate, "is not for signing"},
		"before its authority":  {modelsigningtest.Chain(signer(func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Unix(1, 0), time.Unix(1e9, 0) }, key.Public()).Raw, between.Raw), root, CodeCertificate, "not yet valid"},
		"an RSA key":            {modelsigningtest.Chain(signer(nil, rsaKey.Public()).Raw, between.Raw), root, CodeCertificate, "rsa.PublicKey"},
		"a small curve":         {modelsigningtest.Chain(signer(nil, smallKey.Public()).Raw, between.Raw), root, CodeCertificate, "P-224"},
		"another key":           {modelsigningtest.Chain(between.Raw), root, CodeCertificate, "is not for signing"},
		"somebody else's":       {modelsigningtest.Chain(signer(nil, betweenKey.Public()).Raw, between.Raw), root, CodeSignature, "did not make"},
		"no root given":         {modelsigningtest.Chain(good.Raw, between.Raw), nil, CodeMaterial, `the certificate of "CN=Model team", and no root is given`},
		"no certificate":        {modelsigningtest.Chain(), root, CodeForm, "got 0 certificates"},
		"no DER":                {modelsigningtest.Chain([]byte("x")), root, CodeCertificate, "certificates[0].rawBytes"},
		"in a transparency log": {logged, root, CodeKeyless, `a keyless signature of "CN=Model team"`},
		"of an identity": {modelsigningtest.Chain(signer(func(c *x509.Certificate) {
			c.EmailAddresses, c.ExtraExtensions = []string{"ana@example.com"}, []pkix.Extension{fulcioIssuer}
		}, key.Public()).Raw, between.Raw), root, CodeKeyless, "ana@example.com"},
		"of an identity, by key": {modelsigningtest.Chain(signer(func(c *x509.Certificate) { c.ExtraExtensions = []pkix.Extension{fulcioIssuer} }, key.Public()).Raw, between.Raw), nil, CodeKeyless, "keyless"},
		"a key, no certificate":  {nil, root, CodeMaterial, "signed with a key"},
	} {
		trust := trustOf(t, public)
		if c.roots != nil {
			if trust, err = ParseRoots(pemOf(c.roots)); err != nil {
				t.Fatal(err)
			}
		}
		manifest, err := Verify(modelsigningtest.Marshal(t, modelsigningtest.Bundle(t, key, payload, c.material)), trust)
		if c.code != "" {
			wantCode(t, name, err, c.code, c.text)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if s := manifest.Signer; s.Certificate == nil || s.Curve != "P-384" || s.Name() == "" {
			t.Errorf("%s: got signer %+v", name, s)
		}
	}
}

func TestTrust(t *testing.T) {
	key, public := modelsigningtest.Key(t, elliptic.P256())
	root := pemOf(certified(t, authority("root"), key.Public(), nil, key))
	small, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	large := bytes.Repeat([]byte("x"), MaxTrust+1)
	for name, c := range map[string]struct {
		text  []byte
		roots bool
		code  Code
		want  string
	}{
		"no key":             {nil, false, CodeKey, "no PEM block"},
		"a certificate":      {root, false, CodeKey, "CERTIFICATE"},
		"two keys":           {bytes.Repeat(public, 2), false, CodeKey, "follows"},
		"a damaged key":      {pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")}), false, CodeKey, "public key"},
		"a small curve":      {modelsigningtest.PublicKey(t, small), false, CodeKey, "P-224"},
		"a large key":        {large, false, CodeSize, "more than"},
		"no root":            {nil, true, CodeKey, "no PEM block"},
		"a key for a root":   {public, true, CodeKey, "PUBLIC KEY"},
		"a root and a key":   {append(bytes.Clone(root), public...), true, CodeKey, "PEM block 2"},
		"a damaged root":     {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}), true, CodeKey, "certificate 1"},
		"many roots":         {bytes.Repeat(root, maxRoots+1), true, CodeKey, "at most 256"},
		"a large file":       {large, true, CodeSize, "more than"},
		"a key with a space": {append(bytes.Clone(public), "\n \n"...), false, "", ""},
	} {
		parse := ParsePublicKey
		if c.roots {
			parse = ParseRoots
		}
		_, err := parse(c.text)
		if c.code == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		wantCode(t, name, err, c.code, c.want)
	}
}
