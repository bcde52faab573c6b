//go:build system

package client_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/attest/tpm/swtpm"
	"github.com/muster-log/muster/client"
	"github.com/muster-log/muster/node/nodetest"
	"github.com/muster-log/muster/verify"
)

func authority(t testing.TB) *swtpm.Authority {
	t.Helper()
	a, err := swtpm.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// echo answers with what it was sent.
var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	io.WriteString(w, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization")+" ")
	io.Copy(w, r.Body)
})

func newClient(t testing.TB, r *nodetest.Release, s *nodetest.Served, with ...client.Option) *http.Client {
	t.Helper()
	c, err := client.New(r.Trust, append([]client.Option{client.WithRootCAs(s.Roots), client.WithClock(func() time.Time { return r.Time })}, with...)...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestRequest: a request reaches a node that passes, whole.
func TestRequest(t *testing.T) {
	a := authority(t)
	r := nodetest.Recorded(t, a)
	s := nodetest.Boot(t, a, r, swtpm.Boot{Image: r.Image}).Serve(t, r, echo)
	c := newClient(t, r, s)
	for range 3 {
		request, err := http.NewRequest(http.MethodPost, "https://"+s.Address+"/v1/complete", io.NopCloser(strings.NewReader("a secret")))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer token")
		response, err := c.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || string(text) != "POST /v1/complete Bearer token a secret" || response.Proto != "HTTP/2.0" {
			t.Errorf("got %s %q (%v)", response.Proto, text, err)
		}
	}
}

// TestRefused: a node that booted something beside its release gets nothing, and the
// caller is told which checks say so.
func TestRefused(t *testing.T) {
	a := authority(t)
	r := nodetest.Recorded(t, a)
	for name, test := range map[string]struct {
		boot swtpm.Boot
		want []verify.Code
	}{
		"a program in front":               {swtpm.Boot{Image: r.Image, InFront: []attest.Digest{{1}}}, []verify.Code{"boot-chain"}},
		"another command line":             {swtpm.Boot{Image: r.Image, Cmdline: r.Image.Cmdline + " systemd.debug_shell"}, []verify.Code{"kernel-inputs"}},
		"Secure Boot off":                  {swtpm.Boot{Image: r.Image, SecureBootOff: true}, []verify.Code{"secure-boot"}},
		"something beside the image":       {swtpm.Boot{Image: r.Image, Beside: []swtpm.Event{{PCR: 12, Digest: [32]byte{2}}}}, []verify.Code{"unused-pcrs"}},
		"a phase more":                     {swtpm.Boot{Image: r.Image, Phases: append(append([]string{}, r.Image.Phases...), "ready")}, []verify.Code{"kernel-image"}},
		"a ledger extended after its lock": {swtpm.Boot{Image: r.Image, Beside: []swtpm.Event{{PCR: 15, Digest: [32]byte{3}}}}, []verify.Code{"ledger"}},
	} {
		t.Run(name, func(t *testing.T) {
			served := 0
			m := nodetest.Boot(t, a, r, test.boot)
			s := m.Serve(t, r, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served++ }))
			transport, err := client.NewTransport(r.Trust, client.WithRootCAs(s.Roots), client.WithClock(func() time.Time { return r.Time }))
			if err != nil {
				t.Fatal(err)
			}
			if name == "a ledger extended after its lock" {
				// The node's own server notices, and answers nothing at all.
				if _, err := (&http.Client{Transport: transport}).Get("https://" + s.Address + "/"); err == nil || !strings.Contains(err.Error(), "503") || served > 0 {
					t.Errorf("got %v, %d requests served", err, served)
				}
				return
			}
			attestation, err := transport.Attest(t.Context(), &url.URL{Scheme: "https", Host: s.Address})
			if err != nil {
				t.Fatal(err)
			}
			var failed []verify.Code
			for _, check := range attestation.Verdict.Checks {
				if check.Status == verify.StatusFail && check.Code != "ak-bound" {
					failed = append(failed, check.Code)
				}
			}
			if len(failed) != len(test.want) || failed[0] != test.want[0] {
				t.Errorf("got %q, want %q", failed, test.want)
			}
			_, err = (&http.Client{Transport: transport}).Post("https://"+s.Address+"/", "text/plain", strings.NewReader("a secret"))
			if err == nil || !strings.Contains(err.Error(), "nothing was sent") || served > 0 {
				t.Errorf("got %v, %d requests served", err, served)
			}
		})
	}
}
