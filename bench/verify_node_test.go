package bench

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/attest/tpm"
	"github.com/muster-log/muster/attest/tpm/swtpm"
	"github.com/muster-log/muster/node/nodetest"
	"github.com/muster-log/muster/verify"
)

// BenchmarkVerifyNode judges a node's answer as a client does: its proof bundle, and a
// real quote of a software TPM with its certificates; beside nothing but the checks of
// the signatures in it. Wanted: at most 1.5 times their sum.
func BenchmarkVerifyNode(b *testing.B) {
	authority, err := swtpm.NewAuthority()
	if err != nil {
		b.Fatal(err)
	}
	r, _ := nodetest.Make(b, authority, nodetest.Images{"model/model": {"weights.bin": "weights"}, "config/config": {"muster-command.json": "{}"}})
	m := nodetest.Boot(b, authority, r, swtpm.Boot{Image: r.Image})
	answer, session := quoted(b, r, m)
	readers := map[string]attest.Reader{tpm.Profile: tpm.Read}
	if verdict := verify.Node(answer, readers, session, r.Trust, r.Time); verdict.Result != verify.Pass {
		b.Fatalf("got %s: %+v", verdict.Result, verdict.Checks)
	}
	bundled := signatures(b, r.Bundle, r.Trust.Policy(), r.Judged.Authority.Keys)
	evidence := evidenceSignatures(b, m, answer)
	var judging, checking []time.Duration
	for b.Loop() {
		judging = append(judging, timed(b, func() error {
			if verdict := verify.Node(answer, readers, session, r.Trust, r.Time); verdict.Result != verify.Pass {
				return fmt.Errorf("got %s", verdict.Result)
			}
			return nil
		}))
		checking = append(checking, timed(b, func() error {
			for _, s := range bundled {
				if !ed25519.Verify(s.public, s.message, s.sig) {
					return errors.New("a signature of the bundle does not verify")
				}
			}
			return evidence()
		}))
	}
	judged, checked := median(judging), median(checking)
	b.ReportMetric(judged, "p50-ms")
	b.ReportMetric(checked, "signatures-p50-ms")
	b.ReportMetric(float64(len(bundled)+2), "signatures")
	b.ReportMetric(judged/checked, "times-signatures")
	b.ReportMetric(0, "ns/op")
}

// quoted has a machine answer a client that saw its credential come back.
func quoted(b *testing.B, r *nodetest.Release, m *nodetest.Machine) (*attest.Answer, verify.Session) {
	b.Helper()
	name, err := tpm.AKName(m.Key.Public())
	if err != nil {
		b.Fatal(err)
	}
	session := verify.Session{Nonce: sha256.Sum256([]byte("nonce")), SPKI: sha256.Sum256([]byte("key")),
		Activated: []attest.Activation{{AKName: name, EKCertificate: attest.DigestOf(m.Certificates[0])}}}
	tree, err := attest.NewNonceTree([]attest.Digest{session.Nonce})
	if err != nil {
		b.Fatal(err)
	}
	ledger, err := r.Judged.Ledger()
	if err != nil {
		b.Fatal(err)
	}
	value := ledger.SHA256()
	extraData, err := attest.Binding{Profile: tpm.Profile, Nonce: tree.Root(), SPKI: session.SPKI, Ledger: value[:]}.SHA256()
	if err != nil {
		b.Fatal(err)
	}
	parts, _, err := m.Key.Quote(extraData)
	if err != nil {
		b.Fatal(err)
	}
	return &attest.Answer{Profile: tpm.Profile, Evidence: parts, Batch: tree.Place(0), Certificates: m.Certificates, EventLog: m.EventLog, Bundle: r.Bundle}, session
}

// evidenceSignatures checks the quote's signature and that of the certificate.
func evidenceSignatures(b *testing.B, m *nodetest.Machine, answer *attest.Answer) func() error {
	b.Helper()
	public, err := tpm.ParsePublic(m.Key.Public())
	if err != nil {
		b.Fatal(err)
	}
	if _, ok := public.Key.(*ecdsa.PublicKey); !ok {
		b.Fatalf("the attestation key is %T", public.Key)
	}
	signature, err := tpm.ParseSignature(answer.Evidence[tpm.PartSignature])
	if err != nil {
		b.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(m.Certificates[0])
	if err != nil {
		b.Fatal(err)
	}
	root, err := x509.ParseCertificate(m.Certificates[1])
	if err != nil {
		b.Fatal(err)
	}
	return func() error {
		return errors.Join(public.Verify(answer.Evidence[tpm.PartAttest], signature), leaf.CheckSignatureFrom(root))
	}
}
