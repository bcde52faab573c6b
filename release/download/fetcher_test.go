package download

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/release"
)

// content is a file of a few hundred kilobytes in which no two places are alike.
func content(n int) []byte {
	data := make([]byte, 0, n+32)
	for block := 0; len(data) < n; block++ {
		sum := sha256.Sum256([]byte(strconv.Itoa(block)))
		data = append(data, sum[:]...)
	}
	return data[:n]
}

// host is a server of files on loopback. It counts the requests, and keeps their
// headers.
type host struct {
	*httptest.Server
	mu       sync.Mutex
	requests []http.Header
}

func newHost(t *testing.T, handler http.HandlerFunc) *host {
	t.Helper()
	h := &host{}
	h.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.requests = append(h.requests, r.Header)
		h.mu.Unlock()
		handler(w, r)
	}))
	h.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	h.StartTLS()
	t.Cleanup(h.Close)
	return h
}

func (h *host) header(i int) http.Header {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.requests[i]
}

func (h *host) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.requests)
}

// serve answers as an honest server of one file, with ranges.
func serve(data []byte, tag string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", tag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	}
}

// cut ends the connection after n bytes of the body.
func cut(handler http.HandlerFunc, n func() int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		handler(&cutter{ResponseWriter: w, left: n()}, r)
	}
}

type cutter struct {
	http.ResponseWriter
	left int
}

