package web_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/web/webtest"
)

// exchange is one request of the script and what its answer must be.
type exchange struct {
	line    int
	request string   // method and path
	headers []string // of the request
	body    string   // the name of a body
	want    []string
}

// readScript reads testdata/http.txt, whose first lines describe it.
func readScript(t *testing.T) []exchange {
	t.Helper()
	data, err := os.ReadFile("testdata/http.txt")
	if err != nil {
		t.Fatal(err)
	}
	var exchanges []exchange
	answering := false
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimRight(line, " ")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
			answering = false
		case strings.HasPrefix(line, "> "):
			exchanges = append(exchanges, exchange{line: i + 1, request: line[2:]})
			answering = false
		case strings.HasPrefix(line, "< "):
			answering = true
			fallthrough
		case answering:
			last := &exchanges[len(exchanges)-1]
			last.want = append(last.want, strings.TrimPrefix(line, "< "))
		case strings.HasPrefix(line, "@"):
			exchanges[len(exchanges)-1].body = line[1:]
		default:
			last := &exchanges[len(exchanges)-1]
			last.headers = append(last.headers, line)
		}
	}
	if len(exchanges) < 40 {
		t.Fatalf("the script has only %d requests", len(exchanges))
	}
	return exchanges
}

// TestHTTPSurface plays the script against a log.
func TestHTTPSurface(t *testing.T) {
	s := webtest.New(t, webtest.Options{})
	os, model, approved := s.Recipe()
	withdrawal, _ := s.Sign(s.Withdrawal(model))
	entry, err := s.Log.Entry(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	checkpoint, _ := s.Log.Checkpoint()
	replace := strings.NewReplacer("{os}", os.String(), "{model}", model.String(), "{release}", approved.String(), "{authority}", s.Authority.String(),
		"{uki}", s.OS("node-os", "1.4.0").Measurements.TPM2UKI.Authenticode.String(),
		"{file}", s.Model("llama", "3.1").Artifacts[0].Digest.String(),
		"{identity}", release.Identity(webtest.Product, "stable", []release.Digest{os, model}).String(),
		"{unknown}", strings.Repeat("0f", 32), "{root}", checkpoint.Checkpoint.Root.String())
	bodies := map[string][]byte{
		"release": entry, "withdrawal": withdrawal, "empty": {}, "not-json": []byte("{"), "large": bytes.Repeat([]byte{'x'}, release.MaxEntry+1),
		"line-feed": append(bytes.Clone(entry), '\n'),
	}
	etag := ""
	for _, e := range readScript(t) {
		method, path, _ := strings.Cut(replace.Replace(e.request), " ")
		headers := make([]string, len(e.headers))
		for i, header := range e.headers {
			headers[i] = strings.ReplaceAll(header, "{etag}", etag)
		}
		body, known := bodies[e.body]
		if e.body != "" && !known {
			t.Fatalf("line %d: no body %q", e.line, e.body)
		}
		status, header, answer := sendRaw(t, s.URL, method, path, headers, body)
		if value := header.Get("ETag"); value != "" {
			etag = value
		}
		for _, want := range e.want {
			checkAnswer(t, e, replace.Replace(want), status, header, answer)
		}
		if status >= 400 && path != "/nothing" {
			if got := header.Get("Content-Type"); got != "application/problem+json" {
				t.Errorf("line %d: %s: an error of type %q", e.line, e.request, got)
			}
		}
		for _, always := range []string{"Content-Security-Policy", "X-Content-Type-Options", "X-Request-Id", "Referrer-Policy"} {
			if header.Get(always) == "" {
				t.Errorf("line %d: %s: no %s", e.line, e.request, always)
			}
		}
	}
}

// sendRaw sends a request whose path no client has cleaned.
func sendRaw(t *testing.T, base, method, path string, headers []string, body []byte) (int, http.Header, string) {
	t.Helper()
	connection, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var request bytes.Buffer
	fmt.Fprintf(&request, "%s %s HTTP/1.1\r\nHost: log.example\r\nConnection: close\r\n", method, path)
	if body != nil {
		fmt.Fprintf(&request, "Content-Length: %d\r\n", len(body))
	}
	for _, header := range headers {
		request.WriteString(header + "\r\n")
	}
	request.WriteString("\r\n")
	request.Write(body)
	// A body that is refused unread may meet a closed connection.
	go connection.Write(request.Bytes())
	response, err := http.ReadResponse(bufio.NewReader(connection), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return response.StatusCode, response.Header, string(text)
}

// checkAnswer compares an answer with one line of the script.
func checkAnswer(t *testing.T, e exchange, want string, status int, header http.Header, body string) {
	t.Helper()
	name, value, isHeader := strings.Cut(want, ": ")
	switch {
	case len(want) == 3 && want[0] >= '1' && want[0] <= '5':
		if strconv.Itoa(status) != want {
			t.Errorf("line %d: %s: got status %d, want %s: %.300s", e.line, e.request, status, want, body)
		}
	case want == "~":
		if body != "" {
			t.Errorf("line %d: %s: got a body, want none: %.300s", e.line, e.request, body)
		}
	case strings.HasPrefix(want, "~ "):
		if !strings.Contains(body, want[2:]) {
			t.Errorf("line %d: %s: got %.600q, want %q in it", e.line, e.request, body, want[2:])
		}
	case strings.HasPrefix(want, "!~ "):
		if strings.Contains(body, want[3:]) {
			t.Errorf("line %d: %s: got %.600q, want no %q in it", e.line, e.request, body, want[3:])
		}
	case strings.HasPrefix(want, "!"):
		if got := header.Values(want[1:]); len(got) > 0 {
			t.Errorf("line %d: %s: got %s %q, want none", e.line, e.request, want[1:], got)
		}
	case isHeader && value == "*":
		if header.Get(name) == "" {
			t.Errorf("line %d: %s: no %s", e.line, e.request, name)
		}
	case isHeader:
		if got := header.Get(name); got != value {
			t.Errorf("line %d: %s: got %s %q, want %q", e.line, e.request, name, got, value)
		}
	default:
		t.Errorf("line %d: %q is nothing that a script has", e.line, want)
	}
}
