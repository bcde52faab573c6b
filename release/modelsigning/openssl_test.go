//go:build system

package modelsigning

import (
	"crypto/elliptic"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/modelsigning/modelsigningtest"
)

// TestOpenSSL: keys, certificates and signatures that OpenSSL makes, as the guides
// of Model Signing have people make them.
func TestOpenSSL(t *testing.T) {
	dir := t.TempDir()
	run := func(line string) {
		t.Helper()
		command := exec.Command("openssl", strings.Fields(line)...)
		command.Dir = dir
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("openssl %s: %v\n%s", line, err, out)
		}
	}
	read := func(name string) []byte {
		t.Helper()
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	payload := modelsigningtest.Marshal(t, modelsigningtest.Statement("llama", nil, modelFiles()...))
	if err := os.WriteFile(filepath.Join(dir, "pae"), release.PAE(payload), 0o600); err != nil {
		t.Fatal(err)
	}
	bundleOf := func(material object, signature []byte) []byte {
		throwAway, _ := modelsigningtest.Key(t, elliptic.P256())
		bundle := modelsigningtest.Bundle(t, throwAway, payload, material)
		dig(bundle, "dsseEnvelope")["signatures"] = []any{object{"sig": base64.StdEncoding.EncodeToString(signature)}}
		return modelsigningtest.Marshal(t, bundle)
	}
	for curve, hash := range map[string]string{"prime256v1": "sha256", "secp384r1": "sha384", "secp521r1": "sha512"} {
		run("ecparam -name " + curve + " -genkey -noout -out key.pem")
		run("ec -in key.pem -pubout -out key.pub")
		run("dgst -" + hash + " -sign key.pem -out sig pae")
		if _, err := Verify(bundleOf(nil, read("sig")), trustOf(t, read("key.pub"))); err != nil {
			t.Errorf("%s: %v", curve, err)
		}
		run("req -x509 -newkey rsa:2048 -nodes -keyout root.key -out root.pem -days 2 -subj /CN=root")
		if err := os.WriteFile(filepath.Join(dir, "leaf.ext"), []byte("keyUsage=critical,digitalSignature\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		run("req -new -key key.pem -subj /CN=signer -out leaf.csr")
		run("x509 -req -in leaf.csr -CA root.pem -CAkey root.key -set_serial 2 -days 1 -extfile leaf.ext -outform DER -out leaf.der")
		trust, err := ParseRoots(read("root.pem"))
		if err != nil {
			t.Fatal(err)
		}
		manifest, err := Verify(bundleOf(modelsigningtest.Chain(read("leaf.der")), read("sig")), trust)
		if err != nil {
			t.Errorf("%s, certificate: %v", curve, err)
		} else if name := manifest.Signer.Name(); name != `"CN=signer"` {
			t.Errorf("got signer %s", name)
		}
	}
}
