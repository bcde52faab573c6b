package server_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/transparency-dev/formats/note"
	sumdb "golang.org/x/mod/sumdb/note"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/server"
	"github.com/muster-log/muster/witness/state"
	"github.com/muster-log/muster/witness/witnesstest"
)

const witnessName = "witness.example/w1"

// running is a witness that serves on a port of its own.
type running struct {
	t    testing.TB
	url  string
	keys witness.Keys
	db   *state.Serving
	log  *output
	stop func() error
}

// output is what was logged.
type output struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.String()
}

// start serves a witness that follows the logs, until the test ends.
func start(t testing.TB, timeouts server.Timeouts, logs ...*witnesstest.Log) *running {
	t.Helper()
	return startWith(t, server.Config{Timeouts: timeouts}, logs...)
}

// startWith is start with more of the configuration; what it lacks is filled in.
func startWith(t testing.TB, config server.Config, logs ...*witnesstest.Log) *running {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return startOn(t, listener, config, logs...)
}

// startOn is startWith on a listener.
func startOn(t testing.TB, listener net.Listener, config server.Config, logs ...*witnesstest.Log) *running {
	t.Helper()
	keys, err := witness.GenerateKeys(witnessName)
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	db, err := state.Serve(t.Context(), state.Options{Directory: directory, Anchor: directory + ".anchor", Witness: keys.Verifiers()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	for _, log := range logs {
		if _, err := db.AddLog(t.Context(), log.Origin, log.Key.Verifier()); err != nil {
			t.Fatal(err)
		}
	}
	logged := new(output)
	if config.Logger == nil {
		config.Logger = slog.New(slog.NewTextHandler(logged, nil))
	}
	if config.Witness, err = witness.New(witness.Config{Keys: keys, State: db, Logger: config.Logger}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- server.New(config).Serve(ctx, listener) }()
	r := &running{t: t, url: "http://" + listener.Addr().String(), keys: keys, db: db, log: logged}
	stopOnce := false
	r.stop = func() error {
		if stopOnce {
			return nil
		}
		stopOnce = true
		cancel()
		return <-stopped
	}
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// answer is a response, read whole.
type answer struct {
	status int
	header http.Header
	body   string
}

func (r *running) do(method, path string, body io.Reader) answer {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(text)}
}

func (r *running) submit(body []byte) answer {
	r.t.Helper()
	return r.do(http.MethodPost, "/add-checkpoint", bytes.NewReader(body))
}

// cosign submits a request that must succeed, and checks the cosignatures
// with the implementation of transparency-dev/formats.
func (r *running) cosign(request *witness.AddCheckpoint) answer {
	r.t.Helper()
	got := r.submit(request.Marshal())
	if got.status != http.StatusOK {
		r.t.Fatalf("got %d %q, want 200", got.status, got.body)
	}
	r.verify(string(request.Checkpoint.Marshal())+got.body, request.Checkpoint)
	return got
}

// verify checks that a note of the checkpoint's text has exactly the
// cosignatures that the checkpoint should get, and that they verify.
func (r *running) verify(text string, checkpoint *tlog.SignedCheckpoint) *sumdb.Note {
	r.t.Helper()
	first, err := note.NewVerifierForCosignatureV1(r.keys.Verifiers()[0].String())
	if err != nil {
		r.t.Fatal(err)
	}
	second, err := note.NewMLDSAVerifier(r.keys.Verifiers()[1].String())
	if err != nil {
		r.t.Fatal(err)
	}
	opened, err := sumdb.Open([]byte(text), sumdb.VerifierList(first, second))
	if err != nil {
		r.t.Fatalf("%v in %q", err, text)
	}
	want := 2
	if len(checkpoint.Extensions) > 0 {
		want = 1
	}
	if opened.Text != checkpoint.Note.Text || len(opened.Sigs) != want {
		r.t.Fatalf("got %d cosignatures of %q, want %d of %q", len(opened.Sigs), opened.Text, want, checkpoint.Note.Text)
	}
	for _, signature := range opened.Sigs {
		if signature.Name != witnessName {
			r.t.Errorf("cosigned by %q", signature.Name)
		}
	}
	return opened
}

// refused submits a request that must get that status and change nothing.
func (r *running) refused(log *witnesstest.Log, body []byte, status int) answer {
	r.t.Helper()
	before := r.latest(log.Origin)
	got := r.submit(body)
	if got.status != status {
		r.t.Errorf("got %d %q, want %d", got.status, got.body, status)
	}
	if strings.Contains(got.body, "— ") {
		r.t.Errorf("a refusal holds a signature line: %q", got.body)
	}
	if after := r.latest(log.Origin); after.body != before.body || after.status != before.status {
		r.t.Errorf("the state changed from %q to %q", before.body, after.body)
	}
	return got
}

// latest is what monitors get for an origin.
func (r *running) latest(origin string) answer {
	r.t.Helper()
	hash := sha256.Sum256([]byte(origin))
	return r.do(http.MethodGet, "/"+hex.EncodeToString(hash[:])+"/checkpoint", nil)
}
