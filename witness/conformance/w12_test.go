package conformance

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/witnesstest"
)

// w12: what a request may cost.
var w12 = []check{
	{name: "W12.16-ml-dsa-signatures", run: signatures(16, 2428)},
	{name: "W12.16-signatures-of-5000-bytes", run: signatures(16, 4996)},
	{name: "W12.63-hashes-and-16-signatures", run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(13)
		s.cosign(log.Request(0, 6))
		request := log.Request(6, 13)
		request.Proof = make([]tlog.Hash, 63)
		addSignatures(request, 16, 2428)
		s.refused(log, request.Marshal(), http.StatusUnprocessableEntity)
	}},
	{name: "W12.body-over-the-cap", run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(5)
		body := append(log.Request(0, 5).Marshal(), make([]byte, 1<<20)...)
		got, err := s.try(http.MethodPost, "/add-checkpoint", strings.NewReader(string(body)))
		// It may hang up rather than take in a megabyte to answer it.
		if err == nil && (got.status < 400 || got.status > 499) {
			t.Errorf("got %v, want 413 or another 4xx", got)
		}
		if size := s.cosignedSize(log); size != 0 {
			t.Errorf("size %d was cosigned", size)
		}
	}},
	{name: "W12.declared-over-the-cap-is-not-waited-for", beyond: true, run: func(t *T) {
		s := t.sharedSite()
		connection, reader := s.dial()
		began := time.Now()
		if _, err := fmt.Fprintf(connection, "POST /add-checkpoint HTTP/1.1\r\nHost: witness.example\r\nContent-Length: %d\r\n\r\nold 0\n", 1<<30); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatalf("no answer: %v", err)
		}
		defer response.Body.Close()
		if took := time.Since(began); response.StatusCode < 400 || response.StatusCode > 499 || took > 3*time.Second {
			t.Errorf("a declared body of 1 GiB got %s after %v, want 413 or another 4xx at once", response.Status, took.Round(time.Second))
		}
	}},
	{name: "W12.endless-body", run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(5)
		body := string(log.Request(0, 5).Marshal())
		reader, writer := io.Pipe()
		defer reader.Close()
		go func() {
			// The pipe is closed when the request ends; the bound keeps a witness
			// without one from filling this machine.
			for range 64 << 20 / len(body) {
				if _, err := io.WriteString(writer, body); err != nil {
					return
				}
			}
			writer.CloseWithError(fmt.Errorf("it takes more than 64 MiB"))
		}()
		got, err := s.try(http.MethodPost, "/add-checkpoint", reader)
		if err != nil && strings.Contains(err.Error(), "more than 64 MiB") {
			t.Fatal(err)
		}
		if err == nil && (got.status < 400 || got.status > 499) {
			t.Errorf("got %v, want 413 or another 4xx", got)
		}
		if size := s.cosignedSize(log); size != 0 {
			t.Errorf("size %d was cosigned", size)
		}
	}},
	{name: "W12.slow-clients-cut-off", run: slowClients},
	{name: "W12.429-per-origin", beyond: true, run: originRate},
	{name: "W12.429-for-unknown-origins", beyond: true, run: func(t *T) {
		s := t.limitedSite("--unknown-rate", "2")
		log, stranger := s.follow(9), t.log(9)
		body := stranger.Request(0, 5).Marshal()
		s.refusedAsTooMany("unknown origin", http.StatusNotFound, func() answer { return s.submit(body) })
		// Other unknown origins share the limit, known ones do not feel it.
		if got := s.submit(t.log(3).Request(0, 3).Marshal()); got.status != http.StatusTooManyRequests {
			t.Errorf("another unknown origin: got %v, want 429", got)
		}
		s.cosign(log.Request(0, 5))
	}},
	{name: "W12.429-for-all-together", beyond: true, run: func(t *T) {
		s := t.limitedSite("--rate", "4")
		logs := []*witnesstest.Log{s.follow(1), s.follow(1), s.follow(1)}
		next := 0
		s.refusedAsTooMany("all together", http.StatusConflict, func() answer {
			next++
			log := logs[next%len(logs)]
			return s.submit((&witness.AddCheckpoint{OldSize: 1, Checkpoint: log.Checkpoint(1)}).Marshal())
		})
	}},
}

