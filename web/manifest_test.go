package web_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/web/webtest"
)

// manifestSite is a log with an image that names its list of files by digest, and
// that list.
func manifestSite(t *testing.T, o webtest.Options) (s *webtest.Site, manifest []byte, digest release.Digest) {
	t.Helper()
	s = webtest.New(t, o)
	files := make([]release.Resource, 600)
	for i := range files {
		files[i] = release.Resource{Name: fmt.Sprintf("shard-%04d", i), Digest: sha256.Sum256(fmt.Append(nil, i))}
	}
	manifest, err := release.OMSManifest(release.OMSRoot(files), files)
	if err != nil {
		t.Fatal(err)
	}
	digest = sha256.Sum256(manifest)
	submitModel(s, "llama", release.OMSRoot(files), digest)
	return s, manifest, digest
}

func submitModel(s *webtest.Site, name string, root, manifest release.Digest) {
	s.Helper()
	image := s.Model(name, "1")
	image.Measurements.OMS = &release.OMS{Root: root, Manifest: &manifest}
	entry, _ := s.Sign(image)
	s.Submit(entry)
}

const jsonType = "Content-Type: application/json"

func manifestPath(digest release.Digest) string { return "/api/v1/manifests/" + digest.String() }

func TestManifest(t *testing.T) {
	s, manifest, digest := manifestSite(t, webtest.Options{})
	path := manifestPath(digest)
	status, header, body := sendRaw(t, s.URL, http.MethodGet, path, nil, nil)
	if status != 404 || !strings.Contains(body, `"code":"not-found"`) || header.Get("Cache-Control") != "no-store" {
		t.Errorf("before: got %d %s", status, body)
	}
	status, header, body = sendRaw(t, s.URL, http.MethodPost, path, []string{jsonType}, manifest)
	if status != 201 || header.Get("Location") != path || body != `{"digest":"`+digest.String()+`","manifest":"`+path+`"}`+"\n" {
		t.Errorf("sent: got %d %q %s", status, header, body)
	}
	if status, _, body = sendRaw(t, s.URL, http.MethodPost, path, []string{jsonType}, manifest); status != 200 {
		t.Errorf("sent again: got %d %s", status, body)
	}
	status, header, body = sendRaw(t, s.URL, http.MethodGet, path, nil, nil)
	if status != 200 || body != string(manifest) || header.Get("Content-Type") != "application/json" || header.Get("Cache-Control") != "public, max-age=31536000, immutable" ||
		header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("got %d %q, %d bytes", status, header, len(body))
	}
	if status, again, _ := sendRaw(t, s.URL, http.MethodGet, path, []string{"If-None-Match: " + header.Get("ETag")}, nil); status != 304 || again.Get("ETag") == "" {
		t.Errorf("revalidated: got %d", status)
	}
	if status, header, body := sendRaw(t, s.URL, http.MethodHead, path, nil, nil); status != 200 || body != "" || header.Get("Content-Length") != fmt.Sprint(len(manifest)) {
		t.Errorf("HEAD: got %d %q", status, header)
	}
	if status, _, body := sendRaw(t, s.URL, http.MethodGet, path, []string{"Range: bytes=0-3"}, nil); status != 206 || body != string(manifest[:4]) {
		t.Errorf("range: got %d %q", status, body)
	}
}

