package remote

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/tlog"
)

// serve starts a log that answers everything with one handler.
func serve(t *testing.T, handler http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return client(t, server.URL)
}

func client(t *testing.T, base string) *Client {
	t.Helper()
	c, err := New(base)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// endless writes a body until the reader goes away; it counts what was taken.
func endless(w http.ResponseWriter, limit int64) (written int64) {
	chunk := bytes.Repeat([]byte("x"), 64<<10)
	for written < limit {
		n, err := w.Write(chunk)
		written += int64(n)
		if err != nil {
			return written
		}
	}
	return written
}

func TestT5AnswersOverTheBound(t *testing.T) {
	bomb := gzipped(t, bytes.Repeat([]byte{0}, 64<<20))
	cases := map[string]http.HandlerFunc{
		"400 MiB with its length": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(400<<20))
			endless(w, 400<<20)
		},
		"400 MiB without a length": func(w http.ResponseWriter, _ *http.Request) { endless(w, 400<<20) },
		"gzip bomb": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(bomb)
		},
		"gzip of empty members": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			empty := gzipped(t, nil)
			for range 10_000 {
				if _, err := w.Write(empty); err != nil {
					return
				}
			}
		},
		"gzip that is none": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Write([]byte("log.example\n1\n"))
		},
		"another encoding": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "br")
			w.Write([]byte("log.example\n1\n"))
		},
		"shorter than its length": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.Write([]byte("short"))
		},
	}
	for name, body := range cases {
		t.Run(name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/plain; charset=utf-8")
				body(w, r)
			})
			before := allocated()
			data, err := c.Checkpoint(t.Context())
			if name == "gzip of empty members" {
				if err != nil || len(data) != 0 {
					t.Errorf("got %d bytes and %v, want the first member alone", len(data), err)
				}
			} else if err == nil {
				t.Errorf("got %d bytes, want an error", len(data))
			}
			// The bound of a checkpoint is 1 MiB; growing a buffer to it
			// allocates a few times that. The server's own chunks are in here.
			if used := allocated() - before; used > 16<<20 {
				t.Errorf("allocated %d bytes for a checkpoint", used)
			}
		})
	}
}

func TestT5EndlessBodyEndsAtTheTimeout(t *testing.T) {
	release := make(chan struct{})
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		<-release // a body that never comes
	})
	c.http.Timeout = 50 * time.Millisecond
	defer close(release)
	if _, err := c.Checkpoint(t.Context()); err == nil {
		t.Error("got a checkpoint of a log that never finished its answer")
	}
}

func TestT5WrongContentType(t *testing.T) {
	for _, contentType := range []string{"text/html", "", "application/json", "text/plain/x", "TEXT"} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = []string{contentType}
			w.Write(make([]byte, 32))
		})
		if _, err := c.Checkpoint(t.Context()); !errors.Is(err, ErrAnswer) {
			t.Errorf("checkpoint as %q: got %v, want ErrAnswer", contentType, err)
		}
		if _, err := c.ReadTile(t.Context(), 0, 0, 1); !errors.Is(err, ErrAnswer) {
			t.Errorf("tile as %q: got %v, want ErrAnswer", contentType, err)
		}
	}
}

func TestRedirects(t *testing.T) {
	var elsewhere int
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		elsewhere++
		w.Header().Set("Content-Type", "text/plain")
	}))
	defer other.Close()
	var loops int
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/checkpoint":
			http.Redirect(w, r, other.URL+"/checkpoint", http.StatusTemporaryRedirect)
		case "/api/v1/entries":
			http.Redirect(w, r, other.URL+"/api/v1/entries", http.StatusPermanentRedirect)
		case "/checkpoint/1":
			http.Redirect(w, r, "/checkpoint/2", http.StatusFound)
		case "/checkpoint/2":
			w.Header().Set("Content-Type", "text/plain")
			io.WriteString(w, "here")
		case "/checkpoint/3":
			loops++
			http.Redirect(w, r, "/checkpoint/3", http.StatusFound)
		}
	})
	if _, err := c.Checkpoint(t.Context()); !errors.Is(err, ErrAnswer) {
		t.Errorf("to another host: got %v, want ErrAnswer", err)
	}
	if _, err := c.Submit(t.Context(), []byte("{}"), nil); !errors.Is(err, ErrAnswer) {
		t.Errorf("submission to another host: got %v, want ErrAnswer", err)
	}
	if elsewhere != 0 {
		t.Errorf("%d requests reached the other host, want none", elsewhere)
	}
	if data, err := c.CheckpointAt(t.Context(), 1); err != nil || string(data) != "here" {
		t.Errorf("within the host: got %q, %v", data, err)
	}
	if _, err := c.CheckpointAt(t.Context(), 3); err == nil || loops > maxRedirects+1 {
		t.Errorf("loop: got %v after %d requests", err, loops)
	}
}

