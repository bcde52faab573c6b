package remote_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/muster-log/muster/roll/remote"
)

// TestStatus: what is no answer of a roll signer, or is too long, is an error.
func TestStatus(t *testing.T) {
	for name, test := range map[string]struct {
		status          int
		mediaType, body string
		fails           bool
	}{
		"as it came":  {200, "application/json", `{"ready":true}`, false},
		"no JSON":     {200, "text/html", `<html>`, true},
		"too long":    {200, "application/json", strings.Repeat(" ", 2<<20+1), true},
		"no such":     {404, "application/problem+json", `{"code":"not-found"}`, true},
		"redirection": {302, "application/json", `{}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/below/status" {
					t.Errorf("asked for %s", r.URL.Path)
				}
				w.Header().Set("Content-Type", test.mediaType)
				w.WriteHeader(test.status)
				w.Write([]byte(test.body))
			}))
			t.Cleanup(server.Close)
			client, err := remote.New(server.URL + "/below")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(client.Close)
			got, err := client.Status(t.Context())
			if (err != nil) != test.fails || err == nil && string(got) != test.body {
				t.Errorf("got %.100q, %v", got, err)
			}
			if status, ok := errors.AsType[*remote.StatusError](err); ok != (test.status != 200) || ok && status.Status != test.status {
				t.Errorf("got %v", err)
			}
		})
	}
}
