package server_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/server"
	"github.com/muster-log/muster/witness/witnesstest"
)

// closed waits until the server has closed a connection.
func closed(conn net.Conn, wait time.Duration) bool {
	conn.SetReadDeadline(time.Now().Add(wait))
	_, err := io.Copy(io.Discard, conn)
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

// TestHalfOpen: connections that say nothing, or half a header, or half a body,
// keep nobody out, and no more of them are open than may be.
func TestHalfOpen(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 40)
	r := start(t, server.Timeouts{Header: time.Minute, Read: time.Minute, Write: time.Minute}, log)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	var conns []net.Conn
	for i := range 700 {
		conn := r.dial()
		io.WriteString(conn, []string{"", "POST /add", "POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nold 0\n"}[i%3])
		conns = append(conns, conn)
		if i%50 == 49 {
			size := i / 50
			response, err := client.Post(r.url+"/add-checkpoint", "", strings.NewReader(string(log.Request(size, size+1).Marshal())))
			if err != nil {
				t.Fatalf("with %d connections: %v", len(conns), err)
			}
			response.Body.Close()
			if response.StatusCode != http.StatusOK {
				t.Errorf("with %d connections: got %s", len(conns), response.Status)
			}
		}
	}
	open := 0
	for _, conn := range conns {
		if !closed(conn, time.Millisecond) {
			open++
		}
	}
	if open > 512 || open < 400 {
		t.Errorf("%d of 700 are open, want at most 512", open)
	}
}

// elsewhere is a listener whose clients come from the address that it says.
type elsewhere struct {
	net.Listener
	address atomic.Value // string
}

type elsewhereConn struct {
	net.Conn
	address net.Addr
}

func (c elsewhereConn) RemoteAddr() net.Addr { return c.address }

func (l *elsewhere) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return elsewhereConn{conn, &net.TCPAddr{IP: net.ParseIP(l.address.Load().(string)), Port: 1}}, nil
}

