package main

import (
	"os"
	"testing"

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
		"an envelope":         []byte(`{"payload":"e30=","payloadType":"x","signatures":[]}`),
		"a checkpoint":        l.Checkpoint(4).Marshal(),
		"an entry's proof":    []byte("c2sp.org/tlog-proof@v1\nindex 1\n"),
	} {
		if got := sniff(data); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for _, data := range []string{"", "hello", "{}", "[1]", `"log"`, "logs of wood"} {
		if got := sniff([]byte(data)); got != "" {
			t.Errorf("%q: got %q, want nothing", data, got)
		}
	}
}
