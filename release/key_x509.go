package release

import (
	"errors"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// errCertificate is a certificate that does not have the fields up to its key.
var errCertificate = errors.New("not the fields of a certificate (RFC 5280, section 4.1) in DER")

// CertifiedKey returns the key in the certificate that an x509 key is, as a key of
// the format of its SubjectPublicKeyInfo (rsa-pss-sha256 for RSA), which has passed
// its Check. It refuses a key of another format.
//
// Of the certificate (RFC 5280, section 4.1) only the order of the fields is read:
// each has the tag of its place and a length in DER (definite, in its shortest
// form), and nothing stands behind the signature. What is in the other fields, and
// what follows the key in TBSCertificate, is not looked at. crypto/x509 reads more
// strictly, and otherwise in each version: it must not decide what counts once in a
// log for ever.
func (k Key) CertifiedKey() (Key, error) {
	if k.Format != FormatX509 {
		return Key{}, Refuse(CodeKey, "", "a key of format "+string(k.Format), "a key of format x509")
	}
	spki, ok := spkiOfCertificate(k.Public)
	if !ok {
		refusal := Refuse(CodeKey, "", "", "the DER of one X.509 certificate")
		refusal.Err = errCertificate
		return Key{}, refusal
	}
	format, err := formatOfSPKI(spki)
	if err == nil {
		err = checkSPKI(format, spki)
	}
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		of := *refusal
		of.Got = "a certificate"
		if refusal.Got != "" {
			of.Got += " with " + refusal.Got
		}
		return Key{}, &of
	}
	if err != nil {
		return Key{}, err
	}
	return Key{format, spki}, nil
}

// spkiOfCertificate returns the SubjectPublicKeyInfo with its header.
func spkiOfCertificate(der []byte) ([]byte, bool) {
	var certificate, tbs, spki cryptobyte.String
	input := cryptobyte.String(der)
	ok := input.ReadASN1(&certificate, asn1.SEQUENCE) && input.Empty() &&
		certificate.ReadASN1(&tbs, asn1.SEQUENCE) &&
		certificate.SkipASN1(asn1.SEQUENCE) && // signatureAlgorithm
		certificate.SkipASN1(asn1.BIT_STRING) && certificate.Empty() && // signatureValue
		tbs.SkipOptionalASN1(asn1.Tag(0).Constructed().ContextSpecific()) && // version
		tbs.SkipASN1(asn1.INTEGER) && // serialNumber
		tbs.SkipASN1(asn1.SEQUENCE) && // signature
		tbs.SkipASN1(asn1.SEQUENCE) && // issuer
		tbs.SkipASN1(asn1.SEQUENCE) && // validity
		tbs.SkipASN1(asn1.SEQUENCE) && // subject
		tbs.ReadASN1Element(&spki, asn1.SEQUENCE)
	return spki, ok
}
