package server

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/muster-log/muster/attest"
)

func TestMessages(t *testing.T) {
	forwarded := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	h := &handler{queue: start(t, &machine{}, 1), activate: []byte("{}"), backend: forwarded, logger: slog.New(slog.DiscardHandler),
		answer: attest.Answer{Profile: attest.ProfileTPM2UKI}}
	bundle := []byte("bundle")
	h.bundle.Store(&bundle)
	good, err := (&attest.Request{Nonce: number(1), Credential: &attest.Credential{IDObject: []byte{1}, EncSecret: []byte{2}}}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	other, err := (&attest.Request{Nonce: number(1), Profile: "other/v1"}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	json := "application/json"
	for name, c := range map[string]struct {
		method, path, kind, body string
		want                     int
	}{
		"evidence":           {"POST", attest.EvidencePath, json, string(good), 200},
		"activate":           {"POST", attest.ActivatePath, json, "{}", 200},
		"get":                {"GET", attest.EvidencePath, json, "", 405},
		"wrong type":         {"POST", attest.EvidencePath, "text/plain", string(good), 400},
		"query":              {"POST", attest.EvidencePath + "?a", json, string(good), 400},
		"too large":          {"POST", attest.EvidencePath, json, strings.Repeat(" ", attest.MaxRequest+1), 413},
		"other profile":      {"POST", attest.EvidencePath, json, string(other), 400},
		"not a request":      {"POST", attest.EvidencePath, json, "{}", 400},
		"activate, more":     {"POST", attest.ActivatePath, json, "{} ", 400},
		"backend":            {"GET", "/v1/models", json, "", 418},
		"own, unknown":       {"GET", "/.well-known/muster/x", json, "", 404},
		"own, two slashes":   {"GET", "//.well-known//muster/x", json, "", 404},
		"own, escaped":       {"GET", "/%2ewell-known/muster%2fevidence/", json, "", 404},
		"own, over a folder": {"GET", "/a/../.well-known/muster", json, "", 404},
	} {
		r := httptest.NewRequest(c.method, "http://node"+c.path, strings.NewReader(c.body))
		r.Header.Set("Content-Type", c.kind)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s: got %d %s, want %d", name, w.Code, w.Body, c.want)
		}
		if name == "evidence" && w.Code == 200 {
			answer, err := attest.ParseAnswer(w.Body.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			check(t, number(1), answer.Batch, answer.Evidence)
			if string(answer.Secret) != "\x01" {
				t.Errorf("secret %x", answer.Secret)
			}
		}
	}
}
