package swtpm

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"time"

	"github.com/google/go-tpm/tpm2"
)

// indexRSA2048 is where a TPM keeps the certificate of its RSA 2048 endorsement key
// (TCG EK Credential Profile, 2.2.1.4).
const indexRSA2048 = 0x01c00002

// made is since when certificates hold: before every recorded proof bundle.
var made = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Authority is a vendor's certificate authority of TPMs, for tests: no list of real
// vendors has it.
type Authority struct {
	key  *ecdsa.PrivateKey
	root *x509.Certificate
}

// NewAuthority makes an authority.
func NewAuthority() (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "TPM test root: worth nothing"},
		NotBefore: made, NotAfter: time.Now().AddDate(10, 0, 0),
		KeyUsage: x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	root, err := x509.ParseCertificate(der)
	return &Authority{key, root}, err
}

// Root is the authority's certificate, DER.
func (a *Authority) Root() []byte { return a.root.Raw }

// Certify certifies the TPM's RSA 2048 endorsement key as a vendor does, with an
// empty subject and the TPM's names in a critical subjectAltName, and writes the
// certificate into its NV memory. It returns the DER.
func (a *Authority) Certify(s *Server) ([]byte, error) {
	created, err := tpm2.CreatePrimary{PrimaryHandle: tpm2.TPMRHEndorsement, InPublic: tpm2.New2B(tpm2.RSAEKTemplate)}.Execute(s)
	if err != nil {
		return nil, fmt.Errorf("swtpm: the endorsement key: %w", err)
	}
	defer tpm2.FlushContext{FlushHandle: created.ObjectHandle}.Execute(s)
	public, err := created.OutPublic.Contents()
	if err != nil {
		return nil, err
	}
	parameters, err := public.Parameters.RSADetail()
	if err != nil {
		return nil, err
	}
	unique, err := public.Unique.RSA()
	if err != nil {
		return nil, err
	}
	key, err := tpm2.RSAPub(parameters, unique)
	if err != nil {
		return nil, err
	}
	names, err := tpmNames()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: made, NotAfter: time.Now().AddDate(9, 0, 0),
		KeyUsage: x509.KeyUsageKeyEncipherment, BasicConstraintsValid: true,
		UnknownExtKeyUsage: []asn1.ObjectIdentifier{{2, 23, 133, 8, 1}},
		ExtraExtensions:    []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Critical: true, Value: names}},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, a.root, key, a.key)
	if err != nil {
		return nil, err
	}
	return certificate, s.store(certificate)
}

// tpmNames is a subjectAltName of one directory name: manufacturer, model, version.
func tpmNames() ([]byte, error) {
	name, err := asn1.Marshal(pkix.RDNSequence{
		{{Type: asn1.ObjectIdentifier{2, 23, 133, 2, 1}, Value: "id:00001014"}},
		{{Type: asn1.ObjectIdentifier{2, 23, 133, 2, 2}, Value: "swtpm"}},
		{{Type: asn1.ObjectIdentifier{2, 23, 133, 2, 3}, Value: "id:20191023"}},
	})
	if err != nil {
		return nil, err
	}
	return asn1.Marshal([]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: name}})
}

// store writes a certificate where vendors do, with the platform's authorisation.
func (s *Server) store(certificate []byte) error {
	const index = tpm2.TPMHandle(indexRSA2048)
	space := tpm2.TPMSNVPublic{
		NVIndex: index, NameAlg: tpm2.TPMAlgSHA256, DataSize: uint16(len(certificate)),
		Attributes: tpm2.TPMANV{PPWrite: true, PPRead: true, OwnerRead: true, AuthRead: true, NoDA: true, PlatformCreate: true},
	}
	if _, err := (tpm2.NVDefineSpace{AuthHandle: tpm2.TPMRHPlatform, PublicInfo: tpm2.New2B(space)}).Execute(s); err != nil {
		return fmt.Errorf("swtpm: make room for the certificate: %w", err)
	}
	public, err := tpm2.NVReadPublic{NVIndex: index}.Execute(s)
	if err != nil {
		return err
	}
	const atOnce = 512
	for offset := 0; offset < len(certificate); offset += atOnce {
		_, err := tpm2.NVWrite{
			AuthHandle: tpm2.AuthHandle{Handle: tpm2.TPMRHPlatform, Auth: tpm2.PasswordAuth(nil)},
			NVIndex:    tpm2.NamedHandle{Handle: index, Name: public.NVName},
			Data:       tpm2.TPM2BMaxNVBuffer{Buffer: certificate[offset:min(offset+atOnce, len(certificate))]}, Offset: uint16(offset),
		}.Execute(s)
		if err != nil {
			return fmt.Errorf("swtpm: write the certificate: %w", err)
		}
	}
	return nil
}