func (c *cutter) Write(data []byte) (int, error) {
	if len(data) <= c.left {
		c.left -= len(data)
		return c.ResponseWriter.Write(data)
	}
	c.ResponseWriter.Write(data[:c.left])
	c.ResponseWriter.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

// fetcher trusts the test servers, waits for nothing, and has room.
func fetcher(t *testing.T, o Options) *Fetcher {
	t.Helper()
	if o.Roots == nil {
		server := httptest.NewTLSServer(nil) // all of them have one certificate
		o.Roots = x509.NewCertPool()
		o.Roots.AddCert(server.Certificate())
		server.Close()
	}
	if o.Sleep == nil {
		o.Sleep = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	}
	if o.Space == nil {
		o.Space = func(string) (uint64, bool) { return 1 << 40, true }
	}
	f := New(o)
	t.Cleanup(f.Close)
	return f
}

func artifact(data []byte, urls ...string) release.Artifact {
	return release.Artifact{Name: "model.img", Digest: sha256.Sum256(data), Size: uint64(len(data)), MediaType: "application/octet-stream", URLs: urls}
}

const imageDirectory = "model-llama-1"

// fetchOne fetches one artifact into a directory.
func fetchOne(t *testing.T, f *Fetcher, directory string, a release.Artifact) (Fetched, error) {
	t.Helper()
	all, err := f.Fetch(t.Context(), directory, []Set{{imageDirectory, []release.Artifact{a}}}, progress.None())
	if err != nil {
		return Fetched{}, err
	}
	if len(all) != 1 {
		t.Fatalf("got %d results, want one", len(all))
	}
	return all[0], nil
}

// left lists the files below a directory with their sizes.
func left(t *testing.T, directory string) map[string]int {
	t.Helper()
	files := map[string]int{}
	err := filepath.Walk(directory, func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			name, _ := filepath.Rel(directory, path)
			files[filepath.ToSlash(name)] = int(info.Size())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// whole wants the artifact in its place, and nothing else.
func whole(t *testing.T, directory string, data []byte) {
	t.Helper()
	if diff := cmp.Diff(map[string]int{imageDirectory + "/model.img": len(data)}, left(t, directory)); diff != "" {
		t.Errorf("-want +left\n%s", diff)
	}
	if got, err := os.ReadFile(filepath.Join(directory, imageDirectory, "model.img")); err != nil || !bytes.Equal(got, data) {
		t.Errorf("the file is not what was served: %d bytes, %v", len(got), err)
	}
}

func refusedWith(t *testing.T, err error, code Code, text string) {
	t.Helper()
	refused, ok := errors.AsType[*Error](err)
	if !ok || refused.Code != code || !strings.Contains(err.Error(), text) {
		t.Errorf("got %v, want code %s and %q", err, code, text)
	}
}

func TestFetch(t *testing.T) {
	data, directory := content(300_000), t.TempDir()
	h := newHost(t, serve(data, `"1"`))
	f := fetcher(t, Options{})
	got, err := fetchOne(t, f, directory, artifact(data, h.URL+"/model.img"))
	if err != nil || got.Err != nil || got.There || got.URL != h.URL+"/model.img" || got.Path != imageDirectory+"/model.img" {
		t.Fatalf("got %+v, %v", got, err)
	}
	whole(t, directory, data)
	if header := h.header(0); header.Get("Range") != "" || header.Get("Accept-Encoding") != "identity" || header.Get("Authorization") != "" || header.Get("Cookie") != "" {
		t.Errorf("asked with %v", header)
	}
	// Once more: nothing is asked.
	got, err = fetchOne(t, f, directory, artifact(data, h.URL+"/model.img"))
	if err != nil || !got.There || h.count() != 1 {
		t.Errorf("got %+v, %v and %d requests", got, err, h.count())
	}
	whole(t, directory, data)
}

// TestResume: wherever a connection is cut, the transfer goes on behind what is there.
func TestResume(t *testing.T) {
	data := content(300_000)
	for _, at := range []int{0, 1, 4095, MinimumBytes - 1, MinimumBytes, 150_000, len(data) - 1} {
		t.Run(strconv.Itoa(at), func(t *testing.T) {
			first, directory := true, t.TempDir()
			h := newHost(t, cut(serve(data, `"1"`), func() int {
				if first {
					first = false
					return at
				}
				return len(data)
			}))
			got, err := fetchOne(t, fetcher(t, Options{}), directory, artifact(data, h.URL))
			if err != nil || got.Err != nil || h.count() != 2 {
				t.Fatalf("got %+v, %v after %d requests", got, err, h.count())
			}
			whole(t, directory, data)
			wantRange, wantIf := fmt.Sprintf("bytes=%d-", at), `"1"`
			if at == 0 {
				wantRange, wantIf = "", ""
			}
			if header := h.header(1); header.Get("Range") != wantRange || header.Get("If-Range") != wantIf {
				t.Errorf("got range %q if %q, want %q if %q", header.Get("Range"), header.Get("If-Range"), wantRange, wantIf)
			}
		})
	}
	t.Run("after every 100,000 bytes", func(t *testing.T) {
		data, directory := content(1_000_000), t.TempDir()
		h := newHost(t, cut(serve(data, `"1"`), func() int { return 100_000 }))
		if got, err := fetchOne(t, fetcher(t, Options{}), directory, artifact(data, h.URL)); err != nil || got.Err != nil || h.count() != 10 {
			t.Fatalf("got %+v, %v after %d requests", got, err, h.count())
		}
		whole(t, directory, data)
	})
}

// TestResumeLater: a call that was interrupted is gone on with by the next one.
func TestResumeLater(t *testing.T) {
	data, directory := content(300_000), t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	interrupt := true
	honest := serve(data, `"1"`)
	h := newHost(t, func(w http.ResponseWriter, r *http.Request) {
		if interrupt {
			cut(honest, func() int { return 200_000 })(w, r)
			return
		}
		honest(w, r)
	})
	a := artifact(data, h.URL)
	f := fetcher(t, Options{Sleep: func(context.Context, time.Duration) error { cancel(); return ctx.Err() }})
	_, err := f.Fetch(ctx, directory, []Set{{imageDirectory, []release.Artifact{a}}}, progress.None())
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want canceled", err)
	}
	if got := left(t, directory)[imageDirectory+"/model.img.part"]; got != 200_000 {
		t.Fatalf("%d bytes are kept, want 200000", got)
	}
	interrupt = false
	got, err := fetchOne(t, fetcher(t, Options{}), directory, a)
	if err != nil || got.Err != nil || got.Resumed != 200_000 {
		t.Fatalf("got %+v, %v", got, err)
	}
	whole(t, directory, data)
	if header := h.header(1); header.Get("Range") != "bytes=200000-" || header.Get("If-Range") != `"1"` {
		t.Errorf("asked with %v", header)
	}
}

// TestParts: what is kept of a part is hashed again, and a part that is another's
// costs one more transfer and no wrong file.
func TestParts(t *testing.T) {
	data := content(300_000)
	tests := []struct {
		name     string
		part     []byte
		from     string // of the file that remembers, URL for the server's
		tag      string // of the server
		requests int
		ifRange  string
	}{
		{"nothing remembered", data[:200_000], "", `"1"`, 1, ""},
		{"the same file", data[:200_000], `{"url":"URL","validator":"\"1\""}`, `"1"`, 1, `"1"`},
		{"changed on the server", data[:200_000], `{"url":"URL","validator":"\"0\""}`, `"1"`, 1, `"0"`},
		{"from another URL", data[:200_000], `{"url":"https://other.example/","validator":"\"1\""}`, `"1"`, 1, ""},
		{"a weak tag", data[:200_000], `{"url":"URL","validator":"W/\"1\""}`, `W/"1"`, 1, ""},
		{"a header in the tag", data[:200_000], `{"url":"URL","validator":"x\r\nCookie: a"}`, `"1"`, 1, ""},
		{"not JSON", data[:200_000], `{`, `"1"`, 1, ""},
		{"other bytes", content(200_001)[1:], "", `"1"`, 2, ""},
		{"other bytes, the tag is right", content(200_001)[1:], `{"url":"URL","validator":"\"1\""}`, `"1"`, 2, `"1"`},
		{"longer than the artifact", content(300_001), "", `"1"`, 1, ""},
		{"all of it", data, "", `"1"`, 0, ""},
		{"as long, other bytes", content(300_001)[1:], "", `"1"`, 1, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			directory := t.TempDir()
			h := newHost(t, serve(data, tt.tag))
			place := filepath.Join(directory, imageDirectory)
			if err := os.Mkdir(place, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(place, "model.img.part"), tt.part, 0o644); err != nil {
				t.Fatal(err)
			}
			if tt.from != "" {
				if err := os.WriteFile(filepath.Join(place, "model.img.part.from"), []byte(strings.ReplaceAll(tt.from, "URL", h.URL)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			got, err := fetchOne(t, fetcher(t, Options{}), directory, artifact(data, h.URL))
			if err != nil || got.Err != nil || h.count() != tt.requests {
				t.Fatalf("got %+v, %v after %d requests, want %d", got, err, h.count(), tt.requests)
			}
			whole(t, directory, data)
			if tt.requests > 0 && h.header(0).Get("If-Range") != tt.ifRange {
				t.Errorf("got If-Range %q, want %q", h.header(0).Get("If-Range"), tt.ifRange)
			}
		})
	}
}

// TestHostileServers: no answer makes a file that is not the artifact, and none is
// read beyond the artifact's size.
func TestHostileServers(t *testing.T) {
	data := content(300_000)
	other := content(300_001)[1:]
	plain := httptest.NewServer(serve(data, ""))
	t.Cleanup(plain.Close)
	to := func(url string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, url, http.StatusFound) }
	}
	partial := func(header string, body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") == "" {
				cut(serve(data, ""), func() int { return 100_000 })(w, r)
				return
			}
			w.Header().Set("Content-Range", header)
			w.WriteHeader(http.StatusPartialContent)
			w.Write(body)
		}
	}
	tests := []struct {
		name     string
		handler  http.HandlerFunc
		code     Code
		says     string
		requests int
	}{
		{"not there", http.NotFound, CodeNotFetched, "got status 404", 1},
		{"failing for ever", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, CodeNotFetched, "got status 503", maxFruitless},
		{"other bytes", serve(other, ""), CodeDigest, "it has SHA-256 " + release.Digest(sha256.Sum256(other)).String() + ", want " + release.Digest(sha256.Sum256(data)).String(), 1},
		{"a shorter file", serve(data[:299_999], ""), CodeDigest, "it has 299999 bytes, want 300000", 1},
		{"a longer file", serve(content(300_001), ""), CodeDigest, "it has 300001 bytes, want 300000", 1},
		{"fewer bytes than its length", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "300000")
			w.Write(data[:1000])
		}, CodeNotFetched, "ended 299000 bytes early", maxFruitless},
		{"an end before the size", func(w http.ResponseWriter, _ *http.Request) {
			w.Write(data[:100])
			w.(http.Flusher).Flush()
		}, CodeNotFetched, "ended 299900 bytes early", maxFruitless},
		{"gzip", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(data)
		}, CodeNotFetched, "content encoding", 1},
		{"redirect to http", to(plain.URL), CodeNotFetched, `a redirect to "http", want https`, 1},
		{"redirect with a password", to("https://a:b@127.0.0.1:1/"), CodeNotFetched, "with a user", 1},
		{"redirect in a circle", to("/"), CodeNotFetched, "more than 5 redirects", maxRedirects + 1},
		{"a range that was not asked for", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes 0-299999/300000")
			w.WriteHeader(206)
			w.Write(data)
		}, CodeNotFetched, "got the range", 1},
		{"416 to a request without range", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(416) }, CodeNotFetched, "got status 416", 1},
		{"another range", partial("bytes 99999-299999/300000", data[99_999:]), CodeNotFetched, "want the bytes from 100000 on", 2},
		{"a range of another file", partial("bytes 100000-299999/300001", data[100_000:]), CodeDigest, "it has 300001 bytes", 2},
		{"a range beyond the file", partial("bytes 100000-300000/*", data[100_000:]), CodeNotFetched, "got the range", 2},
		{"a range without end", partial("bytes 100000-", data[100_000:]), CodeNotFetched, "got the range", 2},
		{"a negative range", partial("bytes 100000-99999/300000", nil), CodeNotFetched, "got the range", 2},
		{"several ranges", partial("", data[100_000:]), CodeNotFetched, "got the range", 2},
		{"a range of other bytes", partial("bytes 100000-299999/300000", other[100_000:]), CodeDigest, "it has SHA-256", 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			directory := t.TempDir()
			h := newHost(t, tt.handler)
			got, err := fetchOne(t, fetcher(t, Options{}), directory, artifact(data, h.URL))
			if err != nil {
				t.Fatal(err)
			}
			refusedWith(t, got.Err, tt.code, tt.says)
			if h.count() != tt.requests {
				t.Errorf("got %d requests, want %d", h.count(), tt.requests)
			}
			for name := range left(t, directory) {
				if !strings.HasSuffix(name, partSuffix) && !strings.HasSuffix(name, fromSuffix) {
					t.Errorf("%s is there", name)
				}
			}

			// The next URL has it, whatever the first one left.
			good := newHost(t, serve(data, `"1"`))
			directory = t.TempDir()
			got, err = fetchOne(t, fetcher(t, Options{}), directory, artifact(data, h.URL, good.URL))
			if err != nil || got.Err != nil || got.URL != good.URL {
				t.Fatalf("got %+v, %v", got, err)
			}
			whole(t, directory, data)
		})
	}
}

