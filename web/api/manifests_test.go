package api

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/muster-log/muster/release"
)

// TestManifestThatDoesNotCome: a manifest whose body stops is given up, and one
// that grows over the bound is not read on.
func TestManifestThatDoesNotCome(t *testing.T) {
	server := echo.New()
	ended := make(chan error, 1)
	for path, timeout := range map[string]time.Duration{"/slow": 50 * time.Millisecond, "/large": time.Minute} {
		server.POST(path, func(c echo.Context) error {
			_, err := receiveManifest(c, timeout)
			ended <- err
			return err
		})
	}
	listening := httptest.NewServer(server)
	defer listening.Close()
	connection, err := net.Dial("tcp", listening.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	fmt.Fprint(connection, "POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
	if refused, ok := errors.AsType[*Error](<-ended); !ok || refused.Code != CodeBody {
		t.Errorf("got %v", refused)
	}

	chunked, err := net.Dial("tcp", listening.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer chunked.Close()
	fmt.Fprint(chunked, "POST /large HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
	fmt.Fprintf(chunked, "%x\r\n", release.MaxOMSManifest+1)
	go chunked.Write(bytes.Repeat([]byte("x"), release.MaxOMSManifest+1))
	if err := <-ended; release.CodeOf(err) != release.CodeManifestSize {
		t.Errorf("got %v", err)
	}
}

// TestOneManifestAtATime: while one is parsed, another is told to come again.
func TestOneManifestAtATime(t *testing.T) {
	list := []release.Resource{{Name: "a"}}
	root := release.OMSRoot(list)
	data, err := release.OMSManifest(root, list)
	if err != nil {
		t.Fatal(err)
	}
	a := New(Config{})
	a.parsing <- struct{}{}
	err = a.judgeManifest(t.Context(), data, sha256.Sum256(data), []release.Digest{root})
	if refused, ok := errors.AsType[*Error](err); !ok || refused.Code != CodeBusy || refused.Retry == 0 {
		t.Errorf("got %v", err)
	}
	<-a.parsing
	if err := a.judgeManifest(t.Context(), data, sha256.Sum256(data), []release.Digest{root}); err != nil || len(a.parsing) != 0 {
		t.Errorf("got %v, %d places taken", err, len(a.parsing))
	}
}
