package tpm

import (
	"errors"

	"github.com/google/go-tpm/tpm2"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/attest/tpm"
)

// maxQuotes is how often a quote is made again because a PCR changed meanwhile.
const maxQuotes = 8

// AK is an attestation key: ECDSA on P-256 with SHA-256, made in the TPM, restricted
// to what the TPM itself says, and gone with the TPM's power.
type AK struct {
	tpm    *TPM
	handle tpm2.NamedHandle
	public []byte
}

// NewAK makes an attestation key: a primary key of the owner hierarchy, with the
// attributes of docs/formats/tpm.md and no authorisation. The TPM makes the same key
// again until its owner seed changes, so that a client's credential stays good.
func (t *TPM) NewAK() (*AK, error) {
	created, err := tpm2.CreatePrimary{
		PrimaryHandle: tpm2.TPMRHOwner,
		InPublic: tpm2.New2B(tpm2.TPMTPublic{
			Type: tpm2.TPMAlgECC, NameAlg: tpm2.TPMAlgSHA256,
			ObjectAttributes: tpm2.TPMAObject{FixedTPM: true, FixedParent: true, SensitiveDataOrigin: true, UserWithAuth: true, NoDA: true, Restricted: true, SignEncrypt: true},
			Parameters: tpm2.NewTPMUPublicParms(tpm2.TPMAlgECC, &tpm2.TPMSECCParms{
				Scheme:  tpm2.TPMTECCScheme{Scheme: tpm2.TPMAlgECDSA, Details: tpm2.NewTPMUAsymScheme(tpm2.TPMAlgECDSA, &tpm2.TPMSSigSchemeECDSA{HashAlg: tpm2.TPMAlgSHA256})},
				CurveID: tpm2.TPMECCNistP256,
			}),
		}),
	}.Execute(t)
	if err != nil {
		return nil, explain("TPM2_CreatePrimary of the attestation key", err)
	}
	key := &AK{t, tpm2.NamedHandle{Handle: created.ObjectHandle, Name: created.Name}, created.OutPublic.Bytes()}
	t.keys = append(t.keys, key)
	return key, nil
}

// Public returns the key's TPMT_PUBLIC.
func (k *AK) Public() []byte { return k.public }

func (k *AK) flush() { tpm2.FlushContext{FlushHandle: k.handle.Handle}.Execute(k.tpm) }

// Quote quotes PCRs 0 to 15 of the SHA-256 bank over extraData. It returns the parts
// of an evidence, and the values that the quote is over: one that changed meanwhile
// has the quote made again.
func (k *AK) Quote(extraData attest.Digest) (parts map[string][]byte, pcrs [registers]attest.Digest, err error) {
	before, err := k.tpm.PCRs()
	for range maxQuotes {
		if err != nil {
			return nil, pcrs, err
		}
		quoted, err := tpm2.Quote{
			SignHandle:     tpm2.AuthHandle{Handle: k.handle.Handle, Name: k.handle.Name, Auth: tpm2.PasswordAuth(nil)},
			QualifyingData: tpm2.TPM2BData{Buffer: extraData[:]},
			InScheme:       tpm2.TPMTSigScheme{Scheme: tpm2.TPMAlgNull},
			PCRSelect:      selection([]byte{0xff, 0xff, 0}),
		}.Execute(k.tpm)
		if err != nil {
			return nil, pcrs, explain("TPM2_Quote", err)
		}
		if pcrs, err = k.tpm.PCRs(); err != nil {
			return nil, pcrs, err
		}
		if pcrs == before {
			values := make([]byte, 0, registers*len(pcrs[0]))
			for _, value := range pcrs {
				values = append(values, value[:]...)
			}
			return map[string][]byte{
				tpm.PartAttest: quoted.Quoted.Bytes(), tpm.PartSignature: tpm2.Marshal(quoted.Signature),
				tpm.PartAKPublic: k.public, tpm.PartPCRs: values,
			}, pcrs, nil
		}
		before = pcrs
	}
	return nil, pcrs, errors.New("TPM2_Quote: the PCRs change all the time: something extends them in a loop")
}
