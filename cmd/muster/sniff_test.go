package main

import (
	"os"
	"testing"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/releasetest"
)

// TestSniff: each kind of file is told from all others; what is none is not
// guessed at.
func TestSniff(t *testing.T) {
	l := newTestLog(t)
	bundle, err := l.bundleOf(t).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	measurement, err := os.ReadFile("testdata/measurement/llama.json")
	if err != nil {
		t.Fatal(err)
	}
	key := releasetest.KeyFromName("ci")
	private, err := key.MarshalPEM()
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.Key().MarshalPEM()
	if err != nil {
		t.Fatal(err)
	}
	for want, data := range map[string][]byte{
		"a proof bundle":      bundle,
		"a measurement":       measurement,
		"a private key":       private,
		"a public key":        public,
		"an authority draft":  l.Entry(0),
		"an image draft":      l.Entry(1),
		"a release draft":     l.Entry(3),
		"a policy":            l.policy.Marshal(),
		"requirements":        []byte(l.requirements(t)),
		"a signature file":    detached{Sig: []byte{1}}.marshal(),
		"an authority's plan": []byte(`{"origin": "x", "roles": []}`),
		"a node's answer":     []byte(`{"batch":{},"bundle":"","certificates":[],"evidence":{},"profile":"x"}`),
		"evidence":            []byte(`{"kind":"prefix","origin":"x"}`),
		"an envelope":         []byte(`{"payload":"e30=","payloadType":"x","signatures":[]}`),
		"a checkpoint":        l.Checkpoint(4).Marshal(),
		"an entry's proof":    []byte("c2sp.org/tlog-proof@v1\nindex 1\n"),

		"an SSH signature":            []byte("-----BEGIN SSH SIGNATURE-----\n"),
		"an OpenPGP signature":        []byte("-----BEGIN PGP SIGNATURE-----\n"),
		"a certificate":               []byte("-----BEGIN CERTIFICATE-----\n"),
		"a minisign signature":        []byte("untrusted comment: x\nRUQ\ntrusted comment: y\nx\n"),
		"what pae writes, not signed": release.PAE([]byte("payload")),
	} {
		if got := sniff(data); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for _, data := range []string{"ssh-ed25519 AAAA", "ecdsa-sha2-nistp256 AAAA", "sk-ssh-ed25519@openssh.com AAAA", "untrusted comment: x\nRWQ\n"} {
		if got := sniff([]byte(data)); got != "a public key" {
			t.Errorf("%q: got %q, want a public key", data, got)
		}
	}
	for _, data := range []string{"", "hello", "{}", "[1]", `"log"`, "logs of wood"} {
		if got := sniff([]byte(data)); got != "" {
			t.Errorf("%q: got %q, want nothing", data, got)
		}
	}
}
