package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"

	"github.com/muster-log/muster/attest"
)

func TestServe(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{}
	m.pcrs[15] = ledger
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- Serve(ctx, Options{Listener: listener, Names: []string{"127.0.0.1"}, Attester: m, Profile: attest.ProfileTPM2UKI,
			Ledger: ledger, Bundle: []byte("bundle"), Queue: 8, Logger: slog.New(slog.DiscardHandler),
			Activate: &attest.Activate{AKPublic: []byte{1}, EKCertificate: []byte{2}}})
	}()
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	message, err := (&attest.Request{Nonce: number(3)}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Client{Transport: transport}).Post("https://"+listener.Addr().String()+attest.EvidencePath, "application/json", bytes.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s %s %v", response.Status, data, err)
	}
	answer, err := attest.ParseAnswer(data)
	if err != nil {
		t.Fatal(err)
	}
	root, err := answer.Batch.Root(number(3))
	if err != nil {
		t.Fatal(err)
	}
	// The key that was signed is the key of this connection.
	key := sha256.Sum256(response.TLS.PeerCertificates[0].RawSubjectPublicKeyInfo)
	want, err := attest.Binding{Profile: answer.Profile, Nonce: root, SPKI: key, Ledger: ledger[:]}.SHA256()
	if err != nil || !bytes.Equal(answer.Evidence["attest"], want[:]) {
		t.Errorf("the evidence is not of this connection: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
