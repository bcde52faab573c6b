package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"sync/atomic"
	"time"

	"github.com/muster-log/muster/attest"
)

const (
	certifyTime = 2 * time.Minute
	maxChain    = 16
)

// certificates is a TLS key, made in memory and never written, with the newest
// certificate for it. The key stays for the life of the process, so that evidence
// about it stays good when its certificate is renewed.
type certificates struct {
	key     *ecdsa.PrivateKey
	spki    attest.Digest
	names   []string
	certify func(ctx context.Context, request []byte) ([]byte, error) // nil: self-signed
	current atomic.Pointer[tls.Certificate]
}

// newCertificates makes a key and its first certificate. certify gets a certificate
// request (PKCS#10, PEM) and returns a chain (PEM), the leaf first; nil: the
// certificate is the key's own, for development, and clients must be told of it.
func newCertificates(ctx context.Context, names []string, certify func(context.Context, []byte) ([]byte, error)) (*certificates, error) {
	if len(names) == 0 {
		return nil, errors.New("a certificate needs a name: got none")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	c := &certificates{key: key, spki: sha256.Sum256(public), names: names, certify: certify}
	return c, c.renew(ctx)
}

// renew gets another certificate for the same key.
func (c *certificates) renew(ctx context.Context) error {
	chain, err := c.chain(ctx)
	if err != nil {
		return err
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return fmt.Errorf("the certificate: %w", err)
	}
	if sha256.Sum256(leaf.RawSubjectPublicKeyInfo) != c.spki {
		return errors.New("the certificate is for another key than the request")
	}
	for _, name := range c.names {
		if err := leaf.VerifyHostname(name); err != nil {
			return fmt.Errorf("the certificate: %w", err)
		}
	}
	c.current.Store(&tls.Certificate{Certificate: chain, PrivateKey: c.key, Leaf: leaf})
	return nil
}

func (c *certificates) chain(ctx context.Context) ([][]byte, error) {
	if c.certify == nil {
		return c.selfSigned(time.Now())
	}
	template := &x509.CertificateRequest{}
	template.DNSNames, template.IPAddresses = split(c.names)
	request, err := x509.CreateCertificateRequest(rand.Reader, template, c.key)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, certifyTime)
	defer cancel()
	text, err := c.certify(ctx, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: request}))
	if err != nil {
		return nil, fmt.Errorf("get a certificate: %w", err)
	}
	var chain [][]byte
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" || len(chain) == maxChain {
			return nil, fmt.Errorf("get a certificate: got a PEM block of type %q, want at most %d certificates", block.Type, maxChain)
		}
		chain = append(chain, block.Bytes)
	}
	if len(chain) == 0 {
		return nil, errors.New("get a certificate: got none, in PEM")
	}
	return chain, nil
}

func (c *certificates) selfSigned(now time.Time) ([][]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: serial.Add(serial, big.NewInt(1)), Subject: pkix.Name{CommonName: "muster node"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true}
	template.DNSNames, template.IPAddresses = split(c.names)
	der, err := x509.CreateCertificate(rand.Reader, template, template, &c.key.PublicKey, c.key)
	return [][]byte{der}, err
}

func split(names []string) (dns []string, addresses []net.IP) {
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			addresses = append(addresses, ip)
		} else {
			dns = append(dns, name)
		}
	}
	return dns, addresses
}

// keep renews the certificate when a third of its life is left, until the context
// ends.
func (c *certificates) keep(ctx context.Context, pause func(context.Context, time.Duration) bool, logger *slog.Logger) {
	for {
		leaf := c.current.Load().Leaf
		wait := max(time.Until(leaf.NotAfter.Add(-leaf.NotAfter.Sub(leaf.NotBefore)/3)), minPause)
		if !pause(ctx, wait) {
			return
		}
		for {
			err := c.renew(ctx)
			if err == nil {
				logger.Info("the TLS certificate is renewed", "until", c.current.Load().Leaf.NotAfter)
				break
			}
			logger.Warn("the TLS certificate is not renewed", "error", err, "until", leaf.NotAfter)
			if !pause(ctx, retryPause) {
				return
			}
		}
	}
}

// tlsConfig is TLS 1.3 alone. There are no session tickets: a resumed connection
// shows the client no certificate, and to one that checks evidence of the key it
// is worth nothing.
func (c *certificates) tlsConfig() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, SessionTicketsDisabled: true, NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil }}
}
