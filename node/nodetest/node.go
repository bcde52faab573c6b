// Package nodetest runs whole nodes for tests: a software TPM into which the boot of a
// recorded release is played, and the evidence protocol over it.
package nodetest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/attest/tpm"
	"github.com/muster-log/muster/attest/tpm/swtpm"
	"github.com/muster-log/muster/node/server"
	nodetpm "github.com/muster-log/muster/node/tpm"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/verify"
)

// Release is a release with its proof, and what a client needs to judge it.
type Release struct {
	Bundle       []byte
	Policy       []byte
	Requirements []byte
	Trust        *verify.Trust
	Time         time.Time // when all of it is fresh
	Judged       verify.Judged
	Image        attest.TPM2UKI // of the os
	Firmware     []byte         // an event log of its firmware
}

// Recorded is the release that a recorded boot was of, with requirements that accept
// the TPMs of an authority. It names its firmware and a model.
func Recorded(t testing.TB, authority *swtpm.Authority) *Release {
	t.Helper()
	_, file, _, _ := runtime.Caller(0)
	data, err := os.ReadFile(filepath.Join(filepath.Dir(file), "../../attest/tpm/testdata/boots/loader-in-front-without-secure-boot.json"))
	if err != nil {
		t.Fatal(err)
	}
	var recorded struct {
		Time         time.Time `json:"time"`
		Policy       string    `json:"policy"`
		Requirements string    `json:"requirements"`
		Answer       string    `json:"answer"`
	}
	if err := json.Unmarshal(data, &recorded); err != nil {
		t.Fatal(err)
	}
	answer, err := attest.ParseAnswer([]byte(recorded.Answer))
	if err != nil {
		t.Fatal(err)
	}
	r := &Release{Firmware: answer.EventLog, Bundle: answer.Bundle, Policy: []byte(recorded.Policy), Time: recorded.Time}
	requirements, err := verify.ParseRequirements([]byte(recorded.Requirements))
	if err != nil {
		t.Fatal(err)
	}
	requirements.TestRoots = []release.Digest{release.Digest(attest.DigestOf(authority.Root()))}
	if r.Requirements, err = requirements.Marshal(); err != nil {
		t.Fatal(err)
	}
	r.judge(t)
	return r
}

// judge fills in what the bundle and the files are about.
func (r *Release) judge(t testing.TB) {
	t.Helper()
	var err error
	if r.Trust, err = verify.ParseTrust(r.Policy, r.Requirements); err != nil {
		t.Fatal(err)
	}
	verdict := verify.Bundle(r.Bundle, r.Trust, r.Time)
	if verdict.Result != verify.Pass {
		t.Fatalf("the release: %s: %+v", verdict.Result, verdict.Checks)
	}
	r.Judged = verdict.Judged
	for _, image := range r.Judged.Images {
		if reference := image.Reference(); reference.TPM2UKI != nil {
			r.Image = *reference.TPM2UKI
		}
	}
}

// Machine is a machine that was booted, and whose gate has locked the ledger.
type Machine struct {
	Server       *swtpm.Server
	TPM          *nodetpm.TPM
	Key          *nodetpm.AK
	Certificates [][]byte
	EventLog     []byte
}

// Boot plays a boot of a release on a new machine, and its ledger.
func Boot(t testing.TB, authority *swtpm.Authority, r *Release, boot swtpm.Boot) *Machine {
	t.Helper()
	m := Start(t, authority, r, boot)
	ledger, err := r.Judged.Ledger()
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range ledger.Events() {
		if err := m.TPM.ExtendLedger(event); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// Start plays a boot of a release on a new machine, whose gate has not run.
func Start(t testing.TB, authority *swtpm.Authority, r *Release, boot swtpm.Boot) *Machine {
	t.Helper()
	m := &Machine{}
	var err error
	if m.Server, err = swtpm.Start(context.WithoutCancel(t.Context()), t.TempDir()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Server.Close() })
	if _, err = authority.Certify(m.Server); err != nil {
		t.Fatal(err)
	}
	boot.Firmware = r.Firmware
	if m.EventLog, err = m.Server.Play(boot); err != nil {
		t.Fatal(err)
	}
	if m.TPM, err = nodetpm.Open(m.Server.Address()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.TPM.Close() })
	if m.Key, err = m.TPM.NewAK(); err != nil {
		t.Fatal(err)
	}
	if m.Certificates, err = m.TPM.EKCertificates(authority.Root()); err != nil {
		t.Fatal(err)
	}
	return m
}

// Served is a node that answers.
type Served struct {
	Address string // 127.0.0.1:PORT
	Roots   *x509.CertPool
	// Certificate is what Roots holds, DER.
	Certificate []byte
	// Stop ends it, and waits until it has ended.
	Stop func()
}

// Serve has a machine answer, with a backend that serves handler; nil: none.
func (m *Machine) Serve(t testing.TB, r *Release, handler http.Handler) *Served {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return m.ServeAt(t, r, handler, listener)
}

// ServeAt is Serve at a listener of the caller's.
func (m *Machine) ServeAt(t testing.TB, r *Release, handler http.Handler, listener net.Listener) *Served {
	t.Helper()
	ledger, err := r.Judged.Ledger()
	if err != nil {
		t.Fatal(err)
	}
	options := server.Options{
		Listener: listener, Names: []string{"127.0.0.1"}, Attester: m.Key, Profile: tpm.Profile, Ledger: ledger.SHA256(),
		Certificates: m.Certificates, EventLog: m.EventLog, Bundle: r.Bundle, Queue: 64,
		Activate: &attest.Activate{AKPublic: m.Key.Public(), EKCertificate: m.Certificates[0]},
		Logger:   slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	if handler != nil {
		options.Backend = backend(t, handler)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, options) }()
	stopped := false
	s := &Served{Address: listener.Addr().String(), Roots: x509.NewCertPool()}
	s.Stop = func() {
		cancel()
		if stopped {
			return
		}
		stopped = true
		if err := <-ended; err != nil {
			t.Errorf("the node ended: %v", err)
		}
	}
	t.Cleanup(s.Stop)
	// The node's certificate is its own: what a private authority would vouch for.
	connection, err := tls.Dial("tcp", s.Address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	certificate := connection.ConnectionState().PeerCertificates[0]
	s.Roots.AddCert(certificate)
	s.Certificate = certificate.Raw
	return s
}

func backend(t testing.TB, handler http.Handler) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	go served.Serve(listener)
	t.Cleanup(func() { served.Close() })
	return "http://" + listener.Addr().String()
}