func TestManifestRefused(t *testing.T) {
	s, manifest, digest := manifestSite(t, webtest.Options{})
	// Bytes that images name and that are no manifest, or one of another root.
	spaced := []byte(" " + string(manifest))
	submitModel(s, "spaced", digest, sha256.Sum256(spaced))
	head, _, _ := strings.Cut(string(manifest), `"root":`)
	wrongRoot := []byte(head + `"root":{"sha256":"` + digest.String() + `"}}`)
	submitModel(s, "wrong-root", digest, sha256.Sum256(wrongRoot))
	one := func(name string) []byte {
		list := []release.Resource{{Name: name}}
		data, err := release.OMSManifest(release.OMSRoot(list), list)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	other, unnamed := one("a"), one("b")
	submitModel(s, "other-root", digest, sha256.Sum256(other))
	// A digest that an image has, but not of a manifest.
	artifact := s.Model("llama", "1").Artifacts[0].Digest
	capital := "/api/v1/manifests/" + strings.ToUpper(digest.String())
	for name, c := range map[string]struct {
		path    string
		headers []string
		body    []byte
		status  int
		code    string
	}{
		"not named":           {manifestPath(sha256.Sum256(unnamed)), []string{jsonType}, unnamed, 422, "manifest-not-named"},
		"an artifact's":       {manifestPath(artifact), []string{jsonType}, manifest, 422, "manifest-not-named"},
		"other bytes":         {manifestPath(digest), []string{jsonType}, unnamed, 422, "manifest-digest"},
		"not canonical":       {manifestPath(sha256.Sum256(spaced)), []string{jsonType}, spaced, 400, "json-not-canonical"},
		"not its root":        {manifestPath(sha256.Sum256(wrongRoot)), []string{jsonType}, wrongRoot, 422, "manifest-root"},
		"not the image's":     {manifestPath(sha256.Sum256(other)), []string{jsonType}, other, 422, "manifest-root"},
		"too large":           {manifestPath(digest), []string{jsonType}, make([]byte, release.MaxOMSManifest+1), 413, "manifest-size"},
		"nothing":             {manifestPath(digest), []string{jsonType}, []byte{}, 422, "manifest-digest"},
		"undeclared":          {manifestPath(digest), nil, manifest, 415, "content-type"},
		"declared as entry":   {manifestPath(digest), []string{"Content-Type: application/vnd.dsse.envelope.v1+json"}, manifest, 415, "content-type"},
		"compressed":          {manifestPath(digest), []string{jsonType, "Content-Encoding: gzip"}, manifest, 415, "content-type"},
		"no digest":           {"/api/v1/manifests/x", []string{jsonType}, manifest, 400, "index-form"},
		"a digest in capital": {capital, []string{jsonType}, manifest, 400, "index-form"},
		"a path":              {"/api/v1/manifests/..%2f..%2fanchors.db", []string{jsonType}, manifest, 400, "index-form"},
		"without a digest":    {"/api/v1/manifests", []string{jsonType}, manifest, 404, "not-found"},
	} {
		status, _, body := sendRaw(t, s.URL, http.MethodPost, c.path, c.headers, c.body)
		if status != c.status || !strings.Contains(body, `"code":"`+c.code+`"`) {
			t.Errorf("%s: got %d %.300s, want %d %s", name, status, body, c.status, c.code)
		}
		if status, _, _ := sendRaw(t, s.URL, http.MethodGet, c.path, nil, nil); status != 404 && status != 400 {
			t.Errorf("%s: then GET answers %d", name, status)
		}
	}
}

// fullDisk keeps nothing.
type fullDisk struct{}

var errFull = errors.New("no space left on device")

func (fullDisk) Put(context.Context, release.Digest, []byte) error { return errFull }

func (fullDisk) Open(context.Context, release.Digest) (io.ReadSeekCloser, error) {
	return nil, fs.ErrNotExist
}

// TestManifestNotKept: a manifest that could not be stored is to be sent again, and
// the peer learns nothing of the machine.
func TestManifestNotKept(t *testing.T) {
	s, manifest, digest := manifestSite(t, webtest.Options{Manifests: fullDisk{}})
	status, header, body := sendRaw(t, s.URL, http.MethodPost, manifestPath(digest), []string{jsonType}, manifest)
	if status != 503 || header.Get("Retry-After") == "" || !strings.Contains(body, `"code":"unavailable"`) || strings.Contains(body, errFull.Error()) {
		t.Errorf("got %d %q %s", status, header, body)
	}
}

// TestIdleUploadsKeepNobodyOut: connections that have begun to send a manifest, on
// every place that there is and more, and send nothing further, do not keep the one
// out who has it.
func TestIdleUploadsKeepNobodyOut(t *testing.T) {
	s, manifest, digest := manifestSite(t, webtest.Options{})
	const idle = 100
	answers := make(chan string, idle)
	for range idle {
		connection, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		fmt.Fprintf(connection, "POST %s HTTP/1.1\r\nHost: x\r\n%s\r\nContent-Length: 16000000\r\n\r\n{", manifestPath(digest), jsonType)
		go func() {
			line, _ := bufio.NewReader(connection).ReadString('\n')
			answers <- line
		}()
	}
	time.Sleep(200 * time.Millisecond)
	start := time.Now()
	for status := 0; status != http.StatusCreated; {
		var body string
		status, _, body = sendRaw(t, s.URL, http.MethodPost, manifestPath(digest), []string{jsonType}, manifest)
		if took := time.Since(start); status != http.StatusCreated && (status != http.StatusServiceUnavailable || took > 10*time.Second) {
			t.Fatalf("got %d %.200s after %s", status, body, took)
		}
	}
	// Who lost a place is told so.
	if line := <-answers; !strings.Contains(line, " 503 ") {
		t.Errorf("an idle connection got %q", line)
	}
}