func TestT1TilesOfAnotherLength(t *testing.T) {
	for _, length := range []int{0, 31, 33, 5*32 - 1, 5*32 + 1, 6 * 32, 256 * 32} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/octet-stream")
			w.Write(make([]byte, length))
		})
		if data, err := c.ReadTile(t.Context(), 0, 0, 5); err == nil {
			t.Errorf("a tile of width 5 with %d bytes: got %d bytes, want an error", length, len(data))
		}
	}
	asked := 0
	c := serve(t, func(http.ResponseWriter, *http.Request) { asked++ })
	for _, tile := range []struct {
		level uint64
		width int
	}{{0, 0}, {0, -1}, {0, 257}, {64, 1}} {
		if _, err := c.ReadTile(t.Context(), tile.level, 0, tile.width); err == nil {
			t.Errorf("level %d, width %d: want an error", tile.level, tile.width)
		}
	}
	if asked != 0 {
		t.Errorf("asked the log %d times for tiles that no tree has", asked)
	}
}

func TestPartialTileFallsBackToTheFullOne(t *testing.T) {
	full := make([]byte, 256*32)
	for i := range full {
		full[i] = byte(i / 32)
	}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, ".p/") {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Write(full)
	})
	data, err := c.ReadTile(t.Context(), 0, 7, 3)
	if err != nil || !bytes.Equal(data, full[:3*32]) {
		t.Errorf("got %d bytes, %v, want the first three hashes", len(data), err)
	}
}

func TestT6MissingTile(t *testing.T) {
	c := serve(t, http.NotFound)
	if _, err := c.ReadTile(t.Context(), 0, 0, 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
}

func TestT2EntryBundles(t *testing.T) {
	one, err := tlog.AppendEntry(nil, []byte("entry"))
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		body []byte
		ok   bool
	}{
		"whole":             {one, true},
		"truncated":         {one[:len(one)-1], false},
		"trailing byte":     {append(bytes.Clone(one), 0), false},
		"two where one is":  {append(bytes.Clone(one), one...), false},
		"zero-length entry": {[]byte{0, 0}, false},
		"empty":             {nil, false},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			for _, compress := range []bool{false, true} {
				c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", "application/octet-stream")
					body := test.body
					if compress {
						w.Header().Set("Content-Encoding", "gzip")
						body = gzipped(t, body)
					}
					w.Write(body)
				})
				entries, err := c.ReadEntries(t.Context(), 0, 1)
				if (err == nil) != test.ok {
					t.Errorf("compressed %t: got %q, %v, want success %t", compress, entries, err, test.ok)
				}
			}
		})
	}
}

// T3: what a checkpoint says of its size makes no work but that of its height.
func TestT3CheckpointOfSize2To62(t *testing.T) {
	requests := 0
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		requests++
		tile, err := tlog.ParseTilePath(strings.TrimPrefix(r.URL.Path, "/"))
		if err != nil {
			t.Errorf("asked for %s: %v", r.URL.Path, err)
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Write(make([]byte, tile.Width*tlog.HashSize))
	})
	prover := tlog.NewProverForRoot(1<<62, tlog.EmptyRoot, c)
	if _, err := prover.Consistency(t.Context(), 5); !errors.Is(err, tlog.ErrTile) {
		t.Errorf("got %v, want tlog.ErrTile", err)
	}
	if requests > 64 {
		t.Errorf("%d requests for one proof, want at most a few a level", requests)
	}
}

func TestBaseURL(t *testing.T) {
	for _, base := range []string{
		"", "log.example", "ftp://log.example/", "file:///etc/passwd", "https://", "https:///x",
		"https://user:secret@log.example/", "https://log.example/?x=1", "https://log.example/#a",
		"https://log.example/" + strings.Repeat("a", maxURL), "https://log.example/%zz",
	} {
		if _, err := New(base); err == nil {
			t.Errorf("New(%q): want an error", base)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("New(%q): the error repeats the password: %v", base, err)
		}
	}
	for base, want := range map[string]string{
		"https://log.example":      "https://log.example/",
		"http://log.example/a/b":   "http://log.example/a/b/",
		"https://log.example/a%2f": "https://log.example/a%2f/",
	} {
		if got := client(t, base).URL(); got != want {
			t.Errorf("New(%q): got %s, want %s", base, got, want)
		}
	}
	if got := client(t, "https://log.example/a%2f").resolve("checkpoint").String(); got != "https://log.example/a%2f/checkpoint" {
		t.Errorf("got %s", got)
	}
}

func TestEntryPathsAskForNothingElse(t *testing.T) {
	for _, which := range []string{"", "-1", "+1", "../1", "1/..", "A", "%2e", strings.Repeat("a", 65)} {
		if path, err := entryPath(which, ""); err == nil {
			t.Errorf("entry %q: got %s, want an error", which, path)
		}
	}
}

func gzipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var buffer bytes.Buffer
	w := gzip.NewWriter(&buffer)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

func allocated() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.TotalAlloc
}
