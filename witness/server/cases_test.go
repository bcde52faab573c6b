package server_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/server"
	"github.com/muster-log/muster/witness/witnesstest"
)

func TestW3RaceFromOneOldSize(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 60)
	r := start(t, server.Timeouts{}, log)
	for from := 0; from < 30; from += 10 {
		if from > 0 {
			size := 0
			fmt.Sscan(r.submit(log.Request(0, 1).Marshal()).body, &size)
			r.cosign(log.Request(size, from+20))
			from += 20
		}
		var group sync.WaitGroup
		var won atomic.Int32
		var largest atomic.Int64
		for to := from + 1; to <= from+20; to++ {
			group.Go(func() {
				switch got := r.submit(log.Request(from, to).Marshal()); got.status {
				case http.StatusOK:
					won.Add(1)
					largest.Store(int64(to))
				case http.StatusConflict:
				default:
					t.Errorf("got %d %q", got.status, got.body)
				}
			})
		}
		group.Wait()
		if won.Load() != 1 {
			t.Errorf("from %d: %d requests got 200, want 1", from, won.Load())
		}
		kept, err := tlog.ParseCheckpoint([]byte(r.latest(log.Origin).body))
		if err != nil || int64(kept.Size) != largest.Load() {
			t.Errorf("from %d: kept %v, %v, want the winner's %d", from, kept, err, largest.Load())
		}
	}
}

func TestW8EquivocationIsNeverCosigned(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 20)
	r := start(t, server.Timeouts{}, log)
	r.cosign(log.Request(0, 10))
	for at := range 10 {
		fork := log.Fork(at)
		r.refused(log, fork.Request(10, 10).Marshal(), http.StatusUnprocessableEntity)
		r.refused(log, fork.Request(10, 15).Marshal(), http.StatusUnprocessableEntity)
		r.refused(log, fork.Request(0, 10).Marshal(), http.StatusConflict)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(r.log.String(), "level=WARN msg=refused kind=same-size-other-root") {
		t.Errorf("the operator was not told: %s", r.log)
	}
}

func TestW9ForgedOwnLineIsIgnored(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 5)
	r := start(t, server.Timeouts{}, log)
	request := log.Request(0, 5)
	var forged []string
	for _, key := range r.keys.Verifiers() {
		line := tlog.NoteSignature{Name: key.Name, KeyID: key.KeyID, Sig: make([]byte, 72)}
		request.Checkpoint.Note.Signatures = append(request.Checkpoint.Note.Signatures, line)
		forged = append(forged, line.Line())
	}
	got := r.submit(request.Marshal())
	if got.status != http.StatusOK {
		t.Fatalf("got %d %q", got.status, got.body)
	}
	kept := r.latest(log.Origin).body
	for _, line := range forged {
		if strings.Contains(got.body, line) || strings.Contains(kept, line) {
			t.Errorf("the forged line came back: %q", line)
		}
	}
	r.verify(string(log.Checkpoint(5).Marshal())+got.body, log.Checkpoint(5))
	r.verify(kept, log.Checkpoint(5))
}

func TestW10OriginSignedByAnothersKey(t *testing.T) {
	a, b := witnesstest.NewLog(t, "log.example/a", 5), witnesstest.NewLog(t, "log.example/b", 5)
	r := start(t, server.Timeouts{}, a, b)
	swapped := &witness.AddCheckpoint{Checkpoint: b.Sign(a.Checkpoint(5).Checkpoint)}
	r.refused(a, swapped.Marshal(), http.StatusForbidden)
	// Nor with b's signature under a's name and key id.
	swapped.Checkpoint.Note.Signatures[0].Name = a.Origin
	swapped.Checkpoint.Note.Signatures[0].KeyID = a.Key.Verifier().KeyID
	r.refused(a, swapped.Marshal(), http.StatusForbidden)
	r.cosign(a.Request(0, 5))
	r.cosign(b.Request(0, 5))
}

func TestW7SecondKeyKeepsSizeAndRoot(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 9)
	r := start(t, server.Timeouts{}, log)
	r.cosign(log.Request(0, 5))
	rotated := *log
	rotated.Key = witnesstest.NewKey(t, log.Origin, tlog.TypeEd25519)
	r.refused(log, rotated.Request(5, 9).Marshal(), http.StatusForbidden)
	if _, err := r.db.AddLog(t.Context(), log.Origin, rotated.Key.Verifier()); err != nil {
		t.Fatal(err)
	}
	r.refused(log, rotated.Request(0, 9).Marshal(), http.StatusConflict)
	r.cosign(rotated.Request(5, 9))
	r.cosign(log.Request(9, 9))
}

