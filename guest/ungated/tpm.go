//go:build linux

package main

import (
	"encoding/asn1"
	"fmt"
	"slices"
	"sync"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
	"github.com/google/go-tpm/tpm2/transport/linuxtpm"

	"github.com/muster-log/muster/attest"
)

const (
	// ekCertificateIndex is where a TPM keeps the certificate of its RSA 2048
	// endorsement key (TCG EK Credential Profile 2.5, 2.2.1.4).
	ekCertificateIndex = 0x01c00002
	// readAtOnce is how much of an index is read at once: all TPMs allow it.
	readAtOnce = 512
)

type device struct {
	mu sync.Mutex // one command after the other
	transport.TPMCloser
}

func openTPM() (*device, error) {
	tpm, err := linuxtpm.Open("/dev/tpmrm0")
	return &device{TPMCloser: tpm}, err
}

func (d *device) extend(pcr uint32, digest attest.Digest) error {
	_, err := tpm2.PCRExtend{
		PCRHandle: tpm2.AuthHandle{Handle: tpm2.TPMHandle(pcr), Auth: tpm2.PasswordAuth(nil)},
		Digests:   tpm2.TPMLDigestValues{Digests: []tpm2.TPMTHA{{HashAlg: tpm2.TPMAlgSHA256, Digest: digest[:]}}},
	}.Execute(d)
	return err
}

// pcrs reads PCRs 0 to 15 of the SHA-256 bank, one after the other.
func (d *device) pcrs() ([]byte, error) {
	var all []byte
	for first := range 2 {
		mask := make([]byte, 3)
		mask[first] = 0xff
		read, err := tpm2.PCRRead{PCRSelectionIn: tpm2.TPMLPCRSelection{PCRSelections: []tpm2.TPMSPCRSelection{{Hash: tpm2.TPMAlgSHA256, PCRSelect: mask}}}}.Execute(d)
		if err != nil {
			return nil, err
		}
		if len(read.PCRValues.Digests) != 8 {
			return nil, fmt.Errorf("TPM2_PCR_Read returned %d values, want 8", len(read.PCRValues.Digests))
		}
		for _, value := range read.PCRValues.Digests {
			all = append(all, value.Buffer...)
		}
	}
	return all, nil
}

// attestationKey is a restricted signing key of this TPM.
type attestationKey struct {
	handle tpm2.NamedHandle
	public []byte // TPMT_PUBLIC
}

func (d *device) newAK() (*attestationKey, error) {
	created, err := tpm2.CreatePrimary{
		PrimaryHandle: tpm2.TPMRHOwner,
		InPublic: tpm2.New2B(tpm2.TPMTPublic{
			Type: tpm2.TPMAlgECC, NameAlg: tpm2.TPMAlgSHA256,
			ObjectAttributes: tpm2.TPMAObject{FixedTPM: true, FixedParent: true, SensitiveDataOrigin: true, UserWithAuth: true, Restricted: true, SignEncrypt: true},
			Parameters: tpm2.NewTPMUPublicParms(tpm2.TPMAlgECC, &tpm2.TPMSECCParms{
				Scheme:  tpm2.TPMTECCScheme{Scheme: tpm2.TPMAlgECDSA, Details: tpm2.NewTPMUAsymScheme(tpm2.TPMAlgECDSA, &tpm2.TPMSSigSchemeECDSA{HashAlg: tpm2.TPMAlgSHA256})},
				CurveID: tpm2.TPMECCNistP256,
			}),
		}),
	}.Execute(d)
	if err != nil {
		return nil, fmt.Errorf("create the attestation key: %w", err)
	}
	return &attestationKey{tpm2.NamedHandle{Handle: created.ObjectHandle, Name: created.Name}, created.OutPublic.Bytes()}, nil
}

