// Package releasetest makes keys and signed envelopes for tests. Its keys are
// Ed25519 and made of their names, so anyone can make them: never trust one.
package releasetest

import (
	"testing"

	"github.com/muster-log/muster/release"
)

// KeyFromName returns the Ed25519 key whose seed is the SHA-256 of the name.
func KeyFromName(name string) *release.PrivateKey { return nil }

// Sign returns the entry that holds payload, signed by the named keys.
func Sign(tb testing.TB, payload []byte, names ...string) []byte { return nil }

// SignStatement marshals a statement and signs it; it returns the entry and its payload digest.
func SignStatement(tb testing.TB, statement *release.Statement, names ...string) ([]byte, release.Digest) {
	return nil, release.Digest{}
}
