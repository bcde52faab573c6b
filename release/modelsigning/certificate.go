package modelsigning

import (
	"crypto/ecdsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"strings"
)

// fulcio is the arc of the extensions that sigstore's certificate authority puts
// into certificates for identities
// (https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md).
var fulcio = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1}

// keyOf returns the key that must have signed: the caller's, or that of the
// bundle's certificate, once it was followed to the caller's roots.
func (t Trust) keyOf(bundle map[string]any) (*ecdsa.PublicKey, *x509.Certificate, error) {
	material, path, err := member[map[string]any](bundle, "", "verificationMaterial")
	if err != nil {
		return nil, nil, err
	}
	var methods []string
	for _, name := range []string{"publicKey", "certificate", "x509CertificateChain"} {
		if material[name] != nil {
			methods = append(methods, name)
		}
	}
	if len(methods) != 1 {
		return nil, nil, refuse(CodeForm, path, "", "got %d of publicKey, certificate and x509CertificateChain, want one", len(methods))
	}
	if methods[0] == "publicKey" {
		if t.key == nil {
			return nil, nil, refuse(CodeMaterial, path+".publicKey", "give that key with --oms-key", "signed with a key, and no key is given to check it with")
		}
		return t.key, nil, nil
	}
	chain, err := certificates(material, path, methods[0])
	if err != nil {
		return nil, nil, err
	}
	if keyless(material, chain[0]) {
		return nil, nil, refuse(CodeKeyless, path, "sign the model with a key or a certificate of yours, or verify it with model_signing and measure it without this bundle",
			"a keyless signature of %s, as its certificate says: its transparency log and identity are not checked here", identity(chain[0]))
	}
	if t.roots == nil {
		return nil, nil, refuse(CodeMaterial, path+"."+methods[0], "give the root of that certificate with --oms-certificate-root",
			"signed with the certificate of %s, and no root is given to check it with", identity(chain[0]))
	}
	key, err := t.follow(chain, path+"."+methods[0])
	return key, chain[0], err
}

// certificates reads the bundle's certificates, the signer's first.
func certificates(material map[string]any, path, method string) ([]*x509.Certificate, error) {
	object, at, err := member[map[string]any](material, path, method)
	if err != nil {
		return nil, err
	}
	if method == "certificate" {
		one, err := certificate(object, at)
		return []*x509.Certificate{one}, err
	}
	list, at, err := member[[]any](object, at, "certificates")
	if err != nil {
		return nil, err
	}
	if len(list) == 0 || len(list) > maxCertificates {
		return nil, refuse(CodeForm, at, "", "got %d certificates, want 1 to %d", len(list), maxCertificates)
	}
	chain := make([]*x509.Certificate, len(list))
	for i := range list {
		object, at, err := element[map[string]any](list, at, i)
		if err != nil {
			return nil, err
		}
		if chain[i], err = certificate(object, at); err != nil {
			return nil, err
		}
	}
	return chain, nil
}

func certificate(object map[string]any, path string) (*x509.Certificate, error) {
	der, err := base64Member(object, path, "rawBytes", maxCertificate)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, refuse(CodeCertificate, path+".rawBytes", "", "%w", err)
	}
	return parsed, nil
}

// keyless tells a certificate that was made for one signature of an identity.
func keyless(material map[string]any, signer *x509.Certificate) bool {
	if entries, ok := material["tlogEntries"].([]any); ok && len(entries) > 0 {
		return true
	}
	return slices.ContainsFunc(signer.Issuer.Organization, func(name string) bool { return name == "sigstore.dev" }) ||
		slices.ContainsFunc(signer.Extensions, func(e pkix.Extension) bool { return underFulcio(e.Id) })
}

func underFulcio(id asn1.ObjectIdentifier) bool {
	return len(id) >= len(fulcio) && id[:len(fulcio)].Equal(fulcio)
}

// identity is whom a certificate names; nothing says that it is true.
func identity(c *x509.Certificate) string {
	var names []string
	for _, uri := range c.URIs {
		names = append(names, uri.String())
	}
	names = slices.Concat(names, c.EmailAddresses, c.DNSNames)
	if subject := c.Subject.String(); subject != "" {
		names = append(names, subject)
	}
	if len(names) == 0 {
		return "an unnamed holder"
	}
	return shown(strings.Join(names, ", "))
}

// Name is whom the signer's certificate names, quoted; empty without one.
func (s *Signer) Name() string {
	if s.Certificate == nil {
		return ""
	}
	return identity(s.Certificate)
}

// follow checks that the signer's certificate leads to the roots at the moment its
// validity begins, and may sign.
func (t Trust) follow(chain []*x509.Certificate, path string) (*ecdsa.PublicKey, error) {
	const hint = "is this the root of the authority that certified the signer?"
	signer := chain[0]
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := signer.Verify(x509.VerifyOptions{Roots: t.roots, Intermediates: between, CurrentTime: signer.NotBefore, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return nil, refuse(CodeCertificate, path, hint, "the certificate of %s: %w", identity(signer), err)
	}
	if signer.KeyUsage&x509.KeyUsageDigitalSignature == 0 && !slices.Contains(signer.ExtKeyUsage, x509.ExtKeyUsageCodeSigning) {
		return nil, refuse(CodeCertificate, path, "have the signer certified for digital signatures or code signing", "the certificate of %s is not for signing", identity(signer))
	}
	key, err := signingKey(signer.PublicKey)
	if err != nil {
		return nil, refuse(CodeCertificate, path, "", "the certificate of %s: %w", identity(signer), err)
	}
	return key, nil
}
