package server_test

import (
	"context"
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

// gate is a limiter that holds each signed request until it is opened.
type gate struct{ came, opened chan struct{} }

func (g gate) Signed() (time.Duration, bool) {
	g.came <- struct{}{}
	<-g.opened
	return 0, true
}

func (gate) Growth(string, uint64) (time.Duration, bool) { return 0, true }

func (gate) Repeat(string, uint64) (time.Duration, bool) { return 0, true }

func (gate) Unknown() (time.Duration, bool) { return 0, true }

// TestDecidedIsAnswered: a request that is being decided keeps its connection,
// however many others come meanwhile.
func TestDecidedIsAnswered(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 5)
	r := start(t, server.Timeouts{}, log)
	g := gate{make(chan struct{}, 1), make(chan struct{})}
	w, err := witness.New(witness.Config{Keys: r.keys, State: r.db, Limiter: g})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() {
		served <- server.New(server.Config{Witness: w, Timeouts: server.Timeouts{Header: time.Minute, Read: time.Minute, Stop: time.Second}}).Serve(ctx, listener)
	}()
	defer func() { cancel(); <-served }()
	status := make(chan string, 1)
	go func() {
		response, err := http.Post("http://"+listener.Addr().String()+"/add-checkpoint", "", strings.NewReader(string(log.Request(0, 5).Marshal())))
		if err != nil {
			status <- err.Error()
			return
		}
		response.Body.Close()
		status <- response.Status
	}()
	<-g.came
	for range 600 {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		// It asks, too, and later than the one that is being decided: what the
		// server answers says that it has begun to read the body.
		if _, err := io.WriteString(conn, "POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	close(g.opened)
	if got := <-status; got != "200 OK" {
		t.Errorf("the request that was being decided got %s", got)
	}
}
