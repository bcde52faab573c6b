// Command certify is a certificate authority of tests: it reads a certificate request
// (PKCS#10, PEM) from standard input and writes a certificate for it, signed by the
// key and certificate in the file that it is given. A real node asks a real authority
// here, which finds out who asks.
package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "certify:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) != 1 {
		return errors.New("want one argument, a file with the authority's key and certificate")
	}
	key, authority, err := readAuthority(arguments[0])
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(os.Stdin, 64<<10))
	if err != nil {
		return err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return errors.New("standard input holds no PEM")
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return err
	}
	if err := request.CheckSignature(); err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: request.DNSNames, IPAddresses: request.IPAddresses,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 0, 7),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, authority, request.PublicKey, key)
	if err != nil {
		return err
	}
	return pem.Encode(os.Stdout, &pem.Block{Type: "CERTIFICATE", Bytes: certificate})
}

func readAuthority(path string) (*ecdsa.PrivateKey, *x509.Certificate, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	text = bytes.TrimSpace(text)
	first, rest := pem.Decode(text)
	second, _ := pem.Decode(rest)
	if first == nil || second == nil {
		return nil, nil, fmt.Errorf("%s: want two blocks of PEM, a key and a certificate", path)
	}
	private, err := x509.ParsePKCS8PrivateKey(first.Bytes)
	if err != nil {
		return nil, nil, err
	}
	key, ok := private.(*ecdsa.PrivateKey)
	if !ok {
		return nil, nil, fmt.Errorf("%s: the key is %T, want ECDSA", path, private)
	}
	authority, err := x509.ParseCertificate(second.Bytes)
	return key, authority, err
}
