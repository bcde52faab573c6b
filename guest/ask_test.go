//go:build system

package guest_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2"

	"github.com/muster-log/muster/attest"
)

// recordInto makes recordings again: go test -tags system ./guest -run TestGuest -record DIR.
var recordInto = flag.String("record", "", "write the evidence of the boots into this directory")

// evidence waits until the machine answers, and asks it.
func (r *running) evidence() evidence {
	r.t.Helper()
	began := time.Now()
	r.awaitPort("ungated: listens")
	e := r.ask()
	r.t.Logf("evidence after %.1f s", time.Since(began).Seconds())
	return e
}

// ask asks a node for evidence with a credential, trusting nothing.
func (r *running) ask() evidence {
	r.t.Helper()
	e := evidence{at: time.Now().UTC().Truncate(time.Second)}
	offered, _ := r.post(attest.ActivatePath, []byte("{}"))
	activate, err := attest.ParseActivate(offered)
	if err != nil {
		r.t.Fatal(err)
	}
	secret := make([]byte, 32)
	rand.Read(secret)
	rand.Read(e.nonce[:])
	request, err := (&attest.Request{Nonce: e.nonce, Profile: attest.ProfileTPM2UKI, Credential: credential(r.t, activate, secret)}).Marshal()
	if err != nil {
		r.t.Fatal(err)
	}
	e.raw, e.spki = r.post(attest.EvidencePath, request)
	if e.answer, err = attest.ParseAnswer(e.raw); err != nil {
		r.t.Fatal(err)
	}
	e.activated = bytes.Equal(e.answer.Secret, secret) && bytes.Equal(e.answer.Evidence["akPublic"], activate.AKPublic) && bytes.Equal(e.answer.Certificates[0], activate.EKCertificate)
	return e
}

// credential makes a credential with go-tpm for an RSA endorsement key.
func credential(t testing.TB, activate *attest.Activate, secret []byte) *attest.Credential {
	t.Helper()
	certificate, err := x509.ParseCertificate(activate.EKCertificate)
	if err != nil {
		t.Fatal(err)
	}
	key, ok := certificate.PublicKey.(*rsa.PublicKey)
	if !ok {
		t.Fatalf("the endorsement key is %T, want RSA", certificate.PublicKey)
	}
	public := tpm2.RSAEKTemplate
	public.Unique = tpm2.NewTPMUPublicID(tpm2.TPMAlgRSA, &tpm2.TPM2BPublicKeyRSA{Buffer: key.N.Bytes()})
	to, err := tpm2.ImportEncapsulationKey(&public)
	if err != nil {
		t.Fatal(err)
	}
	name := sha256.Sum256(activate.AKPublic)
	blob, seed, err := tpm2.CreateCredential(rand.Reader, to, append([]byte{0, 0x0b}, name[:]...), secret)
	if err != nil {
		t.Fatal(err)
	}
	return &attest.Credential{IDObject: tpm2.Marshal(tpm2.TPM2BIDObject{Buffer: blob}), EncSecret: tpm2.Marshal(tpm2.TPM2BEncryptedSecret{Buffer: seed})}
}

// post sends a request to whoever answers.
func (r *running) post(path string, body []byte) (answered []byte, spki attest.Digest) {
	r.t.Helper()
	client := &http.Client{Timeout: bootTimeout, Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	response, err := client.Post("https://"+r.address+path, "application/json", bytes.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	answered, err = io.ReadAll(io.LimitReader(response.Body, attest.MaxAnswer))
	if err != nil || response.StatusCode != http.StatusOK {
		r.t.Fatalf("%s: %s %v\n%s", path, response.Status, err, answered)
	}
	return answered, sha256.Sum256(response.TLS.PeerCertificates[0].RawSubjectPublicKeyInfo)
}

// record keeps evidence, where a directory is given.
func (p *publisher) record(t testing.TB, name string, e evidence) {
	t.Helper()
	if *recordInto == "" {
		return
	}
	data, err := json.MarshalIndent(recorded{Time: e.at, Nonce: e.nonce[:], SPKI: e.spki[:], Activated: e.activated, AKName: e.akName(), Policy: string(p.file("log/log.policy")),
		Requirements: string(p.file("requirements.json")), Answer: string(e.raw), Differing: e.differing(t)}, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(*recordInto, name+".json"), append(data, '\n'))
}