// quote returns the evidence's parts. It quotes again if a PCR changed meanwhile.
func (d *device) quote(k *attestationKey, extraData attest.Digest) (map[string][]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		before, err := d.pcrs()
		if err != nil {
			return nil, err
		}
		quoted, err := tpm2.Quote{
			SignHandle:     tpm2.AuthHandle{Handle: k.handle.Handle, Name: k.handle.Name, Auth: tpm2.PasswordAuth(nil)},
			QualifyingData: tpm2.TPM2BData{Buffer: extraData[:]},
			InScheme:       tpm2.TPMTSigScheme{Scheme: tpm2.TPMAlgNull},
			PCRSelect:      tpm2.TPMLPCRSelection{PCRSelections: []tpm2.TPMSPCRSelection{{Hash: tpm2.TPMAlgSHA256, PCRSelect: []byte{0xff, 0xff, 0}}}},
		}.Execute(d)
		if err != nil {
			return nil, err
		}
		after, err := d.pcrs()
		if err != nil {
			return nil, err
		}
		if slices.Equal(before, after) {
			return map[string][]byte{"attest": quoted.Quoted.Bytes(), "signature": tpm2.Marshal(quoted.Signature), "akPublic": k.public, "pcrs": after}, nil
		}
	}
}

// ekCertificate reads the endorsement key's certificate.
func (d *device) ekCertificate() ([]byte, error) {
	public, err := tpm2.NVReadPublic{NVIndex: tpm2.TPMHandle(ekCertificateIndex)}.Execute(d)
	if err != nil {
		return nil, err
	}
	contents, err := public.NVPublic.Contents()
	if err != nil {
		return nil, err
	}
	handle := tpm2.NamedHandle{Handle: tpm2.TPMHandle(ekCertificateIndex), Name: public.NVName}
	var data []byte
	for len(data) < int(contents.DataSize) {
		part, err := tpm2.NVRead{
			AuthHandle: tpm2.AuthHandle{Handle: tpm2.TPMRHOwner, Auth: tpm2.PasswordAuth(nil)}, NVIndex: handle,
			Size: min(contents.DataSize-uint16(len(data)), readAtOnce), Offset: uint16(len(data)),
		}.Execute(d)
		if err != nil {
			return nil, err
		}
		data = append(data, part.Data.Buffer...)
	}
	// There may be room behind the certificate.
	var certificate asn1.RawValue
	if _, err := asn1.Unmarshal(data, &certificate); err != nil {
		return nil, fmt.Errorf("the EK certificate: %w", err)
	}
	return certificate.FullBytes, nil
}

// activate returns the secret of a credential that was made for k and this TPM's EK.
func (d *device) activate(k *attestationKey, c *attest.Credential) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	ek, err := tpm2.CreatePrimary{PrimaryHandle: tpm2.TPMRHEndorsement, InPublic: tpm2.New2B(tpm2.RSAEKTemplate)}.Execute(d)
	if err != nil {
		return nil, err
	}
	defer tpm2.FlushContext{FlushHandle: ek.ObjectHandle}.Execute(d)
	policy := func(tpm transport.TPM, session tpm2.TPMISHPolicy, nonce tpm2.TPM2BNonce) error {
		_, err := tpm2.PolicySecret{AuthHandle: tpm2.AuthHandle{Handle: tpm2.TPMRHEndorsement, Auth: tpm2.PasswordAuth(nil)}, PolicySession: session, NonceTPM: nonce}.Execute(tpm)
		return err
	}
	blob, err := tpm2.Unmarshal[tpm2.TPM2BIDObject](c.IDObject)
	if err != nil {
		return nil, err
	}
	seed, err := tpm2.Unmarshal[tpm2.TPM2BEncryptedSecret](c.EncSecret)
	if err != nil {
		return nil, err
	}
	activated, err := tpm2.ActivateCredential{
		ActivateHandle: tpm2.AuthHandle{Handle: k.handle.Handle, Name: k.handle.Name, Auth: tpm2.PasswordAuth(nil)},
		KeyHandle:      tpm2.AuthHandle{Handle: ek.ObjectHandle, Name: ek.Name, Auth: tpm2.Policy(tpm2.TPMAlgSHA256, 16, policy)},
		CredentialBlob: *blob, Secret: *seed,
	}.Execute(d)
	if err != nil {
		return nil, err
	}
	return activated.CertInfo.Buffer, nil
}