// TestEndlessBody: what comes behind the artifact is not read.
func TestEndlessBody(t *testing.T) {
	data, directory := content(300_000), t.TempDir()
	sent := make(chan int, 1)
	h := newHost(t, func(w http.ResponseWriter, r *http.Request) {
		n, total := 0, 0
		for body := data; ; body = content(64 << 10) {
			var err error
			n, err = w.Write(body)
			if total += n; err != nil || total > 512<<20 {
				sent <- total
				return
			}
		}
	})
	got, err := fetchOne(t, fetcher(t, Options{}), directory, artifact(data, h.URL))
	if err != nil || got.Err != nil {
		t.Fatalf("got %+v, %v", got, err)
	}
	whole(t, directory, data)
	if total := <-sent; total > 64<<20 {
		t.Errorf("the server sent %d bytes before it was cut off", total)
	}
}

// TestBeginningAgain: a server that passes over ranges, and one that does so every
// other time, may not send a file over and over, each time with a little more of it.
func TestBeginningAgain(t *testing.T) {
	const size = 4 << 20
	data := content(size)
	for name, ranges := range map[string]func(request int) bool{
		"never a range":      func(int) bool { return false },
		"every second time":  func(request int) bool { return request%2 == 0 },
		"two times of three": func(request int) bool { return request%3 != 1 },
	} {
		t.Run(name, func(t *testing.T) {
			var sent atomic.Int64
			furthest, requests := 0, 0
			server := newHost(t, func(w http.ResponseWriter, r *http.Request) {
				requests++
				first := 0
				if from, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok && ranges(requests) {
					first, _ = strconv.Atoi(strings.TrimSuffix(from, "-"))
					w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, size-1, size))
				}
				w.Header().Set("Content-Length", strconv.Itoa(size-first))
				if first > 0 {
					w.WriteHeader(http.StatusPartialContent)
				}
				furthest = min(max(furthest, first)+MinimumBytes+1, size-1)
				n, _ := w.Write(data[first:furthest])
				sent.Add(int64(n))
				w.(http.Flusher).Flush()
				panic(http.ErrAbortHandler)
			})
			got, err := fetchOne(t, fetcher(t, Options{}), t.TempDir(), artifact(data, server.URL+"/a"))
			if err != nil {
				t.Fatal(err)
			}
			refusedWith(t, got.Err, CodeNotFetched, "")
			// What is sent and not read stands in buffers of the connection.
			if got, most := sent.Load(), int64((maxRounds+2)*size); got > most {
				t.Errorf("%d requests sent %d bytes of a file of %d, want at most %d", requests, got, size, most)
			}
		})
	}
}

