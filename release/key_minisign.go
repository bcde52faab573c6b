package release

import (
	"crypto/ed25519"
	"fmt"

	"golang.org/x/crypto/blake2b"
)

// The sizes of minisign's binary forms (jedisct1.github.io/minisign), in bytes:
// both begin with two bytes of algorithm and eight of minisign's own key id.
const (
	headMinisign      = 2 + 8
	publicMinisign    = headMinisign + ed25519.PublicKeySize
	signatureMinisign = headMinisign + ed25519.SignatureSize
)

// The algorithms at the head of minisign's keys and signatures.
const (
	algorithmMinisign          = "Ed" // of every key, and of signatures over the message itself
	algorithmMinisignPrehashed = "ED" // of signatures over the message's BLAKE2b-512
)

// publicKeyMinisign is a minisign public key in its parts.
type publicKeyMinisign struct {
	id  string // minisign's own, which its signatures repeat; it means nothing else here
	raw []byte // the Ed25519 key
}

// parsePublicMinisign reads the 42 bytes of a minisign public key and checks the key in it.
func parsePublicMinisign(public []byte) (publicKeyMinisign, error) {
	if len(public) != publicMinisign || string(public[:2]) != algorithmMinisign {
		return publicKeyMinisign{}, Refuse(CodeKey, "", fmt.Sprintf("%d bytes", len(public)), "the 42 bytes of a minisign public key: Ed, key id, Ed25519 key")
	}
	key := publicKeyMinisign{id: string(public[2:headMinisign]), raw: public[headMinisign:]}
	if err := checkEd25519(key.raw); err != nil {
		return publicKeyMinisign{}, err
	}
	return key, nil
}

// verifyMinisign verifies the 74 bytes of a signature line: the algorithm, the
// key id of the key, and an Ed25519 signature over the message (Ed) or over its
// BLAKE2b-512 (ED). The trusted comment of a signature file is no part of it.
func verifyMinisign(k Key, message, sig []byte) error {
	public, err := parsePublicMinisign(k.Public)
	if err != nil {
		return err
	}
	if len(sig) != signatureMinisign {
		return k.refuseSignature(fmt.Sprintf("%d bytes, a signature line has %d", len(sig), signatureMinisign))
	}
	switch algorithm := string(sig[:2]); algorithm {
	case algorithmMinisign:
	case algorithmMinisignPrehashed:
		sum := blake2b.Sum512(message)
		message = sum[:]
	default:
		return k.refuseSignature(fmt.Sprintf("algorithm %q, neither Ed nor ED", algorithm))
	}
	if id := string(sig[2:headMinisign]); id != public.id {
		return k.refuseSignature(fmt.Sprintf("minisign key id %s, the key's is %s", idMinisign(id), idMinisign(public.id)))
	}
	if !ed25519.Verify(public.raw, message, sig[headMinisign:]) {
		return k.refuseSignature("one that does not hold")
	}
	return nil
}

// idMinisign writes a key id as minisign does: a little-endian number in hexadecimal.
func idMinisign(id string) string {
	reversed := []byte(id)
	for i, j := 0, len(reversed)-1; i < j; i, j = i+1, j-1 {
		reversed[i], reversed[j] = reversed[j], reversed[i]
	}
	return fmt.Sprintf("%X", reversed)
}