// TestLogSignsWithMLDSA: a log's own key may be an ML-DSA-44 one.
func TestLogSignsWithMLDSA(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 9)
	key := witnesstest.NewKey(t, log.Origin, tlog.TypeCosignatureMLDSA44)
	r := start(t, server.Timeouts{}, log)
	if _, err := r.db.AddLog(t.Context(), log.Origin, key.Verifier()); err != nil {
		t.Fatal(err)
	}
	request := log.Request(0, 9)
	signature, err := key.Cosign(request.Checkpoint.Checkpoint, 1800000000)
	if err != nil {
		t.Fatal(err)
	}
	request.Checkpoint.Note.Signatures = []tlog.NoteSignature{signature}
	bad := log.Request(0, 8)
	bad.Checkpoint.Note.Signatures = []tlog.NoteSignature{signature}
	r.refused(log, bad.Marshal(), http.StatusForbidden)
	r.cosign(request)
}

// TestW12SixteenMLDSASignatures: what every verifier must accept is accepted.
func TestW12SixteenMLDSASignatures(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 5)
	r := start(t, server.Timeouts{}, log)
	request := log.Request(0, 5)
	for i := range 16 {
		line := tlog.NoteSignature{Name: fmt.Sprintf("witness.example/%d", i), KeyID: uint32(i), Sig: make([]byte, 2428)}
		rand.Read(line.Sig)
		request.Checkpoint.Note.Signatures = append(request.Checkpoint.Note.Signatures, line)
	}
	if size := len(request.Marshal()); size < 52_000 {
		t.Fatalf("the request has only %d bytes", size)
	}
	r.cosign(request)
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

func TestW13ExtensionLinesGetNoMLDSACosignature(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 9)
	r := start(t, server.Timeouts{}, log)
	extended := log.Request(0, 5)
	extended.Checkpoint = log.Checkpoint(5, "an extension", "another")
	got := r.cosign(extended)
	if lines, err := tlog.ParseSignatureLines(got.body); err != nil || len(lines) != 1 || lines[0].KeyID != r.keys.Verifiers()[0].KeyID {
		t.Errorf("got %q, want the Ed25519 cosignature alone", got.body)
	}
	r.verify(r.latest(log.Origin).body, extended.Checkpoint)
	// The same tree without them gets both.
	r.cosign(log.Request(5, 5))
}

func TestW15MonitorRetrieval(t *testing.T) {
	log := witnesstest.NewLog(t, "key.example", 9)
	other := witnesstest.NewLog(t, "log.example/other", 9)
	r := start(t, server.Timeouts{}, other)
	// An origin that is not its key's name, and no URL path as it stands.
	log.Origin = "log.example/a b+c/../d"
	key := log.Key
	if _, err := r.db.AddLog(t.Context(), log.Origin, key.Verifier()); err != nil {
		t.Fatal(err)
	}
	if got := r.latest(log.Origin); got.status != http.StatusNotFound {
		t.Errorf("never cosigned: got %d %q", got.status, got.body)
	}
	if got := r.latest("log.example/unknown"); got.status != http.StatusNotFound {
		t.Errorf("unknown: got %d %q", got.status, got.body)
	}
	for _, size := range []int{5, 9} {
		request := log.Request(map[int]int{5: 0, 9: 5}[size], size)
		cosigned := r.cosign(request)
		got := r.latest(log.Origin)
		if got.status != http.StatusOK || got.body != string(request.Checkpoint.Marshal())+cosigned.body {
			t.Errorf("size %d: got %d %q", size, got.status, got.body)
		}
		checkpoint, err := tlog.ParseCheckpoint([]byte(got.body))
		if err != nil {
			t.Fatal(err)
		}
		if err := checkpoint.VerifySignature(key.Verifier()); err != nil {
			t.Error(err)
		}
		if got.header.Get("Access-Control-Allow-Origin") != "*" || !strings.HasPrefix(got.header.Get("Content-Type"), "text/plain") {
			t.Errorf("headers %v", got.header)
		}
	}
	if got := r.latest(other.Origin); got.status != http.StatusNotFound {
		t.Errorf("the other log: got %d %q", got.status, got.body)
	}

	sum := sha256.Sum256([]byte(log.Origin))
	hash := hex.EncodeToString(sum[:])
	for _, path := range []string{strings.ToUpper(hash), hash[:62], hash + "00", hash[:63] + "g", "%00", "..%2f..%2fetc"} {
		if got := r.do(http.MethodGet, "/"+path+"/checkpoint", nil); got.status != http.StatusNotFound {
			t.Errorf("/%s/checkpoint: got %d %q", path, got.status, got.body)
		}
	}
	if got := r.do(http.MethodPost, "/"+hash+"/checkpoint", nil); got.status != http.StatusMethodNotAllowed {
		t.Errorf("POST: got %d", got.status)
	}
}
