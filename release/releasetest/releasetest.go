// Package releasetest makes keys and signed envelopes for tests. Its keys are
// Ed25519 and made of their names, so anyone can make them: never trust one.
package releasetest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"sync"
	"testing"

	"github.com/muster-log/muster/release"
)

// keys holds the keys made so far by name: tests sign thousands of entries with a few.
var keys sync.Map

// KeyFromName returns the Ed25519 key whose seed is the SHA-256 of the name.
func KeyFromName(name string) *release.PrivateKey {
	if key, ok := keys.Load(name); ok {
		return key.(*release.PrivateKey)
	}
	seed := sha256.Sum256([]byte(name))
	der, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		panic("releasetest: an Ed25519 key that does not marshal: " + err.Error())
	}
	key, err := release.ParsePrivateKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if err != nil {
		panic("releasetest: the key of " + name + " does not parse: " + err.Error())
	}
	keys.Store(name, key)
	return key
}

// Sign returns the entry that holds payload, signed by the named keys.
func Sign(tb testing.TB, payload []byte, names ...string) []byte {
	tb.Helper()
	envelope := release.Envelope{Payload: payload}
	for _, name := range names {
		signature, err := KeyFromName(name).Sign(payload)
		if err != nil {
			tb.Fatalf("sign with %s: %v", name, err)
		}
		if err := envelope.Add(signature); err != nil {
			tb.Fatalf("add the signature of %s: %v", name, err)
		}
	}
	entry, err := envelope.Marshal()
	if err != nil {
		tb.Fatalf("marshal the envelope: %v", err)
	}
	return entry
}

// SignStatement marshals a statement and signs it; it returns the entry and its payload digest.
func SignStatement(tb testing.TB, statement *release.Statement, names ...string) ([]byte, release.Digest) {
	tb.Helper()
	payload, err := statement.Marshal()
	if err != nil {
		tb.Fatalf("marshal the statement: %v", err)
	}
	return Sign(tb, payload, names...), sha256.Sum256(payload)
}
