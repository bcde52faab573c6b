package foreign

import (
	"fmt"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/muster-log/muster/release"
)

// Check judges the public bytes of an OpenPGP key: they are in their one form, and
// the keys in them are of kinds and sizes that package release takes. It checks a key
// of another format as release.Key.Check does. The error is a *release.Refusal.
func Check(key release.Key) (err error) {
	defer refusePanic(&err, release.CodeKey)
	if err := key.Check(); err != nil {
		return err
	}
	if key.Format == release.FormatOpenPGP {
		return checkOpenPGP(key.Public)
	}
	return nil
}

// SPKIs returns the SHA-256 of the SubjectPublicKeyInfo of every key that may stand
// behind a key: of an OpenPGP key its primary key and its subkeys that sign, of
// another the one of release.Key.SPKI. Who has one of two OpenPGP keys that share any
// of them can have signed for both. The key itself is taken as checked.
func SPKIs(key release.Key) (found []release.Digest, err error) {
	defer refusePanic(&err, release.CodeKey)
	if key.Format != release.FormatOpenPGP {
		spki, err := key.SPKI()
		return []release.Digest{spki}, err
	}
	read, err := readTransferable(key.Public)
	if err != nil {
		return nil, err
	}
	packets := []*packet.PublicKey{read.primary}
	for _, subkey := range read.subkeys {
		packets = append(packets, subkey.packet.(*packet.PublicKey))
	}
	for _, one := range packets {
		inner, err := standardKey(one)
		if err != nil {
			return nil, err
		}
		spki, err := inner.SPKI()
		if err != nil {
			return nil, err
		}
		found = append(found, spki)
	}
	return found, nil
}

// Verify checks a signature over PAE(payload) by a key of any format: OpenPGP and
// X.509 here, all others as release.Key.Verify does. For an OpenPGP or X.509 key
// that Check refuses, too, the refusal is release.CodeSignatureInvalid.
func Verify(key release.Key, payload, sig []byte) error {
	return VerifyMessage(key, release.PAE(payload), sig)
}

// VerifyMessage checks a signature over message as it is; see release.Key.VerifyMessage.
func VerifyMessage(key release.Key, message, sig []byte) (err error) {
	if key.Format != release.FormatOpenPGP && key.Format != release.FormatX509 {
		return key.VerifyMessage(message, sig)
	}
	defer refusePanic(&err, release.CodeSignatureInvalid)
	if err := Check(key); err != nil {
		return refuseSignature(key, "one by a key that cannot be used", err)
	}
	if key.Format == release.FormatOpenPGP {
		return verifyOpenPGP(key, message, sig)
	}
	return verifyX509(key, message, sig)
}

// refuseSignature refuses a signature for what it is; cause may be nil.
func refuseSignature(key release.Key, got string, cause error) *release.Refusal {
	refusal := release.Refuse(release.CodeSignatureInvalid, "", got, fmt.Sprintf("a signature by the %s key %s over this payload", key.Format, key.ID()))
	refusal.Err = cause
	return refusal
}

// refuseKey refuses the bytes of a key; cause may be nil.
func refuseKey(got, want string, cause error) *release.Refusal {
	refusal := release.Refuse(release.CodeKey, "", got, want)
	refusal.Err = cause
	return refusal
}

// refusePanic makes a refusal of a panic in one of the libraries below: the bytes
// come from anywhere, and an entry that ends every program that reads it would end
// the log that holds it.
func refusePanic(err *error, code release.Code) {
	if cause := recover(); cause != nil {
		refusal := release.Refuse(code, "", "bytes that no parser can read", "a key and a signature of their format")
		refusal.Err = fmt.Errorf("panic: %v", cause)
		*err = refusal
	}
}
