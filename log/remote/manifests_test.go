package remote

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/release"
)

// TestManifestBound: the log's bound and the client's are one.
func TestManifestBound(t *testing.T) {
	if maxManifest != release.MaxOMSManifest {
		t.Errorf("got %d, the format has %d", maxManifest, release.MaxOMSManifest)
	}
}

func TestManifest(t *testing.T) {
	const data = `{"resources":[]}`
	digest := sha256.Sum256([]byte(data))
	for name, c := range map[string]struct {
		answer step
		want   error
	}{
		"the bytes":            {step{status: 200, body: data}, nil},
		"other bytes":          {step{status: 200, body: data + "\n"}, ErrAnswer},
		"another content type": {step{status: 200, header: map[string]string{"Content-Type": "text/html"}, body: data}, ErrAnswer},
		"too many bytes":       {step{status: 200, body: strings.Repeat(" ", maxManifest+1)}, ErrAnswer},
		"none":                 {step{status: 404, body: "{}"}, fs.ErrNotExist},
	} {
		client, requests := script(t, c.answer)
		got, err := client.Manifest(t.Context(), digest)
		if !errors.Is(err, c.want) || c.want == nil && string(got) != data {
			t.Errorf("%s: got %q, %v, want %v", name, got, err, c.want)
		}
		if want := []string{"GET /api/v1/manifests/" + hex.EncodeToString(digest[:])}; !slices.Equal(*requests, want) {
			t.Errorf("%s: got requests %q", name, *requests)
		}
	}
}

// TestPutManifest: what may be repeated is repeated, a refusal is not.
func TestPutManifest(t *testing.T) {
	client, requests := script(t, step{status: 503, header: map[string]string{"Retry-After": "7"}, body: "{}"}, step{status: 502}, step{status: 201, body: "{}"})
	pauses := noSleep(client)
	if err := client.PutManifest(t.Context(), []byte("list"), nil); err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte("list"))
	want := "POST /api/v1/manifests/" + hex.EncodeToString(digest[:]) + " list"
	if !slices.Equal(*requests, []string{want, want, want}) {
		t.Errorf("got requests %q", *requests)
	}
	if len(*pauses) != 2 || (*pauses)[0] != 7*time.Second {
		t.Errorf("got pauses %v", *pauses)
	}

	client, requests = script(t, step{status: 422, body: `{"code":"manifest-not-named"}`})
	err := client.PutManifest(t.Context(), []byte("list"), nil)
	if refused, ok := errors.AsType[*StatusError](err); !ok || refused.Code != "manifest-not-named" || len(*requests) != 1 {
		t.Errorf("got %v after %d requests", err, len(*requests))
	}
	client = serve(t, func(http.ResponseWriter, *http.Request) { t.Error("sent") })
	for _, data := range [][]byte{nil, bytes.Repeat([]byte(" "), maxManifest+1)} {
		if err := client.PutManifest(t.Context(), data, nil); err == nil {
			t.Errorf("%d bytes were sent", len(data))
		}
	}
}