// TestOneAddress: who opens many connections takes them from itself alone.
func TestOneAddress(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := &elsewhere{Listener: inner}
	listener.address.Store("192.0.2.1")
	r := startOn(t, listener, server.Config{})
	alive := func(conn net.Conn) string {
		io.WriteString(conn, "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		text, _ := io.ReadAll(conn)
		return string(text)
	}
	patient := r.dial()
	io.WriteString(patient, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, err := patient.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	listener.address.Store("192.0.2.2")
	var many []net.Conn
	for range 200 {
		many = append(many, r.dial())
	}
	if got := alive(patient); !strings.HasSuffix(got, "ok\n") {
		t.Errorf("another address's connection was closed: got %q", got)
	}
	if got := alive(many[199]); !strings.HasSuffix(got, "ok\n") {
		t.Errorf("the last one gets %q", got)
	}
	open := 0
	for _, conn := range many[:199] {
		if !closed(conn, time.Millisecond) {
			open++
		}
	}
	if open > 64 || open < 60 {
		t.Errorf("%d of one address are open, want 64", open)
	}
}

// TestSlowBody: a body that comes in drops is cut off, and told so where that still
// reaches somebody.
func TestSlowBody(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 5)
	r := start(t, server.Timeouts{Read: 300 * time.Millisecond}, log)
	conn := r.dial()
	fmt.Fprintf(conn, "POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
	began := time.Now()
	go func() {
		for range 1000 {
			if _, err := io.WriteString(conn, "o"); err != nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	answer, _ := io.ReadAll(conn)
	if took := time.Since(began); took > 3*time.Second || !strings.HasPrefix(string(answer), "HTTP/1.1 408 ") {
		t.Errorf("after %v got %q", took, answer)
	}
}

// TestSlowReader: who asks and does not read is cut off.
func TestSlowReader(t *testing.T) {
	r := start(t, server.Timeouts{Write: 300 * time.Millisecond})
	conn := r.dial()
	request := strings.Repeat("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 1000)
	var err error
	for range 200 {
		if _, err = io.WriteString(conn, request); err != nil {
			break
		}
	}
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("200,000 requests whose answers nobody reads were taken in: %v", err)
	}
}

// TestUnknownOrigins: ten thousand requests of origins that nobody follows cost no
// memory, no line in the log, and no log its cosignature.
func TestUnknownOrigins(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 5)
	r := start(t, server.Timeouts{}, log)
	stranger := witnesstest.NewLog(t, "log.example/stranger", 3)
	signed := stranger.Request(0, 3)
	for range 10 {
		conn := r.dial()
		go func() {
			for i := range 1000 {
				body := strings.Replace(string(signed.Marshal()), "stranger\n", fmt.Sprintf("stranger-%d\n", i), 1)
				if _, err := io.WriteString(conn, post("/add-checkpoint", "HTTP/1.1", "", body)); err != nil {
					t.Error(err)
					return
				}
			}
			conn.(*net.TCPConn).CloseWrite()
		}()
		text, err := io.ReadAll(conn)
		if err != nil {
			t.Fatal(err)
		}
		if found := strings.Count(string(text), "HTTP/1.1 404 Not Found"); found != 1000 {
			t.Fatalf("%d of 1000 got 404", found)
		}
	}
	r.cosign(log.Request(0, 5))
	if text := r.log.String(); text != "" {
		t.Errorf("logged: %.500s", text)
	}
}

// TestAlarmsAreBounded: a log that shows forks all the time gets one line in ten
// seconds, which counts the others; another log gets its own.
func TestAlarmsAreBounded(t *testing.T) {
	log, other := witnesstest.NewLog(t, "log.example/a", 20), witnesstest.NewLog(t, "log.example/b", 20)
	var seconds atomic.Int64
	r := startWith(t, server.Config{Now: func() time.Time { return time.Unix(1800000000+seconds.Load(), 0) }}, log, other)
	r.cosign(log.Request(0, 10))
	r.cosign(other.Request(0, 10))
	for i := range 60 {
		if got := r.submit(log.Fork(i%9).Request(10, 10).Marshal()); got.status != http.StatusUnprocessableEntity {
			t.Fatalf("got %d %q", got.status, got.body)
		}
	}
	r.submit(other.Fork(3).Request(10, 10).Marshal())
	if count := strings.Count(r.log.String(), "msg=refused"); count != 2 {
		t.Errorf("%d lines, want one for each log: %s", count, r.log)
	}
	seconds.Store(10)
	r.submit(log.Fork(3).Request(10, 10).Marshal())
	if text := r.log.String(); strings.Count(text, "msg=refused") != 3 || !strings.Contains(text, "withheld_before=59") {
		t.Errorf("got %s", text)
	}
}

// TestSixteenMLDSACosignatures: a checkpoint that sixteen witnesses have cosigned
// with ML-DSA-44 is cosigned, and so is a request at the cap.
func TestSixteenMLDSACosignatures(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 5)
	r := start(t, server.Timeouts{}, log)
	request := log.Request(0, 5)
	for i := range 16 {
		key := witnesstest.NewKey(t, fmt.Sprintf("witness.example/%d", i), tlog.TypeCosignatureMLDSA44)
		cosignature, err := key.Cosign(request.Checkpoint.Checkpoint, 1800000000)
		if err != nil {
			t.Fatal(err)
		}
		request.Checkpoint.Note.Signatures = append(request.Checkpoint.Note.Signatures, cosignature)
	}
	if size := len(request.Marshal()); size < 52_000 || size > 56_000 {
		t.Fatalf("the request has %d bytes", size)
	}
	r.cosign(request)

	request = log.Request(5, 5)
	for len(request.Marshal()) < witness.MaxRequest {
		missing := witness.MaxRequest - len(request.Marshal())
		line := tlog.NoteSignature{Name: "w.example", KeyID: uint32(missing), Sig: make([]byte, min(7000, missing/2))}
		length := len(line.Line())
		if missing < 8000 {
			// The last line fills up what is missing with its name.
			line.Sig = line.Sig[:1]
			line.Name += strings.Repeat("w", missing-len(line.Line()))
			length = missing
		}
		request.Checkpoint.Note.Signatures = append(request.Checkpoint.Note.Signatures, line)
		if got := witness.MaxRequest - len(request.Marshal()); got != missing-length {
			t.Fatalf("%d bytes are missing, want %d", got, missing-length)
		}
	}
	body := request.Marshal()
	if len(body) != witness.MaxRequest {
		t.Fatalf("the request has %d bytes", len(body))
	}
	if got := r.submit(body); got.status != http.StatusOK {
		t.Errorf("at the cap: got %d %.200s", got.status, got.body)
	}
	r.refused(log, append(body, '\n'), http.StatusRequestEntityTooLarge)
}
