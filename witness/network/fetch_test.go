package network_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/witness/network"
)

// reported keeps what a download says of itself.
type reported struct {
	total, read int64
	done        bool
}

func (r *reported) Start(_ string, total int64) { r.total = total }
func (r *reported) Add(n int64)                 { r.read += n }
func (r *reported) Done()                       { r.done = true }

func TestFetch(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/list", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "logs/v0\n") })
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/list", http.StatusFound) })
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://lists.example/list", http.StatusFound)
	})
	mux.HandleFunc("/round", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/round", http.StatusFound) })
	mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, "logs/v0\n")
	})
	mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "logs/v0\n")
		comment := []byte(strings.Repeat("#\n", 1<<20))
		for range network.MaxList/len(comment) + 1 {
			w.Write(comment)
		}
	})
	server := httptest.NewServer(mux)
	defer server.Close()

	for _, path := range []string{"/list", "/moved"} {
		var report reported
		data, err := network.Fetch(t.Context(), server.URL+path, &report)
		if err != nil || string(data) != "logs/v0\n" || report != (reported{8, 8, true}) {
			t.Errorf("%s: got %q, %v, reported %+v", path, data, err, report)
		}
	}
	for path, want := range map[string]string{
		"/away":    "redirected: the list's URL \"http://lists.example/list\": want https",
		"/round":   "more than 3 redirects",
		"/cut":     "unexpected EOF",
		"/long":    "more than 67108864 bytes",
		"/nothing": "got status 404",
	} {
		if data, err := network.Fetch(t.Context(), server.URL+path, progress.None()); err == nil || data != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %d bytes, %v, want an error with %q", path, len(data), err, want)
		}
	}
	server.Close()
	if _, err := network.Fetch(t.Context(), server.URL+"/list", progress.None()); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("nobody there: got %v", err)
	}
}

// TestNoWayDown: who serves a list elsewhere cannot have a server of this machine asked.
func TestNoWayDown(t *testing.T) {
	for from, to := range map[string]string{
		"https://lists.example/list": "http://127.0.0.1:8080/list",
		"https://127.0.0.1/list":     "http://localhost/list",
	} {
		if err := network.CheckRedirect(from, to); err == nil || !strings.Contains(err.Error(), "from https to") {
			t.Errorf("%s to %s: got %v", from, to, err)
		}
	}
	for from, to := range map[string]string{
		"https://lists.example/list": "https://lists.example/list.1",
		"http://127.0.0.1/list":      "https://lists.example/list",
	} {
		if err := network.CheckRedirect(from, to); err != nil {
			t.Errorf("%s to %s: got %v", from, to, err)
		}
	}
}

func TestCheckURL(t *testing.T) {
	for address, fits := range map[string]bool{
		"https://testing.witness-network.org/log-list.1":     true,
		"https://localhost/list?x=y":                         true,
		"http://127.0.0.1:8080/list":                         true,
		"http://[::1]:8080/list":                             true,
		"http://localhost:8080/list":                         true,
		"http://testing.witness-network.org/log-list.1":      false,
		"http://localhost.example/list":                      false,
		"http://127.0.0.1.example/list":                      false,
		"http://10.0.0.1/list":                               false,
		"https:///list":                                      false,
		"https://user:secret@lists.example/":                 false,
		"file:///etc/passwd":                                 false,
		"lists.example/list":                                 false,
		"https://lists.example/\x7f":                         false,
		"https://lists.example/" + strings.Repeat("x", 2048): false,
	} {
		err := network.CheckURL(address)
		if (err == nil) != fits {
			t.Errorf("%s: got %v, want it to be fit: %v", address, err, fits)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error holds a password: %v", err)
		}
	}
}
