package foreign

import (
	"bytes"
	"crypto"
	stdecdsa "crypto/ecdsa"
	stded25519 "crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/ecdsa"
	"github.com/ProtonMail/go-crypto/openpgp/ed25519"
	"github.com/ProtonMail/go-crypto/openpgp/eddsa"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/sigstore/rekor/pkg/pki/pgp"

	"github.com/muster-log/muster/release"
)

const (
	// maxSubkeys bounds the signing subkeys of a key.
	maxSubkeys = 4
	// maxPackets bounds the packets of a key file: one with many signatures of others
	// is exported without them.
	maxPackets = 512
)

// hashesOpenPGP are those that a signature may be over.
var hashesOpenPGP = []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512}

// ParseOpenPGPKey reads a file of one OpenPGP public key, armoured or binary, as
// gpg --export writes it, and keeps of it what a signature is judged by, which are
// the key's bytes: the primary key; its primary user id, else its first, with the
// newest self-signature; and every subkey that signs, with its newest binding
// signature. Each is a packet with a header of the new format (RFC 9580, section
// 4.2.1) and a length in its shortest form.
func ParseOpenPGPKey(data []byte) (key release.Key, err error) {
	defer refusePanic(&err, release.CodeKey)
	if len(data) > maxFile {
		return release.Key{}, refuseKey(fmt.Sprintf("%d bytes", len(data)),
			fmt.Sprintf("an OpenPGP key of at most %d bytes; leave out the signatures of others: gpg --export-options export-minimal --export", maxFile), nil)
	}
	binary, err := withoutArmour(data, openpgp.PublicKeyType)
	if err != nil {
		return release.Key{}, refuseKey("", "one OpenPGP public key, and nothing else", err)
	}
	public, err := reduce(binary)
	if err != nil {
		return release.Key{}, err
	}
	key = release.Key{Format: release.FormatOpenPGP, Public: public}
	return key, Check(key)
}

// withoutArmour returns the bytes in an armoured file of one block of the type, and
// those of a binary file as they are.
func withoutArmour(data []byte, blockType string) ([]byte, error) {
	text := bytes.TrimSpace(data)
	if !bytes.HasPrefix(text, []byte("-----BEGIN ")) {
		return data, nil
	}
	if n := bytes.Count(text, []byte("-----BEGIN ")); n != 1 {
		return nil, fmt.Errorf("%d armoured blocks", n)
	}
	block, err := armor.Decode(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	if block.Type != blockType {
		return nil, fmt.Errorf("a block of type %q, want %q", block.Type, blockType)
	}
	return io.ReadAll(block.Body)
}

// part is a key or user id of an OpenPGP key, and the signature kept for it.
type part struct {
	packet interface{ Serialize(io.Writer) error }
	sig    *packet.Signature
}

// transferable are the parts of one OpenPGP key, as far as they are kept.
type transferable struct {
	primary *packet.PublicKey
	users   []part
	subkeys []part
	revoked map[any]bool // user ids and subkeys that their owner took back
}

// reduce reads the packets of one OpenPGP key and writes those that are kept.
func reduce(binary []byte) ([]byte, error) {
	read, err := readTransferable(binary)
	if err != nil {
		return nil, err
	}
	users := slices.DeleteFunc(read.users, func(u part) bool { return u.sig == nil || read.revoked[u.packet] })
	if len(users) == 0 {
		return nil, refuseKey("", "an OpenPGP key with a user id that it signs itself", nil)
	}
	user := users[0]
	for _, other := range users {
		if primary := other.sig.IsPrimaryId; primary != nil && *primary {
			user = other
			break
		}
	}
	parts := []part{{packet: read.primary}, user}
	for _, subkey := range read.subkeys {
		if subkey.sig != nil && subkey.sig.FlagsValid && subkey.sig.FlagSign && !read.revoked[subkey.packet] {
			parts = append(parts, subkey)
		}
	}
	signs := user.sig.FlagsValid && user.sig.FlagSign
	if n := len(parts) - 2; !signs && n == 0 || n > maxSubkeys {
		return nil, refuseKey(fmt.Sprintf("%d subkeys that sign", n), fmt.Sprintf("an OpenPGP key that signs, itself or by at most %d subkeys", maxSubkeys), nil)
	}
	var out bytes.Buffer
	for _, kept := range parts {
		if key, ok := kept.packet.(*packet.PublicKey); ok {
			if _, err := standardKey(key); err != nil {
				return nil, err
			}
		}
		if err := kept.packet.Serialize(&out); err != nil {
			return nil, refuseKey("", "an OpenPGP key that can be written", err)
		}
		if kept.sig == nil {
			continue
		}
		if !slices.Contains(hashesOpenPGP, kept.sig.Hash) {
			return nil, refuseKey("a self-signature over "+kept.sig.Hash.String(), "self-signatures over SHA-256, SHA-384 or SHA-512: renew them, as with gpg --quick-set-expire", nil)
		}
		if err := kept.sig.Serialize(&out); err != nil {
			return nil, refuseKey("", "an OpenPGP key that can be written", err)
		}
	}
	return out.Bytes(), nil
}

// readTransferable reads the packets of one key. It passes over signatures by
// others, user attributes, and packets that nobody knows.
func readTransferable(binary []byte) (*transferable, error) {
	packets := packet.NewReader(bytes.NewReader(binary))
	read := &transferable{revoked: map[any]bool{}}
	var of *part // what the signatures that follow are of
	for range maxPackets {
		next, err := packets.Next()
		switch {
		case errors.Is(err, io.EOF):
			if read.primary == nil {
				return nil, refuseKey("no key", "one OpenPGP public key", nil)
			}
			return read, nil
		case err != nil:
			return nil, refuseKey("", "the packets of one OpenPGP public key", err)
		}
		switch p := next.(type) {
		case *packet.PrivateKey:
			return nil, refuseKey("a secret key", "an OpenPGP public key: export it with gpg --export", nil)
		case *packet.PublicKey:
			switch {
			case p.IsSubkey && read.primary != nil:
				read.subkeys = append(read.subkeys, part{packet: p})
				of = &read.subkeys[len(read.subkeys)-1]
			case !p.IsSubkey && read.primary == nil:
				read.primary, of = p, nil
			default:
				return nil, refuseKey("several keys", "one OpenPGP public key: name it to gpg --export", nil)
			}
		case *packet.UserId:
			read.users = append(read.users, part{packet: p})
			of = &read.users[len(read.users)-1]
		case *packet.Signature:
			if err := read.keep(of, p); err != nil {
				return nil, err
			}
		case *packet.UserAttribute:
			of = nil
		default:
			return nil, refuseKey(fmt.Sprintf("a packet %T", next), "the packets of one OpenPGP public key", nil)
		}
	}
	return nil, refuseKey("", fmt.Sprintf("an OpenPGP key of at most %d packets; leave out the signatures of others: gpg --export-options export-minimal --export", maxPackets), nil)
}

// keep takes a signature by the key itself for what it is of: the newest of its kind.
func (t *transferable) keep(of *part, sig *packet.Signature) error {
	if t.primary == nil {
		return refuseKey("a signature before any key", "one OpenPGP public key", nil)
	}
	if sig.SigType == packet.SigTypeKeyRevocation {
		return refuseKey("a key that its owner revoked", "a key that is in use", nil)
	}
	if of == nil || !sig.CheckKeyIdOrFingerprint(t.primary) {
		return nil
	}
	switch sig.SigType {
	case packet.SigTypeCertificationRevocation, packet.SigTypeSubkeyRevocation:
		t.revoked[of.packet] = true
	case packet.SigTypeGenericCert, packet.SigTypePersonaCert, packet.SigTypeCasualCert, packet.SigTypePositiveCert, packet.SigTypeSubkeyBinding:
		if of.sig == nil || sig.CreationTime.After(of.sig.CreationTime) {
			of.sig = sig
		}
	}
	return nil
}

// curves are those of ECDSA keys by what the library calls them.
var curves = map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384()}

