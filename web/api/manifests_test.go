package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/muster-log/muster/release"
)

// TestManifestThatDoesNotCome: a manifest whose body stops is given up, and one
// that grows over the bound is not read on.
func TestManifestThatDoesNotCome(t *testing.T) {
	server, spool := echo.New(), t.TempDir()
	ended := make(chan error, 1)
	for path, timeout := range map[string]time.Duration{"/slow": 50 * time.Millisecond, "/large": time.Minute} {
		server.POST(path, func(c echo.Context) error {
			_, err := New(Config{ManifestTimeout: timeout, Spool: spool}).receiveManifest(c)
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
	noFiles(t, spool)
}

// noFiles wants an empty directory.
func noFiles(t *testing.T, directory string) {
	t.Helper()
	if left, err := os.ReadDir(directory); err != nil || len(left) != 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

// TestManifestThatCannotBeSpooled: a disk that is full, or away, is this side's.
func TestManifestThatCannotBeSpooled(t *testing.T) {
	server, ended := echo.New(), make(chan error, 1)
	server.POST("/", func(c echo.Context) error {
		_, err := New(Config{Spool: filepath.Join(t.TempDir(), "missing")}).receiveManifest(c)
		ended <- err
		return err
	})
	listening := httptest.NewServer(server)
	defer listening.Close()
	response, err := http.Post(listening.URL, typeJSON, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if refused, ok := errors.AsType[*Error](<-ended); !ok || refused.Code != CodeUnavailable || refused.Retry == 0 {
		t.Errorf("got %v", refused)
	}
}

// TestSlowestGivesUpItsPlace: where no place is free, the one that brought least in
// its time goes, and none that has just come.
func TestSlowestGivesUpItsPlace(t *testing.T) {
	ended := map[string]bool{}
	enter := func(a *arrivals, name string) (*arrival, error) {
		return a.enter(t.Context(), func() { ended[name] = true })
	}
	a := newArrivals()
	a.most, a.grace = 3, 0
	for name, bytes := range map[string]int64{"fast": 1000, "slow": 1, "middling": 100} {
		one, err := enter(a, name)
		if err != nil {
			t.Fatal(err)
		}
		one.bytes.Store(bytes)
		one.began = one.began.Add(-time.Minute)
	}
	for _, want := range []string{"slow", "middling", "fast"} {
		one, err := enter(a, "after "+want)
		if err != nil || !ended[want] || len(a.under) != 3 {
			t.Fatalf("%s: ended are %v, %v", want, ended, err)
		}
		one.bytes.Store(1 << 40)
	}
	if len(ended) != 3 {
		t.Errorf("ended are %v", ended)
	}
	// One that sends does not give way to many that have just come.
	a = newArrivals()
	a.most, a.grace = 3, time.Hour
	for _, age := range []time.Duration{2 * time.Hour, 0, 0} {
		one, err := enter(a, "not it")
		if err != nil {
			t.Fatal(err)
		}
		one.bytes.Store(int64(age))
		one.began = one.began.Add(-age)
	}
	_, err := enter(a, "too many")
	if ended["not it"] {
		t.Error("it gave way")
	}
	if refused, ok := errors.AsType[*Error](err); !ok || refused.Code != CodeBusy || refused.Retry == 0 {
		t.Errorf("got %v", err)
	}
	for one := range a.under {
		a.leave(one)
		break
	}
	if _, err := enter(a, "the last"); err != nil {
		t.Error(err)
	}
}

// countingManifests counts what is stored, and stores nothing before it may.
type countingManifests struct {
	may chan struct{}
	put atomic.Int32
}

func (m *countingManifests) Put(context.Context, release.Digest, []byte) error {
	m.put.Add(1)
	<-m.may
	return nil
}

func (m *countingManifests) Open(context.Context, release.Digest) (io.ReadSeekCloser, error) {
	return nil, fs.ErrNotExist
}

// TestUploadsOfOneManifestJoin: they take one place in memory, and are stored once.
func TestUploadsOfOneManifestJoin(t *testing.T) {
	list := []release.Resource{{Name: "a"}}
	root := release.OMSRoot(list)
	data, err := release.OMSManifest(root, list)
	if err != nil {
		t.Fatal(err)
	}
	const uploads = 3 * maxStoring
	manifests, directory := &countingManifests{may: make(chan struct{})}, t.TempDir()
	a := New(Config{Manifests: manifests})
	statuses := make(chan int, uploads)
	var all []*spooled
	for range uploads {
		arrived, err := spool(directory)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := arrived.file.Write(data); err != nil {
			t.Fatal(err)
		}
		arrived.size, arrived.digest = int64(len(data)), sha256.Sum256(data)
		all = append(all, arrived)
		go func() {
			defer arrived.Close()
			status, err := a.keepManifest(t.Context(), arrived, []release.Digest{root})
			if err != nil {
				t.Error(err)
			}
			statuses <- status
		}()
	}
	// Those that join give their files up at once.
	open := func() (n int) {
		for _, arrived := range all {
			if _, err := arrived.file.Stat(); err == nil {
				n++
			}
		}
		return n
	}
	for deadline := time.Now().Add(10 * time.Second); manifests.put.Load() == 0 || open() > 1; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d are stored, %d have their files", manifests.put.Load(), open())
		}
	}
	if n := len(a.storing); n != 1 {
		t.Errorf("%d are in memory", n)
	}
	close(manifests.may)
	made := 0
	for range uploads {
		if status := <-statuses; status == http.StatusCreated {
			made++
		} else if status != http.StatusOK {
			t.Errorf("status %d", status)
		}
	}
	if n := manifests.put.Load(); n != int32(made) || made != 1 || len(a.keeping) != 0 {
		t.Errorf("stored %d times, %d made it, %d are kept", n, made, len(a.keeping))
	}
	noFiles(t, directory)
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
