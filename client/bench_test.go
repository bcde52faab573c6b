//go:build system

package client_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/muster-log/muster/client"
)

// BenchmarkCachedVerdict measures what a verdict that is known adds to a request over
// a connection that is open: each turn makes one request through a plain
// http.Transport with the same TLS settings and one through a Transport, in changing
// order, to the same server. The figures are medians.
func BenchmarkCachedVerdict(b *testing.B) {
	for name, protocols := range map[string][]string{"h2": {"h2", "http/1.1"}, "http1": {"http/1.1"}} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b)
			key := newIdentity(b, w.roots)
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			answer := make([]byte, 1024)
			server := &http.Server{TLSConfig: &tls.Config{Certificates: []tls.Certificate{key.certificate}, NextProtos: protocols},
				Handler: onlyEvidence(evidenceOf(b, w.machine, w.release, key.spki), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					io.Copy(io.Discard, r.Body)
					w.Write(answer)
				}))}
			if len(protocols) == 1 {
				server.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){}
			}
			go server.ServeTLS(listener, "", "")
			b.Cleanup(func() { server.Close() })
			plain := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: w.roots, MinVersion: tls.VersionTLS13}, ForceAttemptHTTP2: true}
			judged := w.transport(b)
			var took [2][]time.Duration
			request := func(which int) {
				var transport http.RoundTripper = plain
				if which == 1 {
					transport = judged
				}
				begin := time.Now()
				request, err := http.NewRequest(http.MethodGet, "https://"+listener.Addr().String()+"/", nil)
				if err != nil {
					b.Fatal(err)
				}
				response, err := transport.RoundTrip(request)
				if err != nil {
					b.Fatal(err)
				}
				io.Copy(io.Discard, response.Body)
				response.Body.Close()
				took[which] = append(took[which], time.Since(begin))
			}
			for range 200 {
				request(0)
				request(1)
			}
			took[0], took[1] = took[0][:0], took[1][:0]
			for turn := 0; b.Loop(); turn++ {
				request(turn % 2)
				request(1 - turn%2)
			}
			slices.Sort(took[0])
			slices.Sort(took[1])
			before, after := took[0][len(took[0])/2], took[1][len(took[1])/2]
			b.ReportMetric(float64(before.Nanoseconds()), "ns/plain")
			b.ReportMetric(float64(after.Nanoseconds()), "ns/judged")
			b.ReportMetric(100*(float64(after)/float64(before)-1), "%-added")
		})
	}
}

// BenchmarkAsk measures a whole asking of a known machine: a handshake, a quote of a
// software TPM, and its judgement.
func BenchmarkAsk(b *testing.B) {
	w := newWorld(b)
	s := w.machine.Serve(b, w.release, nil)
	transport := w.transport(b, client.WithRootCAs(s.Roots))
	at := &url.URL{Scheme: "https", Host: s.Address}
	for b.Loop() {
		if _, err := transport.Attest(b.Context(), at); err != nil {
			b.Fatal(err)
		}
	}
}
