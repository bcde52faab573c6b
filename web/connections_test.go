package web_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/muster-log/muster/web"
	"github.com/muster-log/muster/web/webtest"
)

// TestConnections: those that say nothing keep nobody out, and no more of them are
// open than may be.
func TestConnections(t *testing.T) {
	const most, more = 200, 40
	web.BoundConnections(t, most)
	s := webtest.New(t, webtest.Options{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Server.Serve(ctx, listener) }()
	var quiet []net.Conn
	for range most + more {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		quiet = append(quiet, conn)
	}
	response, err := http.Get("http://" + listener.Addr().String() + "/livez")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("got %s", response.Status)
	}
	closed := 0
	for _, conn := range quiet[:more] { // the quietest
		conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := io.ReadAll(conn); !errors.Is(err, os.ErrDeadlineExceeded) {
			closed++
		}
	}
	if closed != more {
		t.Errorf("%d of the first %d are closed", closed, more)
	}
	for _, conn := range quiet {
		conn.Close()
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