// standardKey returns one key in the format of its SubjectPublicKeyInfo, held to the
// rules that package release has for its kind.
func standardKey(key *packet.PublicKey) (release.Key, error) {
	const want = "an OpenPGP key of version 4 that is RSA, Ed25519, ECDSA P-256 or ECDSA P-384"
	if key.Version != 4 {
		return release.Key{}, refuseKey(fmt.Sprintf("a key of version %d", key.Version), want, nil)
	}
	var standard any
	switch public := key.PublicKey.(type) {
	case *rsa.PublicKey:
		standard = public
	case *ed25519.PublicKey:
		standard = stded25519.PublicKey(public.Point)
	case *eddsa.PublicKey:
		if len(public.X) != stded25519.PublicKeySize {
			return release.Key{}, refuseKey("a key of curve "+public.GetCurve().GetCurveName(), want, nil)
		}
		standard = stded25519.PublicKey(public.X)
	case *ecdsa.PublicKey:
		name := public.GetCurve().GetCurveName()
		curve, known := curves[name]
		if !known {
			return release.Key{}, refuseKey("a key of curve "+name, want, nil)
		}
		point, err := stdecdsa.ParseUncompressedPublicKey(curve, public.MarshalPoint())
		if err != nil {
			return release.Key{}, refuseKey("", want, err)
		}
		standard = point
	default:
		return release.Key{}, refuseKey(fmt.Sprintf("a key of algorithm %d", key.PubKeyAlgo), want, nil)
	}
	der, err := x509.MarshalPKIXPublicKey(standard)
	if err != nil {
		return release.Key{}, refuseKey(fmt.Sprintf("a key of type %T", standard), want, err)
	}
	return release.ParsePublicKeyPEM(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// checkOpenPGP checks that public is what ParseOpenPGPKey keeps of a key, and that
// rekor reads it.
func checkOpenPGP(public []byte) error {
	reduced, err := reduce(public)
	if err != nil {
		return err
	}
	if !bytes.Equal(reduced, public) {
		return refuseKey("another form of the key", "its primary key, one user id and the subkeys that sign, each with one self-signature, in packets of the new format", nil)
	}
	if _, err := pgp.NewPublicKey(bytes.NewReader(public)); err != nil {
		return refuseKey("", "an OpenPGP key with self-signatures that hold", err)
	}
	return nil
}
