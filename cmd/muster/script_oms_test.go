package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/modelsigning/modelsigningtest"
)

// scriptOMS signs the files of a directory as Model Signing does, but for those
// that are ignored: with the key NAME.key, which it makes if it is not there, and
// whose public half is NAME.pub. BUNDLE names the key; BUNDLE.certified has a
// certificate of it under NAME.root.
func scriptOMS(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: oms NAME BUNDLE DIR [IGNORED...]")
	}
	tb := scriptTB{ts: ts}
	name, bundle, dir, ignored := ts.MkAbs(args[0]), ts.MkAbs(args[1]), ts.MkAbs(args[2]), args[3:]
	der, err := os.ReadFile(name + ".key")
	if err != nil {
		made, public := modelsigningtest.Key(tb, elliptic.P384())
		der, err = x509.MarshalECPrivateKey(made)
		ts.Check(err)
		ts.Check(os.WriteFile(name+".key", der, 0o600))
		ts.Check(os.WriteFile(name+".pub", public, 0o644))
	}
	key, err := x509.ParseECPrivateKey(der)
	ts.Check(err)

	var files []release.Resource
	ts.Check(filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		within, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if slices.Contains(ignored, within) && entry.IsDir() {
			return fs.SkipDir
		}
		if slices.Contains(ignored, within) || entry.IsDir() {
			return nil
		}
		data, err := os.ReadFile(path)
		files = append(files, release.Resource{Name: within, Digest: sha256.Sum256(data)})
		return err
	}))
	slices.SortFunc(files, func(a, b release.Resource) int { return release.CompareResourceNames(a.Name, b.Name) })
	payload := modelsigningtest.Marshal(tb, modelsigningtest.Statement(filepath.Base(dir), ignored, files...))
	write := func(path string, material modelsigningtest.Object) {
		ts.Check(os.WriteFile(path, modelsigningtest.Marshal(tb, modelsigningtest.Bundle(tb, key, payload, material)), 0o644))
	}
	write(bundle, nil)
	root, signer := certify(ts, key)
	ts.Check(os.WriteFile(name+".root", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root}), 0o644))
	write(bundle+".certified", modelsigningtest.Chain(signer))
}

// certify makes a root certificate, and one of the key under it.
func certify(ts *testscript.TestScript, key *ecdsa.PrivateKey) (root, signer []byte) {
	rootKey, _ := modelsigningtest.Key(scriptTB{ts: ts}, elliptic.P256())
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Acme root"}, NotBefore: from, NotAfter: from.AddDate(9, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	root, err := x509.CreateCertificate(rand.Reader, template, template, rootKey.Public(), rootKey)
	ts.Check(err)
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Acme models"}, NotBefore: from, NotAfter: from.AddDate(1, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature}
	signer, err = x509.CreateCertificate(rand.Reader, leaf, template, key.Public(), rootKey)
	ts.Check(err)
	return root, signer
}

// scriptManyFiles makes a directory of more files than an entry lists.
func scriptManyFiles(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: many-files DIR")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	for i := range 513 {
		name := "shard-" + string([]byte{'0' + byte(i/100), '0' + byte(i/10%10), '0' + byte(i%10)})
		ts.Check(os.WriteFile(filepath.Join(dir, name), []byte(name), 0o644))
	}
}
