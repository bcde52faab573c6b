//go:build linux

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"time"

	"github.com/muster-log/muster/attest"
)

// name is the guest's, in its TLS certificate.
const name = "node.guest.invalid"

type node struct {
	tpm          *device
	key          *attestationKey
	ledger       attest.Digest
	log, bundle  []byte
	certificates [][]byte
	spki         attest.Digest
}

func (n *node) serve(listen string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	// The guest's clock may be wrong, so the certificate holds for long.
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: time.Unix(0, 0), NotAfter: time.Now().AddDate(10, 0, 0)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	parsed, err := x509.ParseCertificate(certificate)
	if err != nil {
		return err
	}
	n.spki = sha256.Sum256(parsed.RawSubjectPublicKeyInfo)
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+attest.EvidencePath, answer(n.evidence))
	mux.HandleFunc("POST "+attest.ActivatePath, answer(n.activation))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Printf("ungated: was sent %s %s\n", r.Method, r.URL.Path)
		http.NotFound(w, r)
	})
	server := &http.Server{Addr: listen, Handler: mux, ReadTimeout: time.Minute, WriteTimeout: time.Minute,
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{{Certificate: [][]byte{certificate}, PrivateKey: key}}}}
	fmt.Println("ungated: listens at", listen)
	return server.ListenAndServeTLS("", "")
}

func answer(respond func(body []byte) ([]byte, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, attest.MaxRequest))
		if err == nil {
			body, err = respond(body)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Write(body)
	}
}

func (n *node) evidence(body []byte) ([]byte, error) {
	request, err := attest.ParseRequest(body)
	if err != nil {
		return nil, err
	}
	tree, err := attest.NewNonceTree([]attest.Digest{request.Nonce})
	if err != nil {
		return nil, err
	}
	bound, err := attest.Binding{Profile: attest.ProfileTPM2UKI, Nonce: tree.Root(), SPKI: n.spki, Ledger: n.ledger[:]}.SHA256()
	if err != nil {
		return nil, err
	}
	a := &attest.Answer{Profile: attest.ProfileTPM2UKI, Batch: tree.Place(0), Certificates: n.certificates, EventLog: n.log, Bundle: n.bundle}
	if request.Credential != nil {
		if a.Secret, err = n.tpm.activate(n.key, request.Credential); err != nil {
			return nil, err
		}
	}
	if a.Evidence, err = n.tpm.quote(n.key, bound); err != nil {
		return nil, err
	}
	return a.Marshal()
}

func (n *node) activation(body []byte) ([]byte, error) {
	if err := attest.ParseActivateRequest(body); err != nil {
		return nil, err
	}
	return (&attest.Activate{AKPublic: n.key.public, EKCertificate: n.certificates[0]}).Marshal()
}
