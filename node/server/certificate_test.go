package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"time"
)

// authority certifies what it is asked to, as an authority does.
type authority struct {
	t      *testing.T
	asked  int
	key    any // nil: the request's
	names  []string
	answer string // in place of a certificate
}

func (a *authority) certify(_ context.Context, request []byte) ([]byte, error) {
	a.asked++
	if a.answer == "error" {
		return nil, errors.New("the authority is away")
	}
	if a.answer != "" {
		return []byte(a.answer), nil
	}
	block, rest := pem.Decode(request)
	if block == nil || len(rest) > 0 {
		a.t.Fatalf("got %q, want one block of PEM", request)
	}
	parsed, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		a.t.Fatal(err)
	}
	if err := parsed.CheckSignature(); err != nil {
		a.t.Error(err)
	}
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	public := parsed.PublicKey
	if a.key != nil {
		public = a.key
	}
	names := parsed.DNSNames
	if a.names != nil {
		names = a.names
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(int64(a.asked)), DNSNames: names, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(2 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

// TestCertify: a certificate is for the key and the names, is renewed for the same key
// when a third of its life is left, and tried again where it is not.
func TestCertify(t *testing.T) {
	a := &authority{t: t}
	c, err := newCertificates(t.Context(), []string{"node.example"}, a.certify)
	if err != nil {
		t.Fatal(err)
	}
	first := c.current.Load().Leaf
	var waited []time.Duration
	var said strings.Builder
	c.keep(t.Context(), func(_ context.Context, d time.Duration) bool {
		waited = append(waited, d)
		a.answer = ""
		if len(waited) == 1 {
			a.answer = "error"
		}
		return len(waited) < 3
	}, slog.New(slog.NewTextHandler(&said, nil)))
	second := c.current.Load().Leaf
	if second.SerialNumber.Cmp(first.SerialNumber) == 0 || !second.PublicKey.(*ecdsa.PublicKey).Equal(first.PublicKey) {
		t.Error("want another certificate for the same key")
	}
	if waited[0] < 58*time.Minute || waited[0] > time.Hour || waited[1] != retryPause {
		t.Errorf("waited %s, want an hour, and then %s", waited, retryPause)
	}
	if !strings.Contains(said.String(), "the authority is away") {
		t.Errorf("the log says %s", said.String())
	}
}

func TestCertifyRefuses(t *testing.T) {
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, a := range map[string]*authority{
		"another key":    {t: t, key: &other.PublicKey},
		"another name":   {t: t, names: []string{"other.example"}},
		"nothing":        {t: t, answer: "nothing"},
		"a private key":  {t: t, answer: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"},
		"no certificate": {t: t, answer: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"},
		"an error":       {t: t, answer: "error"},
	} {
		if _, err := newCertificates(t.Context(), []string{"node.example"}, a.certify); err == nil {
			t.Errorf("%s: not refused", name)
		}
	}
	if _, err := newCertificates(t.Context(), nil, nil); err == nil {
		t.Error("no names: not refused")
	}
}
