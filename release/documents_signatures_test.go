package release_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"testing"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/releasetest"
)

// TestSignaturesDocument: the examples of keys.md in the formats of other programs,
// all with the key of root1 over the payload hello.
func TestSignaturesDocument(t *testing.T) {
	text := document(t, "keys.md")
	encode := base64.StdEncoding.EncodeToString
	payload := []byte("hello")

	ssh := releasetest.SSHKeyFromName("root1")
	wantBlock(t, text, "ssh-ed25519 "+encode(ssh.Public))
	wantBlock(t, text, ssh.ID().String())
	wantBlock(t, text, encode(releasetest.SignSSH(t, payload, "root1").Sig))

	seed := sha256.Sum256([]byte("root1"))
	sk := newSignerSSH(t, "sk-ssh-ed25519@openssh.com")
	sk.private, sk.counter = ed25519.NewKeyFromSeed(seed[:]), 7
	sk.public = sk.blob(t)
	wantBlock(t, text, "sk-ssh-ed25519@openssh.com "+encode(sk.public))
	sig := sk.sign(t, release.PAE(payload))
	if err := sk.key(t).Verify(payload, sig); err != nil {
		t.Error(err)
	}
	wantBlock(t, text, encode(sig))

	minisign, sign := signerMinisign(t, "root1")
	wantBlock(t, text, encode(minisign.Public))
	wantBlock(t, text, minisign.ID().String())
	for _, algorithm := range []string{"ED", "Ed"} {
		sig := sign(algorithm, release.PAE(payload))
		if err := minisign.Verify(payload, sig); err != nil {
			t.Error(err)
		}
		wantBlock(t, text, encode(sig))
	}
}
