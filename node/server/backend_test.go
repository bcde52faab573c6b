package server

import (
	"crypto/sha256"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/muster-log/muster/attest"
)

func TestBackend(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	service := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Real-Ip") != "" || r.Header.Get("X-Forwarded-For") == "1.2.3.4" || r.Header.Get("Forwarded") != "" {
			t.Errorf("a client's own words reach the backend: %v", r.Header)
		}
		_, _ = io.WriteString(w, r.URL.Path)
	}))
	service.Listener = listener
	service.Start()
	backend, err := newBackend("unix:"+socket, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	certificates, err := newCertificates(t.Context(), []string{"node.test", "127.0.0.1"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	node := httptest.NewUnstartedServer(backend)
	node.TLS = certificates.tlsConfig()
	node.TLS.Certificates = []tls.Certificate{*certificates.current.Load()} // or httptest adds its own
	node.EnableHTTP2 = true
	node.StartTLS()
	defer node.Close()
	client := node.Client()
	request, _ := http.NewRequest("GET", node.URL+"/v1/models", nil)
	for _, name := range []string{"X-Real-Ip", "X-Forwarded-For", "Forwarded"} {
		request.Header.Set(name, "1.2.3.4")
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(response.Body)
	response.Body.Close()
	if string(text) != "/v1/models" || response.TLS.Version != tls.VersionTLS13 || response.ProtoMajor != 2 {
		t.Errorf("got %q over %s", text, response.Proto)
	}
	if got := sha256.Sum256(response.TLS.PeerCertificates[0].RawSubjectPublicKeyInfo); attest.Digest(got) != certificates.spki {
		t.Errorf("key %x, want %s", got, certificates.spki)
	}
	service.Close()
	response, err = client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusBadGateway {
		t.Errorf("backend down: %s", response.Status)
	}
}

func TestBackendAddresses(t *testing.T) {
	for _, address := range []string{"", "http://example.com:80", "http://10.0.0.1:80", "https://127.0.0.1:1", "http://127.0.0.1", "http://u@127.0.0.1:1", "http://127.0.0.1:1/x", "unix:relative"} {
		if _, err := newBackend(address, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%q is accepted", address)
		}
	}
}