// addSignatures adds lines of unknown keys, of so many bytes each.
func addSignatures(request *witness.AddCheckpoint, count, length int) {
	for i := range count {
		line := tlog.NoteSignature{Name: fmt.Sprintf("witness.example/%d", i), KeyID: uint32(i), Sig: make([]byte, length)}
		rand.Read(line.Sig)
		request.Checkpoint.Note.Signatures = append(request.Checkpoint.Note.Signatures, line)
	}
}

// signatures is the check that a note with so many further lines is cosigned:
// https://c2sp.org/signed-note wants 16, and speaks of nearly 5 kB each.
func signatures(count, length int) func(*T) {
	return func(t *T) {
		s := t.sharedSite()
		log := s.follow(5)
		request := log.Request(0, 5)
		addSignatures(request, count-1, length)
		s.cosign(request)
	}
}

// slowClients opens connections that send little or nothing; none may stay open.
func slowClients(t *T) {
	const wait = 45 * time.Second
	s := t.sharedSite()
	log := s.follow(5)
	var group sync.WaitGroup
	for name, sent := range map[string]string{
		"nothing":       "",
		"half a header": "POST /add-checkpoint HTTP/1.1\r\nHost: x\r\n",
		"half a body":   "POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nold 0\n",
		"half a chunk":  "POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nold 0\n\r\n",
	} {
		connection, reader := s.dial()
		if err := connection.SetReadDeadline(time.Now().Add(wait)); err != nil {
			t.Fatal(err)
		}
		group.Go(func() {
			if _, err := io.WriteString(connection, sent); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			// This ends well, or with a reset, once the server has closed.
			answer, err := io.ReadAll(reader)
			if timeout, ok := err.(interface{ Timeout() bool }); ok && timeout.Timeout() {
				t.Errorf("a client that sent %s is still connected after %v", name, wait)
			}
			if strings.Contains(string(answer), " 200 ") {
				t.Errorf("a client that sent %s got %q", name, answer)
			}
		})
	}
	group.Wait()
	s.cosign(log.Request(0, 5))
}

// limitedSite is a witness of this check alone with a limit.
func (t *T) limitedSite(flags ...string) *site {
	t.Helper()
	if t.program.foreign() {
		t.notApplicable("it has no rate limits, and no specification asks for them")
	}
	return t.ownSite(flags...)
}

// refusedAsTooMany asks until it gets a 429, which says when to come back; then
// the limit holds no longer.
func (s *site) refusedAsTooMany(what string, before int, ask func() answer) {
	s.t.Helper()
	for i := range 400 {
		got := ask()
		if got.status == before {
			continue
		}
		if got.status != http.StatusTooManyRequests {
			s.t.Fatalf("%s: request %d got %v, want %d or 429", what, i+1, got, before)
		}
		if i == 0 {
			s.t.Fatalf("%s: the first request got 429", what)
		}
		seconds, err := strconv.Atoi(got.header.Get("Retry-After"))
		if err != nil || seconds < 1 || seconds > 60 {
			s.t.Fatalf("%s: 429 with Retry-After %q, want seconds", what, got.header.Get("Retry-After"))
		}
		return
	}
	s.t.Fatalf("%s: 400 requests in a row were answered", what)
}

// originRate: one log that asks too often is told to wait, another is not.
func originRate(t *T) {
	s := t.limitedSite("--origin-rate", "2")
	log, other := s.follow(9), s.follow(9)
	s.cosign(log.Request(0, 5))
	body := log.Request(5, 5).Marshal()
	s.refusedAsTooMany("one origin", http.StatusOK, func() answer { return s.submit(body) })
	s.cosign(other.Request(0, 5))
	got := s.submit(body)
	for got.status == http.StatusTooManyRequests {
		seconds, err := strconv.Atoi(got.header.Get("Retry-After"))
		if err != nil || seconds < 1 || seconds > 60 {
			t.Fatalf("429 with Retry-After %q", got.header.Get("Retry-After"))
		}
		time.Sleep(time.Duration(seconds) * time.Second)
		next := s.submit(body)
		if next.status == http.StatusTooManyRequests {
			t.Fatalf("after the %d s it was told to wait: got %v", seconds, next)
		}
		got = next
	}
	s.cosign(log.Request(5, 9))
}
