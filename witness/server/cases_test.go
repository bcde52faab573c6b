package server_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/server"
	"github.com/muster-log/muster/witness/witnesstest"
)

// That every case is answered as it must be is checked from outside, in package
// conformance. What needs a look inside is here: the log, and time-outs that are
// short enough for a test.

// TestForkIsToldToTheOperator: the refusal of a checkpoint that its log signed is
// a warning in the log.
func TestForkIsToldToTheOperator(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 20)
	r := start(t, server.Timeouts{}, log)
	r.cosign(log.Request(0, 10))
	r.refused(log, log.Fork(5).Request(10, 10).Marshal(), http.StatusUnprocessableEntity)
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(r.log.String(), "level=WARN msg=refused kind=same-size-other-root") {
		t.Errorf("the operator was not told: %s", r.log)
	}
}

func TestW12BodyOverTheCap(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 5)
	r := start(t, server.Timeouts{}, log)
	body := string(log.Request(0, 5).Marshal()) + strings.Repeat("x", witness.MaxRequest)
	r.refused(log, []byte(body), http.StatusRequestEntityTooLarge)

	// Without a declared length the body is cut off where the cap is: this one
	// has no end.
	reader, writer := io.Pipe()
	go func() {
		for {
			if _, err := io.WriteString(writer, body); err != nil {
				return
			}
		}
	}()
	defer reader.Close()
	if got := r.do(http.MethodPost, "/add-checkpoint", reader); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("got %d %q, want 413", got.status, got.body)
	}
}

func TestW12SlowClientIsCutOff(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 5)
	r := start(t, server.Timeouts{Read: 50 * time.Millisecond}, log)
	for name, sent := range map[string]string{
		"nothing":       "",
		"half a header": "POST /add-checkpoint HTTP/1.1\r\nHost: x\r\n",
		"half a body":   "POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nold 0\n",
		"an idle chunk": "POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nold 0\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			connection, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer connection.Close()
			if _, err := io.WriteString(connection, sent); err != nil {
				t.Fatal(err)
			}
			// This returns only once the server has closed the connection.
			answer, err := io.ReadAll(connection)
			if strings.Contains(string(answer), " 200 ") {
				t.Errorf("got %q, %v", answer, err)
			}
		})
	}
	r.cosign(log.Request(0, 5))
}