// TestStall: a server that stops, one that drips, and one that never answers are
// given up after the stall time.
func TestStall(t *testing.T) {
	data := content(300_000)
	for name, handler := range map[string]http.HandlerFunc{
		"stops": func(w http.ResponseWriter, r *http.Request) {
			w.Write(data[:1000])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
		"drips": func(w http.ResponseWriter, r *http.Request) {
			for i := 0; i < len(data) && r.Context().Err() == nil; i++ {
				w.Write(data[i : i+1])
				w.(http.Flusher).Flush()
				time.Sleep(time.Millisecond)
			}
		},
		"never answers": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		t.Run(name, func(t *testing.T) {
			directory := t.TempDir()
			h := newHost(t, handler)
			got, err := fetchOne(t, fetcher(t, Options{Stall: 50 * time.Millisecond}), directory, artifact(data, h.URL))
			if err != nil {
				t.Fatal(err)
			}
			refusedWith(t, got.Err, CodeNotFetched, "stalled: ")
		})
	}
}

// TestPauses: attempts are further apart the longer they bring nothing, and what a
// server asks for is heeded, within bounds.
func TestPauses(t *testing.T) {
	data := content(1000)
	for asked, want := range map[string][]time.Duration{
		"":        {2, 4, 8, 16},
		"12":      {12, 12, 12, 16},
		"3600":    {30, 30, 30, 30},
		"-1":      {2, 4, 8, 16},
		"tuesday": {2, 4, 8, 16},
	} {
		var pauses, told []time.Duration
		h := newHost(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", asked)
			w.WriteHeader(http.StatusTooManyRequests)
		})
		f := fetcher(t, Options{Waiting: func(url string, pause time.Duration, err error) {
			if url != h.URL || err == nil {
				t.Errorf("told of %s, %v", url, err)
			}
			told = append(told, pause/time.Second)
		}, Sleep: func(_ context.Context, pause time.Duration) error {
			pauses = append(pauses, pause/time.Second)
			return nil
		}})
		if got, err := fetchOne(t, f, t.TempDir(), artifact(data, h.URL)); err != nil || got.Err == nil {
			t.Fatalf("got %+v, %v", got, err)
		}
		if diff := cmp.Diff(want, pauses) + cmp.Diff(want, told); diff != "" {
			t.Errorf("Retry-After %q: -want +got\n%s", asked, diff)
		}
	}
}

