package release

import (
	"crypto/ed25519"
	"fmt"
)

// spkiOfMinisign reads a minisign public key (jedisct1.github.io/minisign): "Ed",
// 8 bytes of minisign's own key id, which mean nothing here, and an Ed25519 key.
// It returns the key's SubjectPublicKeyInfo.
func spkiOfMinisign(public []byte) ([]byte, error) {
	const head = len("Ed") + 8
	if len(public) != head+ed25519.PublicKeySize || string(public[:2]) != "Ed" {
		return nil, Refuse(CodeKey, "", fmt.Sprintf("%d bytes", len(public)), "the 42 bytes of a minisign public key: Ed, key id, Ed25519 key")
	}
	if err := checkEd25519(public[head:]); err != nil {
		return nil, err
	}
	return spkiOfEd25519(public[head:]), nil
}
