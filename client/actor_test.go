//go:build system

package client_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/attest/tpm"
	"github.com/muster-log/muster/node/nodetest"
)

// identity is a TLS key with a certificate for 127.0.0.1.
type identity struct {
	certificate tls.Certificate
	spki        attest.Digest
}

func newIdentity(t testing.TB, roots *x509.CertPool) *identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots.AddCert(leaf)
	return &identity{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, sha256.Sum256(leaf.RawSubjectPublicKeyInfo)}
}

// actor is a server that need not be honest. Every byte that it gets inside TLS is
// kept, by connection.
type actor struct {
	address string
	roots   *x509.CertPool

	mu      sync.Mutex
	got     []*bytes.Buffer
	resumed bool
}

// act serves handler, with the identity that choose gives the nth connection, from 0.
// It offers session tickets.
func act(t testing.TB, roots *x509.CertPool, choose func(n int) *identity, handler http.Handler) *actor {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := &actor{address: listener.Addr().String(), roots: roots}
	server := &http.Server{Handler: handler, ErrorLog: slog.NewLogLogger(slog.NewTextHandler(io.Discard, nil), slog.LevelError)}
	go server.Serve(&recordingListener{Listener: listener, actor: a, choose: choose})
	t.Cleanup(func() { server.Close() })
	return a
}

type recordingListener struct {
	net.Listener
	actor  *actor
	choose func(n int) *identity
	ticket sync.Once
	keys   [32]byte
}

func (l *recordingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.ticket.Do(func() { rand.Read(l.keys[:]) })
	l.actor.mu.Lock()
	defer l.actor.mu.Unlock()
	got := &bytes.Buffer{}
	config := &tls.Config{Certificates: []tls.Certificate{l.choose(len(l.actor.got)).certificate}, NextProtos: []string{"http/1.1"}}
	config.SetSessionTicketKeys([][32]byte{l.keys})
	l.actor.got = append(l.actor.got, got)
	return &recordingConn{Conn: tls.Server(conn, config), actor: l.actor, got: got}, nil
}

type recordingConn struct {
	net.Conn
	actor *actor
	got   *bytes.Buffer
}

func (c *recordingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.actor.mu.Lock()
	defer c.actor.mu.Unlock()
	c.got.Write(p[:n])
	c.actor.resumed = c.actor.resumed || c.Conn.(*tls.Conn).ConnectionState().DidResume
	return n, err
}

// connections is how many were made.
func (a *actor) connections() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.got)
}

// anyResumed reports a connection that resumed another's session.
func (a *actor) anyResumed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.resumed
}

// wantNothing: all that the actor got is requests of the evidence protocol.
func (a *actor) wantNothing(t testing.TB) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, got := range a.got {
		for part := range strings.SplitSeq(got.String(), "POST ") {
			if part != "" && !strings.HasPrefix(part, attest.EvidencePath+" ") && !strings.HasPrefix(part, attest.ActivatePath+" ") {
				t.Errorf("connection %d got %q", i, part)
			}
		}
		for _, word := range []string{"secret", "token", "complete", "query"} {
			if strings.Contains(strings.ToLower(got.String()), word) && !strings.Contains(got.String(), `"credential"`) {
				t.Errorf("connection %d got the word %q: %q", i, word, got)
			}
		}
	}
}

// evidenceOf answers as a node of that machine whose TLS key is spki.
func evidenceOf(t testing.TB, m *nodetest.Machine, r *nodetest.Release, spki attest.Digest) http.Handler {
	t.Helper()
	ledger, err := r.Judged.Ledger()
	if err != nil {
		t.Fatal(err)
	}
	value := ledger.SHA256()
	var mu sync.Mutex
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		if request.URL.Path == attest.ActivatePath {
			message, err := (&attest.Activate{AKPublic: m.Key.Public(), EKCertificate: m.Certificates[0]}).Marshal()
			if err != nil {
				t.Error(err)
			}
			w.Write(message)
			return
		}
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return
		}
		asked, err := attest.ParseRequest(body)
		if err != nil {
			t.Error(err)
			return
		}
		place := attest.NoncePlace{Size: 1}
		root, err := place.Root(asked.Nonce)
		if err != nil {
			t.Error(err)
			return
		}
		extra, err := attest.Binding{Profile: tpm.Profile, Nonce: root, SPKI: spki, Ledger: value[:]}.SHA256()
		if err != nil {
			t.Error(err)
			return
		}
		answer := &attest.Answer{Profile: tpm.Profile, Batch: place, Certificates: m.Certificates, EventLog: m.EventLog, Bundle: r.Bundle}
		if answer.Evidence, _, err = m.Key.Quote(extra); err != nil {
			t.Error(err)
			return
		}
		if asked.Credential != nil {
			if answer.Secret, err = m.Key.Activate(asked.Credential); err != nil {
				t.Error(err)
				return
			}
		}
		message, err := answer.Marshal()
		if err != nil {
			t.Error(err)
			return
		}
		w.Write(message)
	})
}

// onlyEvidence has a handler for the evidence protocol and another for all else.
func onlyEvidence(evidence, rest http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/.well-known/muster/") {
			evidence.ServeHTTP(w, r)
			return
		}
		rest.ServeHTTP(w, r)
	})
}