// TestRedirect: a redirect under TLS is followed, and does not tell from where.
func TestRedirect(t *testing.T) {
	data, directory := content(1000), t.TempDir()
	storage := newHost(t, serve(data, ""))
	h := newHost(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, storage.URL+"/bytes", http.StatusFound)
	})
	got, err := fetchOne(t, fetcher(t, Options{}), directory, artifact(data, h.URL+"/secret"))
	if err != nil || got.Err != nil || got.URL != h.URL+"/secret" {
		t.Fatalf("got %+v, %v", got, err)
	}
	if referer := storage.header(0).Get("Referer"); referer != "" {
		t.Errorf("told where it came from: %q", referer)
	}
}

// TestCertificate: a server that the roots do not vouch for is asked once.
func TestCertificate(t *testing.T) {
	data := content(1000)
	h := newHost(t, serve(data, ""))
	got, err := fetchOne(t, fetcher(t, Options{Roots: x509.NewCertPool()}), t.TempDir(), artifact(data, h.URL))
	if err != nil {
		t.Fatal(err)
	}
	refusedWith(t, got.Err, CodeNotFetched, "certificate signed by unknown authority")
	if h.count() != 0 {
		t.Errorf("got %d requests", h.count())
	}
}

// TestNoURL: an artifact that nobody says where to get.
func TestNoURL(t *testing.T) {
	got, err := fetchOne(t, fetcher(t, Options{}), t.TempDir(), artifact(content(10)))
	if err != nil {
		t.Fatal(err)
	}
	refusedWith(t, got.Err, CodeNoURL, "no URL")
	got, err = fetchOne(t, fetcher(t, Options{}), t.TempDir(), artifact(content(10), "http://127.0.0.1:1/"))
	if err != nil {
		t.Fatal(err)
	}
	refusedWith(t, got.Err, CodeNotFetched, "want an https URL")
}

// TestOthersGoOn: an artifact that cannot be had does not keep the next from being
// fetched.
func TestOthersGoOn(t *testing.T) {
	data, directory := content(1000), t.TempDir()
	h := newHost(t, serve(data, ""))
	missing := artifact(content(5))
	missing.Name = "missing"
	all, err := fetcher(t, Options{}).Fetch(t.Context(), directory, []Set{{"a", []release.Artifact{missing}}, {imageDirectory, []release.Artifact{artifact(data, h.URL)}}}, progress.None())
	if err != nil || len(all) != 2 || all[0].Err == nil || all[1].Err != nil {
		t.Fatalf("got %+v, %v", all, err)
	}
	whole(t, directory, data)
}
