package tpm_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"encoding/json"
	"math/big"
	"os"
	"testing"
	"time"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/attest/tpm"
	"github.com/muster-log/muster/verify"
)

// recorded is a recorded boot with the reference values of its release.
type recorded struct {
	answer    *attest.Answer
	reference attest.Reference
	pcrs      [16]attest.Digest
}

func read(t testing.TB, name string) *recorded {
	t.Helper()
	data, err := os.ReadFile("testdata/boots/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Time                         time.Time
		Nonce, SPKI, AKName          []byte
		Policy, Requirements, Answer string
	}
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	answer, err := attest.ParseAnswer([]byte(r.Answer))
	if err != nil {
		t.Fatal(err)
	}
	trust, err := verify.ParseTrust([]byte(r.Policy), []byte(r.Requirements))
	if err != nil {
		t.Fatal(err)
	}
	verdict := verify.Bundle(answer.Bundle, trust, r.Time)
	if verdict.Result != verify.Pass {
		t.Fatalf("%s: the release: %s", name, verdict.Result)
	}
	b := &recorded{answer: answer, reference: attest.Reference{
		Release: attest.Digest(verdict.Judged.Release.Identity()), Nonce: attest.Digest(r.Nonce), SPKI: attest.Digest(r.SPKI), Now: r.Time,
		Policy:    attest.Policy{FirmwareNotChecked: true},
		Activated: []attest.Activation{{AKName: r.AKName, EKCertificate: attest.DigestOf(answer.Certificates[0])}},
	}}
	for _, root := range trust.Requirements().TestRoots {
		b.reference.Policy.TestRoots = append(b.reference.Policy.TestRoots, attest.Digest(root))
	}
	for _, image := range verdict.Judged.Images {
		b.reference.Images = append(b.reference.Images, image.Reference())
	}
	for i := range b.pcrs {
		copy(b.pcrs[i][:], answer.Evidence[tpm.PartPCRs][32*i:])
	}
	return b
}

// os is the os image's values, to be changed.
func (b *recorded) os() *attest.TPM2UKI {
	for i := range b.reference.Images {
		if values := b.reference.Images[i].TPM2UKI; values != nil {
			return values
		}
	}
	return nil
}

// forgery is a TPM that signs whatever it is told to, with a certificate of a test's
// authority: so that each check can be reached alone.
type forgery struct {
	t          testing.TB
	key        *ecdsa.PrivateKey
	authority  *ecdsa.PrivateKey
	root       *x509.Certificate
	attributes uint32
	pcrs       [16]attest.Digest
	log        []byte
	// change changes the TPMS_ATTEST before it is signed.
	change func([]byte) []byte
	// leaf changes the certificate before it is signed.
	leaf func(*x509.Certificate)
	// bare leaves the attestation key without a certificate.
	bare bool
}

func forge(t testing.TB, b *recorded) *forgery {
	t.Helper()
	f := &forgery{t: t, attributes: 0x00050072, pcrs: b.pcrs, log: b.answer.EventLog}
	f.key, f.authority = newKey(t), newKey(t)
	f.root = f.sign(&x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, NotBefore: time.Unix(0, 0), NotAfter: b.reference.Now.AddDate(5, 0, 0),
		KeyUsage: x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true}, nil, &f.authority.PublicKey)
	return f
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (f *forgery) sign(template, parent *x509.Certificate, key *ecdsa.PublicKey) *x509.Certificate {
	f.t.Helper()
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key, f.authority)
	if err != nil {
		f.t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		f.t.Fatal(err)
	}
	return certificate
}

func sized(data []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(data))), data...)
}

func (f *forgery) public() []byte {
	point, err := f.key.PublicKey.Bytes()
	if err != nil {
		f.t.Fatal(err)
	}
	out := []byte{0, 0x23, 0, 0x0b}
	out = binary.BigEndian.AppendUint32(out, f.attributes)
	out = append(out, 0, 0, 0, 0x10, 0, 0x18, 0, 0x0b, 0, 0x03, 0, 0x10) // no policy, no symmetric algorithm, ECDSA with SHA-256, P-256, no KDF
	return append(append(out, sized(point[1:33])...), sized(point[33:])...)
}

// answer makes an answer for a reference.
func (f *forgery) answer(reference attest.Reference) *attest.Answer {
	f.t.Helper()
	tree, err := attest.NewNonceTree([]attest.Digest{reference.Nonce})
	if err != nil {
		f.t.Fatal(err)
	}
	matched, err := reference.Match(tpm.Profile)
	if err != nil {
		f.t.Fatal(err)
	}
	ledger := matched.Ledger.SHA256()
	extraData, err := attest.Binding{Profile: tpm.Profile, Nonce: tree.Root(), SPKI: reference.SPKI, Ledger: ledger[:]}.SHA256()
	if err != nil {
		f.t.Fatal(err)
	}
	var values []byte
	for _, value := range f.pcrs {
		values = append(values, value[:]...)
	}
	digest := sha256.Sum256(values)
	signed := append([]byte{0xff, 'T', 'C', 'G', 0x80, 0x18}, sized(make([]byte, 34))...)
	signed = append(signed, sized(extraData[:])...)
	signed = append(signed, make([]byte, 8)...)                    // clock
	signed = append(signed, 0, 0, 0, 7, 0, 0, 0, 2, 1)             // reset count, restart count, safe
	signed = append(signed, make([]byte, 8)...)                    // firmware version
	signed = append(signed, 0, 0, 0, 1, 0, 0x0b, 3, 0xff, 0xff, 0) // one bank, SHA-256, PCRs 0 to 15
	signed = append(signed, sized(digest[:])...)
	if f.change != nil {
		signed = f.change(signed)
	}
	sum := sha256.Sum256(signed)
	r, s, err := ecdsa.Sign(rand.Reader, f.key, sum[:])
	if err != nil {
		f.t.Fatal(err)
	}
	signature := append([]byte{0, 0x18, 0, 0x0b}, append(sized(r.Bytes()), sized(s.Bytes())...)...)
	a := &attest.Answer{Profile: tpm.Profile, Bundle: []byte("bundle"), Batch: tree.Place(0), EventLog: f.log,
		Evidence: map[string][]byte{tpm.PartAttest: signed, tpm.PartSignature: signature, tpm.PartAKPublic: f.public(), tpm.PartPCRs: values}}
	if !f.bare {
		template := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: time.Unix(0, 0), NotAfter: reference.Now.AddDate(1, 0, 0),
			UnknownExtKeyUsage: []asn1.ObjectIdentifier{{2, 23, 133, 8, 3}}}
		if f.leaf != nil {
			f.leaf(template)
		}
		a.Certificates = [][]byte{f.sign(template, f.root, &f.key.PublicKey).Raw, f.root.Raw}
	}
	return a
}

// trusted is a reference that names the forgery's root.
func (f *forgery) trusted(reference attest.Reference) attest.Reference {
	reference.Policy.TestRoots = []attest.Digest{attest.DigestOf(f.root.Raw)}
	reference.Activated = nil
	return reference
}

// decisive lists the codes that keep a judgement from passing.
func decisive(j attest.Judgement) (codes []attest.Code) {
	for _, check := range j.Checks {
		if check.Decisive() {
			codes = append(codes, check.Code)
		}
	}
	return codes
}
