package release_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/muster-log/muster/release"
)

// BenchmarkVerifyOfPrograms: signatures of ssh-keygen and minisign; those of the
// formats of our own are in BenchmarkVerify.
func BenchmarkVerifyOfPrograms(b *testing.B) {
	payload := make([]byte, 1024)
	verify := func(name string, key release.Key, sig []byte) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := key.Verify(payload, sig); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for _, keyType := range slices.Sorted(maps.Keys(sshKeys)) {
		signer := newSignerSSH(b, keyType)
		verify(keyType, signer.key(b), signer.sign(b, release.PAE(payload)))
	}
	key, sign := signerMinisign(b, "root1")
	verify("minisign", key, sign("ED", release.PAE(payload)))
}
