package server_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/witness/server"
	"github.com/muster-log/muster/witness/witnesstest"
)

// dial opens a connection to the witness, for at most ten seconds.
func (r *running) dial() net.Conn {
	r.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		r.t.Fatal(err)
	}
	return conn
}

// raw sends bytes on a connection of their own and reads one answer.
func (r *running) raw(method, sent string) answer {
	r.t.Helper()
	conn := r.dial()
	if _, err := io.WriteString(conn, sent); err != nil {
		r.t.Fatal(err)
	}
	return r.read(bufio.NewReader(conn), method)
}

func (r *running) read(reader *bufio.Reader, method string) answer {
	r.t.Helper()
	response, err := http.ReadResponse(reader, &http.Request{Method: method})
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(body)}
}

// post is a POST of a body, with further header lines.
func post(path, version, headers, body string) string {
	return fmt.Sprintf("POST %s %s\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n%s", path, version, headers, len(body), body)
}

// TestSurface: whatever is asked for gets the status that belongs to it, never 5xx
// and never a redirect, which would lose a POST.
func TestSurface(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 9)
	r := start(t, server.Timeouts{}, log)
	r.cosign(log.Request(0, 5))
	sum := sha256.Sum256([]byte(log.Origin))
	hash := hex.EncodeToString(sum[:])
	body := string(log.Request(5, 5).Marshal())
	for name, one := range map[string]struct {
		sent string
		want int
	}{
		"post":                        {post("/add-checkpoint", "HTTP/1.1", "", body), 200},
		"post, absolute":              {post("http://x/add-checkpoint", "HTTP/1.1", "", body), 200},
		"post, HTTP/1.0":              {post("/add-checkpoint", "HTTP/1.0", "", body), 200},
		"post, a query":               {post("/add-checkpoint?x=%zz", "HTTP/1.1", "", body), 200},
		"post, form":                  {post("/add-checkpoint", "HTTP/1.1", "Content-Type: application/x-www-form-urlencoded\r\n", body), 200},
		"post, multipart":             {post("/add-checkpoint", "HTTP/1.1", "Content-Type: multipart/form-data\r\n", body), 200},
		"post, a type of nonsense":    {post("/add-checkpoint", "HTTP/1.1", "Content-Type: ;;\x80=/\r\n", body), 200},
		"post, gzip it is not":        {post("/add-checkpoint", "HTTP/1.1", "Content-Encoding: gzip\r\n", body), 200},
		"post, close":                 {post("/add-checkpoint", "HTTP/1.1", "Connection: close\r\n", body), 200},
		"post, of another site":       {post("/add-checkpoint", "HTTP/1.1", "Origin: https://evil.example\r\n", body), 200},
		"post, chunked":               {fmt.Sprintf("POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", body[:4], len(body)-4, body[4:]), 200},
		"post, chunks of nonsense":    {"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
		"post, both lengths":          {"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
		"post, two lengths":           {"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400},
		"post, negative length":       {"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400},
		"post, no length":             {"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		"post, empty chunks":          {"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
		"post, other expectation":     {post("/add-checkpoint", "HTTP/1.1", "Expect: 200-ok\r\n", body), 417},
		"no host":                     {"GET / HTTP/1.1\r\n\r\n", 400},
		"no host, HTTP/1.0":           {"GET / HTTP/1.0\r\n\r\n", 200},
		"a hostile host":              {"GET / HTTP/1.1\r\nHost: <script>\r\n\r\n", 400},
		"post, trailing slash":        {post("/add-checkpoint/", "HTTP/1.1", "", body), 404},
		"post, doubled slash":         {post("//add-checkpoint", "HTTP/1.1", "", body), 404},
		"post, dots":                  {post("/x/../add-checkpoint", "HTTP/1.1", "", body), 404},
		"post, a dot":                 {post("/./add-checkpoint", "HTTP/1.1", "", body), 404},
		"post, encoded":               {post("/add%2Dcheckpoint", "HTTP/1.1", "", body), 404},
		"post, another case":          {post("/Add-Checkpoint", "HTTP/1.1", "", body), 404},
		"post, nowhere":               {post("/sign-subtree", "HTTP/1.1", "", body), 404},
		"post, the page":              {post("/", "HTTP/1.1", "", body), 405},
		"post, a checkpoint":          {post("/"+hash+"/checkpoint", "HTTP/1.1", "", body), 405},
		"get a checkpoint":            {"GET /" + hash + "/checkpoint HTTP/1.1\r\nHost: x\r\n\r\n", 200},
		"head a checkpoint":           {"HEAD /" + hash + "/checkpoint HTTP/1.1\r\nHost: x\r\n\r\n", 200},
		"get a checkpoint, HTTP/1.0":  {"GET /" + hash + "/checkpoint HTTP/1.0\r\n\r\n", 200},
		"get a checkpoint with body":  {"GET /" + hash + "/checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 200},
		"get a checkpoint, slash":     {"GET /" + hash + "/checkpoint/ HTTP/1.1\r\nHost: x\r\n\r\n", 404},
		"get a checkpoint, slashes":   {"GET //" + hash + "//checkpoint HTTP/1.1\r\nHost: x\r\n\r\n", 404},
		"get a checkpoint, %2f":       {"GET /" + hash + "%2fcheckpoint HTTP/1.1\r\nHost: x\r\n\r\n", 404},
		"get a checkpoint, uppercase": {"GET /" + strings.ToUpper(hash) + "/checkpoint HTTP/1.1\r\nHost: x\r\n\r\n", 404},
		"get a checkpoint of nothing": {"GET //checkpoint HTTP/1.1\r\nHost: x\r\n\r\n", 404},
		"get only a checkpoint":       {"GET /checkpoint HTTP/1.1\r\nHost: x\r\n\r\n", 404},
		"options of a checkpoint":     {"OPTIONS /" + hash + "/checkpoint HTTP/1.1\r\nHost: x\r\n\r\n", 405},
		"traversal":                   {"GET /../../../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", 404},
		"traversal, encoded":          {"GET /%2e%2e/%2e%2e/etc/passwd/checkpoint HTTP/1.1\r\nHost: x\r\n\r\n", 404},
		"traversal, NUL":              {"GET /%00/checkpoint HTTP/1.1\r\nHost: x\r\n\r\n", 404},
		"get add-checkpoint":          {"GET /add-checkpoint HTTP/1.1\r\nHost: x\r\n\r\n", 405},
		"head add-checkpoint":         {"HEAD /add-checkpoint HTTP/1.1\r\nHost: x\r\n\r\n", 405},
		"a method of nonsense":        {"COSIGN /add-checkpoint HTTP/1.1\r\nHost: x\r\n\r\n", 405},
		"connect":                     {"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n", 404},
		"options of everything":       {"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 200},
		"metrics":                     {"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 404},
		"debug":                       {"GET /debug/pprof/ HTTP/1.1\r\nHost: x\r\n\r\n", 404},
		"head the page":               {"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", 200},
		"a range":                     {"GET /" + hash + "/checkpoint HTTP/1.1\r\nHost: x\r\nRange: bytes=99999999-\r\n\r\n", 200},
		"livez":                       {"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", 200},
		"readyz":                      {"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n", 200},
		"post readyz":                 {post("/readyz", "HTTP/1.1", "", "x"), 405},
		"readyz below":                {"GET /readyz/x HTTP/1.1\r\nHost: x\r\n\r\n", 404},
		"giant header":                {"GET / HTTP/1.1\r\nHost: x\r\nCookie: " + strings.Repeat("a", 40<<10) + "\r\n\r\n", 431},
		"many headers":                {"GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("A: b\r\n", 8<<10) + "\r\n", 431},
		"giant path":                  {"GET /" + strings.Repeat("a", 40<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n", 431},
		"TLS":                         {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400},
		"binary":                      {"\x00\x01\x02\r\n\r\n", 400},
		"HTTP/2 in the clear":         {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 404},
	} {
		t.Run(name, func(t *testing.T) {
			method, _, _ := strings.Cut(one.sent, " ")
			got := r.raw(method, one.sent)
			if got.status != one.want {
				t.Errorf("got %d %q, want %d", got.status, got.body, one.want)
			}
			if got.status == http.StatusMethodNotAllowed && got.header.Get("Allow") == "" {
				t.Error("405 without Allow")
			}
			if got.header.Get("Location") != "" {
				t.Error("it is led elsewhere")
			}
			if got.status == 200 && method == http.MethodPost && !strings.HasPrefix(got.body, "— "+witnessName+" ") {
				t.Errorf("got %q", got.body)
			}
			if method == http.MethodHead && got.body != "" {
				t.Errorf("HEAD got a body")
			}
		})
	}
	r.cosign(log.Request(5, 9))
}

// TestPipelining: requests that follow one another at once are answered in turn.
func TestPipelining(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 9)
	r := start(t, server.Timeouts{}, log)
	conn := r.dial()
	var sent strings.Builder
	for size := range 9 {
		sent.WriteString(post("/add-checkpoint", "HTTP/1.1", "", string(log.Request(size, size+1).Marshal())))
		sent.WriteString("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
	}
	if _, err := io.WriteString(conn, sent.String()); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	for size := range 9 {
		if got := r.read(reader, http.MethodPost); got.status != http.StatusOK {
			t.Fatalf("size %d: got %d %q", size+1, got.status, got.body)
		}
		if got := r.read(reader, http.MethodGet); got.body != "ok\n" {
			t.Fatalf("got %q", got.body)
		}
	}
}

// TestExpectContinue: a body is asked for only if it will be read.
func TestExpectContinue(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 5)
	r := startWith(t, server.Config{}, log)
	body := string(log.Request(0, 5).Marshal())
	conn := r.dial()
	fmt.Fprintf(conn, "POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(body))
	reader := bufio.NewReader(conn)
	if line, err := reader.ReadString('\n'); line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	reader.ReadString('\n')
	io.WriteString(conn, body)
	if got := r.read(reader, http.MethodPost); got.status != http.StatusOK {
		t.Errorf("got %d %q", got.status, got.body)
	}

	for _, header := range []string{"Expect: 100-continue\r\nContent-Length: 131073\r\n", "Content-Length: 131073\r\n"} {
		if got := r.raw(http.MethodPost, "POST /add-checkpoint HTTP/1.1\r\nHost: x\r\n"+header+"\r\n"); got.status != http.StatusRequestEntityTooLarge {
			t.Errorf("got %d %q, want 413 before the body", got.status, got.body)
		}
	}
}
