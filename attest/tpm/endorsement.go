package tpm

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/muster-log/muster/attest"
)

// Extended key usages of TCG EK Credential Profile, 3.2.16, and of the TCG
// Credential Profiles for attestation keys.
var (
	usageEK = asn1.ObjectIdentifier{2, 23, 133, 8, 1}
	usageAK = asn1.ObjectIdentifier{2, 23, 133, 8, 3}
)

var oidSubjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}

// An endorsement is a chain of certificates: the leaf, of an endorsement key or of
// the attestation key itself, its issuers, and the root.
type endorsement struct {
	chain []*x509.Certificate
	// ofAK: the leaf is the attestation key's, and no credential is needed.
	ofAK bool
	leaf attest.Digest // SHA-256 of the leaf's DER
}

// readEndorsement reads the certificates of an answer. None is no error.
func readEndorsement(certificates [][]byte, ak crypto.PublicKey) (*endorsement, error) {
	if len(certificates) == 0 {
		return nil, nil
	}
	e := &endorsement{leaf: sha256.Sum256(certificates[0])}
	for i, der := range certificates {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", i, err)
		}
		e.chain = append(e.chain, certificate)
	}
	if key, ok := e.chain[0].PublicKey.(interface{ Equal(crypto.PublicKey) bool }); ok && key.Equal(ak) {
		e.ofAK = true
	}
	return e, nil
}

// An endorsementResult is what a chain that holds is worth.
type endorsementResult struct {
	assurance attest.Assurance
	root      string // for people
	deadline  time.Time
}

// verify follows the chain to its last certificate, which must be a pinned root: of
// the built-in list, or one that the requirements name. Names, constraints, path
// lengths, validity and signatures are crypto/x509's to check; it refuses
// signatures over MD5 and SHA-1.
func (e *endorsement) verify(testRoots []attest.Digest, now time.Time) (endorsementResult, error) {
	var result endorsementResult
	root := e.chain[len(e.chain)-1]
	digest := attest.Digest(sha256.Sum256(root.Raw))
	switch known, ok := roots[digest]; {
	case len(e.chain) < 2:
		return result, errors.New("a certificate without its issuers: want all of them, up to and with the root")
	case ok:
		result.assurance, result.root = known.assurance, known.vendor+", "+known.name
	case slices.Contains(testRoots, digest):
		result.assurance, result.root = attest.AssuranceTest, "test root "+digest.String()
	default:
		return result, fmt.Errorf("root %s (%s) is neither of a vendor that is known nor one that the requirements name", digest, root.Subject)
	}
	usage := usageEK
	if e.ofAK {
		usage = usageAK
	}
	leaf := *e.chain[0]
	if !slices.ContainsFunc(leaf.UnknownExtKeyUsage, usage.Equal) {
		return result, fmt.Errorf("the leaf lacks extended key usage %s", usage)
	}
	if err := acceptTPMNames(&leaf); err != nil {
		return result, err
	}
	anchors, issuers := x509.NewCertPool(), x509.NewCertPool()
	anchors.AddCert(root)
	for _, issuer := range e.chain[1 : len(e.chain)-1] {
		issuers.AddCert(issuer)
	}
	// The usages of TPMs are none that crypto/x509 knows; the leaf's is checked above.
	chains, err := leaf.Verify(x509.VerifyOptions{Roots: anchors, Intermediates: issuers, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return result, err
	}
	for _, certificate := range chains[0] {
		if result.deadline.IsZero() || certificate.NotAfter.Before(result.deadline) {
			result.deadline = certificate.NotAfter
		}
	}
	return result, nil
}

// acceptTPMNames takes the extension subjectAltName as handled where it has only
// directory names: those of a TPM's maker, model and version. It is critical in
// most EK certificates, whose subject is empty, and crypto/x509 knows no use for it.
func acceptTPMNames(leaf *x509.Certificate) error {
	i := slices.IndexFunc(leaf.UnhandledCriticalExtensions, oidSubjectAltName.Equal)
	if i < 0 {
		return nil
	}
	for _, extension := range leaf.Extensions {
		if !extension.Id.Equal(oidSubjectAltName) {
			continue
		}
		var names asn1.RawValue
		if rest, err := asn1.Unmarshal(extension.Value, &names); err != nil || len(rest) > 0 || names.Tag != asn1.TagSequence || !names.IsCompound {
			return errors.New("the leaf's subjectAltName is no sequence of names")
		}
		for rest := names.Bytes; len(rest) > 0; {
			var name asn1.RawValue
			var err error
			if rest, err = asn1.Unmarshal(rest, &name); err != nil || name.Class != asn1.ClassContextSpecific || name.Tag != 4 {
				return errors.New("the leaf's subjectAltName has another name than a directory name")
			}
		}
	}
	leaf.UnhandledCriticalExtensions = slices.Delete(slices.Clone(leaf.UnhandledCriticalExtensions), i, i+1)
	return nil
}

// activated reports whether the client saw a credential for this very key come back
// from the holder of this very certificate's key.
func (e *endorsement) activated(akName []byte, activations []attest.Activation) bool {
	return slices.ContainsFunc(activations, func(a attest.Activation) bool {
		return a.EKCertificate == e.leaf && len(a.AKName) > 0 && bytes.Equal(a.AKName, akName)
	})
}
