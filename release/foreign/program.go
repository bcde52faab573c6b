package foreign

import (
	"bytes"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/muster-log/muster/release"
)

// ProgramSignature is a signature as a program wrote it into a file.
type ProgramSignature struct {
	// Program is ssh-keygen, minisign, gpg or openssl.
	Program string
	// Sig is the signature in the form that an envelope has it in.
	Sig []byte
	// Formats are those of keys that make such a one.
	Formats []release.KeyFormat
	// Signer is the key that it says it is by; nil if it says none. That is a claim.
	Signer *release.Key
}

// maxRaw is the greatest signature that openssl writes, in bytes: RSA of 4096 bits.
const maxRaw = 512

// ParseProgramSignature recognises by content what a program wrote; false: it is
// something else. The error is of a file that is such a signature, and a bad one.
//
// What openssl writes says nothing of itself: it is any short file that is no text.
func ParseProgramSignature(data []byte) (made ProgramSignature, known bool, err error) {
	text := bytes.TrimSpace(data)
	begins := func(head string) bool { return bytes.HasPrefix(text, []byte(head)) }
	switch {
	case begins("-----BEGIN SSH SIGNATURE-----"):
		made = ProgramSignature{Program: "ssh-keygen", Formats: []release.KeyFormat{release.FormatSSH}}
		if made.Sig, err = release.ParseSignatureSSH(data); err != nil {
			return made, true, err
		}
		key, err := release.KeyOfSignatureSSH(made.Sig)
		made.Signer = &key
		return made, true, err
	case begins("untrusted comment: "):
		sig, err := release.ParseSignatureMinisign(data)
		return ProgramSignature{Program: "minisign", Sig: sig, Formats: []release.KeyFormat{release.FormatMinisign}}, true, err
	case begins("-----BEGIN PGP "):
		sig, err := ParseOpenPGPSignature(data)
		return ProgramSignature{Program: "gpg", Sig: sig, Formats: []release.KeyFormat{release.FormatOpenPGP}}, true, err
	case len(data) == 0 || utf8.Valid(data):
		return ProgramSignature{}, false, nil
	}
	if sig, err := ParseOpenPGPSignature(data); err == nil {
		return ProgramSignature{Program: "gpg", Sig: sig, Formats: []release.KeyFormat{release.FormatOpenPGP}}, true, nil
	}
	if len(data) > maxRaw {
		return ProgramSignature{}, false, nil
	}
	return ProgramSignature{Program: "openssl", Sig: data,
		Formats: []release.KeyFormat{release.FormatEd25519, release.FormatECDSAP256, release.FormatECDSAP384, release.FormatRSAPSS, release.FormatX509}}, true, nil
}

// Signers is what was found of who made a signature.
type Signers struct {
	// Holds are the signature under each key that it holds by. More than one: they are
	// one key in several formats.
	Holds []release.Signature
	// Tried are the keys that could have made it by their formats, ascending by id.
	Tried []release.Key
	// Why is why it does not hold by the last of the keys tried that it does not hold by.
	Why error
}

// FindSigner tries a signature over a payload with every key that could have made it.
func FindSigner(payload []byte, made *ProgramSignature, keys map[release.KeyID]release.Key) Signers {
	var found Signers
	for _, id := range slices.SortedFunc(maps.Keys(keys), release.KeyID.Compare) {
		key := keys[id]
		if !slices.Contains(made.Formats, key.Format) {
			continue
		}
		found.Tried = append(found.Tried, key)
		if err := Verify(key, payload, made.Sig); err != nil {
			found.Why = err
			continue
		}
		found.Holds = append(found.Holds, release.Signature{KeyID: id, Sig: made.Sig})
	}
	return found
}
