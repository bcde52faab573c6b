package foreign_test

import (
	"crypto/rand"
	"crypto/rsa"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/foreign"
)

func BenchmarkVerify(b *testing.B) {
	signer, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	certified, err := foreign.ParseCertificate(certificate(b, signer))
	if err != nil {
		b.Fatal(err)
	}
	eddsa, rsaEntity := newEntity(b, packet.PubKeyAlgoEdDSA), newEntity(b, packet.PubKeyAlgoRSA)
	for _, c := range []struct {
		name string
		key  release.Key
		sig  []byte
	}{
		{"x509-rsa", certified, signX509(b, signer, release.PAE(payload))},
		{"openpgp-ed25519", openPGPKey(b, eddsa), signOpenPGP(b, eddsa, made)},
		{"openpgp-rsa", openPGPKey(b, rsaEntity), signOpenPGP(b, rsaEntity, made)},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if err := foreign.Verify(c.key, payload, c.sig); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
