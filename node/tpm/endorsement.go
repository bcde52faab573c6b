package tpm

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"github.com/muster-log/muster/attest"
)

// Where a TPM keeps certificates (TCG EK Credential Profile, 2.2.1.4 and 2.2.1.5).
const (
	indexRSA2048   = 0x01c00002
	indexP256      = 0x01c0000a
	indexChain     = 0x01c00100 // and on, for those of the issuers
	maxChain       = 16
	maxCertificate = 16 << 10

	// readAtOnce is how much of an index is read by one command: all TPMs allow it.
	readAtOnce = 512
)

// endorsementKeys are the endorsement keys that a certificate can be of, by the
// profile's templates for the low range.
var endorsementKeys = []struct {
	index    uint32
	template *tpm2.TPMTPublic
}{
	{indexRSA2048, &tpm2.RSAEKTemplate},
	{indexP256, &tpm2.ECCEKTemplate},
}

// EKCertificates returns the DER certificate of the TPM's endorsement key, RSA 2048
// or else P-256, and those certificates of its issuers that the TPM holds, in the
// order of Chain with the issuers given.
func (t *TPM) EKCertificates(issuers ...[]byte) ([][]byte, error) {
	leaf, _, err := t.ekCertificate()
	if err != nil {
		return nil, err
	}
	for i := range maxChain {
		data, err := t.readIndex(indexChain + uint32(i))
		if errors.Is(err, errNoIndex) {
			break
		}
		if err != nil {
			return nil, err
		}
		certificates, err := x509.ParseCertificates(data)
		if err != nil {
			return nil, fmt.Errorf("NV index %#x: %w", indexChain+i, err)
		}
		for _, certificate := range certificates {
			issuers = append(issuers, certificate.Raw)
		}
	}
	return Chain(leaf, issuers)
}

// Chain orders certificates: the leaf, its issuer, and so on, up to and with a root
// where it is among the candidates. Others are left out.
func Chain(leaf []byte, candidates [][]byte) ([][]byte, error) {
	chain := [][]byte{leaf}
	last, err := x509.ParseCertificate(leaf)
	if err != nil {
		return nil, fmt.Errorf("the EK certificate: %w", err)
	}
	for range maxChain {
		if bytes.Equal(last.RawIssuer, last.RawSubject) {
			break
		}
		var issuer *x509.Certificate
		for _, candidate := range candidates {
			parsed, err := x509.ParseCertificate(candidate)
			if err != nil {
				return nil, fmt.Errorf("a certificate of an issuer: %w", err)
			}
			if bytes.Equal(parsed.RawSubject, last.RawIssuer) && parsed.CheckSignature(last.SignatureAlgorithm, last.RawTBSCertificate, last.Signature) == nil {
				issuer = parsed
				break
			}
		}
		if issuer == nil {
			break
		}
		chain, last = append(chain, issuer.Raw), issuer
	}
	return chain, nil
}

// ekCertificate finds a certificate, and the template of the key that it is of.
func (t *TPM) ekCertificate() ([]byte, *tpm2.TPMTPublic, error) {
	for _, key := range endorsementKeys {
		data, err := t.readIndex(key.index)
		if errors.Is(err, errNoIndex) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		// There may be room behind the certificate.
		var certificate asn1.RawValue
		if _, err := asn1.Unmarshal(data, &certificate); err != nil {
			return nil, nil, fmt.Errorf("the EK certificate in NV index %#x: %w", key.index, err)
		}
		return certificate.FullBytes, key.template, nil
	}
	return nil, nil, fmt.Errorf("the TPM holds no certificate of an endorsement key: NV indexes %#x and %#x are empty", indexRSA2048, indexP256)
}

var errNoIndex = errors.New("there is no such NV index")

func (t *TPM) readIndex(index uint32) ([]byte, error) {
	public, err := tpm2.NVReadPublic{NVIndex: tpm2.TPMHandle(index)}.Execute(t)
	if errors.Is(err, tpm2.TPMRCHandle) {
		return nil, errNoIndex
	}
	if err != nil {
		return nil, explain("TPM2_NV_ReadPublic", err)
	}
	contents, err := public.NVPublic.Contents()
	if err != nil {
		return nil, fmt.Errorf("NV index %#x: %w", index, err)
	}
	if contents.DataSize > maxCertificate {
		return nil, fmt.Errorf("NV index %#x: got %d bytes, want at most %d", index, contents.DataSize, maxCertificate)
	}
	handle := tpm2.NamedHandle{Handle: tpm2.TPMHandle(index), Name: public.NVName}
	var data []byte
	for len(data) < int(contents.DataSize) {
		part, err := tpm2.NVRead{
			AuthHandle: tpm2.AuthHandle{Handle: tpm2.TPMRHOwner, Auth: tpm2.PasswordAuth(nil)}, NVIndex: handle,
			Size: min(contents.DataSize-uint16(len(data)), readAtOnce), Offset: uint16(len(data)),
		}.Execute(t)
		if err != nil {
			return nil, explain("TPM2_NV_Read", err)
		}
		if len(part.Data.Buffer) == 0 {
			return nil, fmt.Errorf("NV index %#x: reads nothing at %d", index, len(data))
		}
		data = append(data, part.Data.Buffer...)
	}
	return data, nil
}

// Activate returns the secret of a credential that was made for this key and for the
// endorsement key that EKCertificates names. A credential for another key is an
// error.
func (k *AK) Activate(c *attest.Credential) (secret []byte, err error) {
	t := k.tpm
	blob, err := tpm2.Unmarshal[tpm2.TPM2BIDObject](c.IDObject)
	if err != nil {
		return nil, fmt.Errorf("the credential: %w", err)
	}
	seed, err := tpm2.Unmarshal[tpm2.TPM2BEncryptedSecret](c.EncSecret)
	if err != nil {
		return nil, fmt.Errorf("the credential: %w", err)
	}
	_, template, err := t.ekCertificate()
	if err != nil {
		return nil, err
	}
	ek, err := tpm2.CreatePrimary{PrimaryHandle: tpm2.TPMRHEndorsement, InPublic: tpm2.New2B(*template)}.Execute(t)
	if err != nil {
		return nil, explain("TPM2_CreatePrimary of the endorsement key", err)
	}
	defer tpm2.FlushContext{FlushHandle: ek.ObjectHandle}.Execute(t)
	activated, err := tpm2.ActivateCredential{
		ActivateHandle: tpm2.AuthHandle{Handle: k.handle.Handle, Name: k.handle.Name, Auth: tpm2.PasswordAuth(nil)},
		KeyHandle:      tpm2.AuthHandle{Handle: ek.ObjectHandle, Name: ek.Name, Auth: tpm2.Policy(tpm2.TPMAlgSHA256, 16, endorsementPolicy)},
		CredentialBlob: *blob, Secret: *seed,
	}.Execute(t)
	if err != nil {
		return nil, explain("TPM2_ActivateCredential", err)
	}
	return activated.CertInfo.Buffer, nil
}

// endorsementPolicy is the policy of the profile's templates: PolicySecret of the
// endorsement hierarchy.
func endorsementPolicy(tpm transport.TPM, session tpm2.TPMISHPolicy, nonce tpm2.TPM2BNonce) error {
	_, err := tpm2.PolicySecret{AuthHandle: tpm2.AuthHandle{Handle: tpm2.TPMRHEndorsement, Auth: tpm2.PasswordAuth(nil)}, PolicySession: session, NonceTPM: nonce}.Execute(tpm)
	return err
}
