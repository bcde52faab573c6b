package releasetest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"testing"

	"github.com/muster-log/muster/release"
)

// SSHKeyFromName returns the key of KeyFromName in the format ssh.
func SSHKeyFromName(name string) release.Key {
	seed := sha256.Sum256([]byte(name))
	public := ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey)
	return release.Key{Format: release.FormatSSH, Public: sshStrings([]byte("ssh-ed25519"), public)}
}

// SignSSH signs PAE(payload) with the key of SSHKeyFromName, as ssh-keygen -Y sign
// -n file does.
func SignSSH(tb testing.TB, payload []byte, name string) release.Signature {
	tb.Helper()
	key := SSHKeyFromName(name)
	seed, sum := sha256.Sum256([]byte(name)), sha512.Sum512(release.PAE(payload))
	inner := ed25519.Sign(ed25519.NewKeyFromSeed(seed[:]), append([]byte("SSHSIG"), sshStrings([]byte("file"), nil, []byte("sha512"), sum[:])...))
	blob := append([]byte("SSHSIG\x00\x00\x00\x01"), sshStrings(key.Public, []byte("file"), nil, []byte("sha512"), sshStrings([]byte("ssh-ed25519"), inner))...)
	if err := key.Verify(payload, blob); err != nil {
		tb.Fatalf("sign with the SSH key %s: %v", name, err)
	}
	return release.Signature{KeyID: key.ID(), Sig: blob}
}

// sshStrings joins strings in the wire encoding of RFC 4251, section 5.
func sshStrings(fields ...[]byte) []byte {
	var out []byte
	for _, field := range fields {
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(field))), field...)
	}
	return out
}
